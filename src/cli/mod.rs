//! The command line: a thin shell that reads files, shows progress and prints JSON.
//!
//! Exit codes: 0 for success, 1 for a check that failed, 2 for an error, with one line on
//! stderr that names the cause and, where one is known, the next step.

pub mod bundle;
pub mod convert;
mod progress;

use crate::{ErrorKind, Result};
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Why does a multimodal music model call a song "hip hop", or "sad"?
#[derive(Parser)]
#[command(name = "musiclime", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Turn a PyTorch or safetensors checkpoint into a model bundle
    Convert(convert::Args),
    /// Look after model bundles
    #[command(subcommand)]
    Bundle(bundle::Command),
}

/// Runs the command line on the process's arguments.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Convert(args) => convert::run(&args),
        Command::Bundle(command) => return finish(bundle::run(&command)),
    };
    finish(done.map(|()| ExitCode::SUCCESS))
}

fn finish(done: Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) if error.kind() == ErrorKind::Cancelled => ExitCode::from(130),
        Err(error) => {
            eprintln!("musiclime: {error}");
            ExitCode::from(2)
        }
    }
}
