//! The real binary, and what most tests of it are about.

use std::process::{Command, Output};

pub(crate) const SONG: &str = "tests/data/audio_example.mp3";
pub(crate) const MODEL: &str = "models/demo";

/// Runs the program in the repository's folder.
pub(crate) fn musiclime(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_musiclime"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .output()
        .expect("the binary runs")
}
