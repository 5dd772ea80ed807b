//! `musiclime surrogate`.

use super::files;
use crate::Result;
use crate::lime::surrogate::{Options, surrogate};
use crate::lime::{FeatureSelection, Preset};
use std::path::PathBuf;

/// Fit LIME's surrogate to masks and scores of any model.
///
/// Reads {"masks": [[0|1, ...], ...], "scores": [...]}, whose first row is the instance itself,
/// and prints {"intercept", "score", "local_prediction", "weights": [[feature, weight], ...]},
/// the largest weight first.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The masks and scores, as JSON
    #[arg(long, value_name = "FILE")]
    masks: PathBuf,

    /// Where the kernel and the ridge penalties come from: paper, lime or default
    #[arg(long, value_name = "NAME", default_value = "paper")]
    preset: Preset,

    /// How many features to keep [default: all]
    #[arg(long, value_name = "N")]
    num_features: Option<usize>,

    /// How they are chosen: auto, highest_weights, forward_selection, lasso_path or none
    #[arg(long, value_name = "HOW")]
    feature_selection: Option<FeatureSelection>,

    /// Where to write the JSON [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A million rows of a hundred features.
const MAX_BYTES: u64 = 512_000_000;

pub(super) fn run(args: &Args) -> Result<()> {
    let json = files::read(&args.masks, MAX_BYTES)?;
    let options = Options {
        preset: args.preset,
        num_features: args.num_features,
        feature_selection: args.feature_selection,
    };
    let fitted = surrogate(&json, options).map_err(|e| e.context(args.masks.display()))?;
    files::write(args.out.as_deref(), &fitted)
}
