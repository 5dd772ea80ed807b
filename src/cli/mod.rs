//! The command line: a thin shell that reads files, shows progress and prints JSON.
//!
//! Exit codes: 0 for success, 1 for a check or a song of a list that failed, 2 for an error, with one line on
//! stderr that names the cause and, where one is known, the next step.

pub mod bundle;
pub mod convert;
mod explain;
mod files;
mod listen;
mod manifest;
mod predict;
mod progress;
mod sdr;
mod separate;
mod song;
mod surrogate;
mod tally;

use crate::{ErrorKind, Result};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Why does a multimodal music model call a song "hip hop", or "sad"?
///
/// musiclime explains a model's prediction for one song: which moments of which instrument
/// and which words of the lyrics drove it, as one joint ranking (MusicLIME, arXiv 2409.10496).
#[derive(Parser)]
#[command(name = "musiclime", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Predict(predict::Args),
    Explain(explain::Args),
    Separate(separate::Args),
    Sdr(sdr::Args),
    Surrogate(surrogate::Args),
    Convert(convert::Args),
    /// Look after model bundles
    #[command(subcommand)]
    Bundle(bundle::Command),
}

/// Runs the command line on the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Predict(args) => return finish(predict::run(&args)),
        Command::Explain(args) => explain::run(&args),
        Command::Separate(args) => separate::run(&args),
        Command::Sdr(args) => sdr::run(&args),
        Command::Surrogate(args) => surrogate::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Bundle(command) => return finish(bundle::run(&command)),
    };
    finish(done.map(|()| ExitCode::SUCCESS))
}

fn finish(done: Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        // Whoever pressed Ctrl-C knows; 130 is what a shell reports for that.
        Err(error) if error.kind() == ErrorKind::Cancelled => ExitCode::from(130),
        Err(error) => {
            eprintln!("musiclime: {error}");
            ExitCode::from(2)
        }
    }
}
