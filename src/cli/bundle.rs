//! `musiclime bundle`.

use super::convert::{say, summary};
use super::progress::Bars;
use crate::Result;
use crate::model::{self, Backend, check::check};
use std::path::PathBuf;
use std::process::ExitCode;

/// What to do with bundles.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Check every file, tensor and label of a bundle, and how it computes.
    ///
    /// Verified are size and sha256 of every file, name and shape of every tensor, that every number
    /// is finite, the labels, and the tokenizer. With --golden the model also runs on stored inputs,
    /// and the largest difference between its logits and the stored ones is printed; it may be 1e-3
    /// for f32 weights, and a hundredth of the largest logit (of 1, if all are smaller) for f16.
    ///
    /// Exits with 0 if all is well, 1 if the check failed, 2 if it could not be made.
    Check(CheckArgs),
}

/// Arguments of `musiclime bundle check`.
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The bundle's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Safetensors file with input_values, input_ids and attention_mask (as far as the model takes
    /// them) and the logits that the original model gave, one row per song
    #[arg(long, value_name = "FILE")]
    golden: Option<PathBuf>,

    /// What computes: auto, wgpu or cpu
    #[arg(long, value_name = "BACKEND", default_value = "auto")]
    backend: Backend,
}

/// Runs the command and says whether the bundle passed.
///
/// # Errors
/// If the check can't be made.
pub fn run(command: &Command) -> Result<ExitCode> {
    let Command::Check(args) = command;
    let mut bars = Bars::new();
    let (report, computed) = pollster::block_on(async {
        match &args.golden {
            // Files alone need no device, and looking for a GPU makes some drivers talk.
            None => Ok((check(&args.dir, None, &mut bars).await?, "")),
            Some(golden) => {
                let (device, backend) = model::device(args.backend).await?;
                let report = check(&args.dir, Some((golden, &device)), &mut bars).await?;
                Ok((report, model::backend_name(backend)))
            }
        }
    })?;
    let mut text = report.bundle.as_ref().map(|bundle| summary(&args.dir, bundle)).unwrap_or_default();
    for fault in &report.faults {
        text += &format!("fault: {fault}\n");
    }
    for note in &report.notes {
        text += &format!("note: {note}\n");
    }
    if let Some(found) = &report.agreement {
        text += &format!(
            "largest difference of a logit: {:.3e} over {} row{} on {computed}, bound {:.1e}\n",
            found.largest,
            found.rows,
            if found.rows == 1 { "" } else { "s" },
            found.bound
        );
    }
    text += if report.passed() { "passed\n" } else { "FAILED\n" };
    say(&text)?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
