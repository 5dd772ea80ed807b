//! `musiclime explain`.

use super::progress::Bars;
use super::{files, listen, song};
use crate::explain::drawing::Drawing;
use crate::explain::{Request, explain, listening};
use crate::lime::{FeatureSelection, Modality};
use crate::{Error, Result};
use std::path::PathBuf;

/// Explain a prediction: which sounds and which words drove it.
///
/// The song is split into four stems and each of them into time segments; the lyrics into
/// their distinct words. Many copies of the song, each with a random half of all that switched
/// off, are scored by the model, and a weighted linear model fitted to the scores says what
/// each sound and each word contributes.
///
/// The explanation is printed as JSON. Ctrl-C stops early and prints what is known by then.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    input: song::Args,

    /// Folder with vocals.wav, drums.wav, bass.wav and other.wav, used instead of separating
    #[arg(long, value_name = "DIR")]
    stems: Option<PathBuf>,

    /// Class to explain; repeat for several [default: the most probable one]
    #[arg(long = "label", value_name = "NAME")]
    labels: Vec<String>,

    /// How many of the most probable classes to explain, where no --label is given
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "labels")]
    top_labels: usize,

    /// Perturbed copies of the song to score [default: 1000; preset lime: 5000]
    #[arg(long, value_name = "N")]
    samples: Option<usize>,

    /// Time segments
    #[arg(long, value_name = "N", default_value_t = 10)]
    segments: usize,

    /// Seed of the perturbations; the same seed gives the same explanation
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// What is perturbed: both, audio (lyrics kept whole) or lyrics (audio kept whole)
    #[arg(long, value_name = "WHAT", default_value = "both")]
    modality: Modality,

    /// How many features the explanation keeps [default: all]
    #[arg(long, value_name = "N")]
    num_features: Option<usize>,

    /// How they are chosen: auto, highest_weights, forward_selection, lasso_path or none
    #[arg(long, value_name = "HOW")]
    feature_selection: Option<FeatureSelection>,

    /// Also write all that the page draws of the explanation, as compact JSON: the explanation
    /// itself, the waveform, when which line is sung, and where the words stand
    #[arg(long, value_name = "FILE")]
    drawing: Option<PathBuf>,

    #[command(flatten)]
    listen: listen::Args,

    /// Where to write the JSON [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<()> {
    if args.drawing.is_some() && args.drawing == args.out {
        return Err(Error::input("--out and --drawing name the same file")
            .hint("write the drawing, which has the explanation in it as well, to another"));
    }
    let written = [("--out", args.out.as_deref()), ("--drawing", args.drawing.as_deref())];
    let listen = args.listen.folder(args.modality, &written)?;
    for out in [&args.out, &args.drawing].into_iter().flatten() {
        files::writable(out)?;
    }
    let request = Request {
        preset: args.input.model.preset,
        labels: args.labels.clone(),
        top_labels: args.top_labels,
        samples: args.samples,
        segments: args.segments,
        seed: args.seed,
        modality: args.modality,
        window_start: args.input.model.window,
        num_features: args.num_features,
        feature_selection: args.feature_selection,
    };
    let mut bars = Bars::new();
    pollster::block_on(async {
        let mut opened = args.input.open(&mut bars).await?;
        if listen.is_some() && !opened.listener.hears() {
            return Err(listening::no_sounds());
        }
        if let Some(dir) = &args.stems {
            opened.song.use_stems(song::read_stems(dir, &mut bars).await?)?;
        }
        let explanation =
            explain(&opened.listener, &mut opened.song, &opened.lyrics, &request, &mut bars).await?;
        // First, so that a disk that is full of sounds does not cost the explanation.
        files::write(args.out.as_deref(), &explanation.to_json())?;
        if let Some(path) = &args.drawing {
            let lyrics = args.input.timed_lyrics()?;
            let drawing = Drawing::new(explanation.clone(), &opened.listener, &opened.song, &lyrics)?;
            files::write(Some(path), &drawing.to_json())?;
        }
        match listen {
            Some(folder) => folder.write(&explanation, &opened.listener, &mut opened.song, &mut bars).await,
            None => Ok(()),
        }
    })
}
