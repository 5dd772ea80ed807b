//! `musiclime predict`.

use super::progress::Bars;
use super::{files, song};
use crate::Result;
use crate::explain::{Request, predict};
use crate::explanation::Predictions;
use std::path::PathBuf;

/// Predict the classes of a song, most probable first, as JSON.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: song::Args,

    /// Where to write the JSON [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let request =
        Request { preset: args.input.preset, window_start: args.input.window, ..Request::default() };
    pollster::block_on(async {
        let opened = args.input.open(&mut Bars::new()).await?;
        let predictions = predict(&opened.listener, &opened.song, &opened.lyrics, &request).await?;
        let json = files::to_json(&Predictions { predictions })?;
        files::write(args.out.as_deref(), &json)
    })
}
