//! `musiclime convert`.

use crate::model::convert::{Options, convert};
use crate::model::settings::{Settings, parse_labels, published_labels, split_labels};
use crate::model::{Bundle, Dtype, Separator, Task, WeightsEntry};
use crate::{Error, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Turn a PyTorch or safetensors checkpoint into a model bundle.
///
/// The checkpoint is a state dict: of the paper's fusion model (encoders under `audio_model.` and
/// `text_model.`, head under `classifier.`), of ASTForAudioClassification, or of
/// RobertaForSequenceClassification, as transformers 4 or 5 names their tensors. Which one it is
/// is seen by the names. Pickles are parsed, never executed.
///
/// The published checkpoints convert with
///
///   musiclime convert multimodal.pth --labels m4a-genre --config paper --tokenizer roberta-large
///   --dtype f16 --out models/genre
///
/// and `musiclime bundle check models/genre --golden FILE` proves the result.
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The checkpoint: a file by torch.save(model.state_dict(), ...), or safetensors
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,

    /// The classes in the order of the logits: a published set (m4a-genre, m4a-emotion,
    /// audioset-genre), a file (one per line, a JSON list, or transformers' id2label), or a comma list
    #[arg(long, value_name = "NAMES|FILE")]
    labels: String,

    /// The sizes: `paper` (AST-base and RoBERTa-large with the published preprocessing), or a JSON
    /// file {"audio": ..., "text": ...}, each as transformers' config.to_dict() has it, and optionally
    /// "feature_extractor" {sampling_rate, max_frames, num_mel_bins, mean, std},
    /// "text_cleaning" (paper or none) and "max_tokens"
    #[arg(long, value_name = "FILE|paper")]
    config: String,

    /// The text encoder's tokenizer: tokenizer.json, or a folder with it or with vocab.json and
    /// merges.txt; without it the bundle can be checked but not explained with
    #[arg(long, value_name = "FILE|DIR")]
    tokenizer: Option<PathBuf>,

    /// The separator: a folder with Open-Unmix's vocals.pth, drums.pth, bass.pth and other.pth (and
    /// separator.json), as the openunmix package has them, or a bundle whose separator is taken over
    /// [default: signal processing, no weights]
    #[arg(long, value_name = "DIR")]
    separator: Option<PathBuf>,

    /// How to store the weights: f32 is exact, f16 half as large
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    dtype: Storage,

    /// Folder for the bundle; a bundle that is there already is replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Short name: lower-case letters, digits, dots, dashes [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    id: Option<String>,

    /// Name for people [default: the short name]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,

    /// What the model is and what it isn't: trained on what, good for what
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// Terms of the weights, for example "CC BY 4.0"
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Storage {
    F32,
    F16,
}

/// Most bytes of a file of labels or a configuration.
const MAX_TEXT_BYTES: u64 = 10_000_000;

/// Converts, showing progress on a terminal, and says what was made.
///
/// # Errors
/// If an input is wrong or the bundle can't be written.
pub fn run(args: &Args) -> Result<()> {
    let options = Options {
        checkpoint: args.checkpoint.clone(),
        labels: labels(&args.labels)?,
        settings: settings(&args.config)?,
        tokenizer: args.tokenizer.clone(),
        separator: args.separator.clone(),
        dtype: match args.dtype {
            Storage::F32 => Dtype::F32,
            Storage::F16 => Dtype::F16,
        },
        id: args.id.clone(),
        title: args.title.clone(),
        description: args.description.clone(),
        licence: args.licence.clone(),
    };
    // indicatif draws nothing when stderr is not a terminal.
    let bar = ProgressBar::new(1);
    if let Ok(style) = ProgressStyle::with_template("{msg:>20} {bar:30} {percent:>3} %  {eta} left") {
        bar.set_style(style);
    }
    bar.set_message("converting");
    let converted = convert(&options, &args.out, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let converted = converted?;
    let mut text = summary(&args.out, &converted.bundle);
    for (what, names) in
        [("tensors left out", &converted.left_out), ("Python objects ignored", &converted.others)]
    {
        if !names.is_empty() {
            let more = names.len().saturating_sub(8);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = names.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
            text += &format!("{what}: {names}{more}\n");
        }
    }
    if let Err(e) = converted.bundle.can_explain() {
        text += &format!("note: {e}\n");
    }
    say(&text)
}

/// A few lines about a bundle.
pub(super) fn summary(dir: &Path, bundle: &Bundle) -> String {
    let kind = match bundle.task {
        Task::Multimodal => "audio and lyrics (AST, RoBERTa, fusion head)",
        Task::Audio => "audio (AST)",
        Task::Lyrics => "lyrics (RoBERTa)",
    };
    let stream = |dtype: Dtype, weights: &WeightsEntry| {
        format!(
            "{:.1} MB {} in {} shards, sha256 {}",
            weights.bytes as f64 / 1e6,
            dtype.name(),
            weights.shards.len(),
            weights.sha256
        )
    };
    let separator = match &bundle.separator {
        Separator::Dsp => "signal processing, no weights".to_owned(),
        Separator::OpenUnmix(entry) => format!("Open-Unmix, {}", stream(entry.dtype, &entry.weights)),
    };
    format!(
        "{}: {} \"{}\"\nhears: {kind}\nlabels: {}\nweights: {}\nseparator: {separator}\n",
        dir.display(),
        bundle.id,
        bundle.title,
        bundle.labels.join(", "),
        stream(bundle.dtype, &bundle.weights),
    )
}

/// Prints to stdout; a reader that has seen enough is not an error.
pub(super) fn say(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::input(format!("can't write to stdout: {e}")))
        }
        _ => Ok(()),
    }
}

fn labels(given: &str) -> Result<Vec<String>> {
    if let Some(labels) = published_labels(given) {
        return Ok(labels);
    }
    let path = Path::new(given);
    if path.is_file() {
        let text = String::from_utf8_lossy(&read(path)?).into_owned();
        return parse_labels(&text).map_err(|e| e.context(given));
    }
    if given.contains(',') {
        return Ok(split_labels(given));
    }
    Err(Error::input(format!("--labels {given}: there is no such file and no such published set")).hint(
        "published are m4a-genre, m4a-emotion and audioset-genre; or write the names with commas between",
    ))
}

fn settings(given: &str) -> Result<Settings> {
    if given == "paper" {
        return Ok(Settings::paper());
    }
    let path = Path::new(given);
    if !path.exists() {
        return Err(Error::input(format!("--config {given}: there is no such file"))
            .hint("write `paper`, or name a JSON file with \"audio\" and \"text\""));
    }
    Settings::parse(&read(path)?).map_err(|e| e.context(given))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let fail = |e: std::io::Error| Error::input(format!("{}: can't be read: {e}", path.display()));
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(fail)?
        .take(MAX_TEXT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.len() as u64 > MAX_TEXT_BYTES {
        return Err(Error::input(format!("{}: has more than {MAX_TEXT_BYTES} bytes", path.display())));
    }
    Ok(bytes)
}
