//! Making a bundle of a checkpoint, tensor by tensor.

use super::bundle::{Bundle, OpenUnmixEntry, SCHEMA, Separator};
use super::checkpoint::{self, Checkpoint};
use super::digest::sha256;
use super::dir::MANIFEST;
use super::files::{Dtype, FileEntry, MAX_FILE_BYTES, WeightsEntry, payload_bytes};
use super::separator_files::SeparatorSource;
use super::settings::Settings;
use super::shards::is_shard;
use super::write::{Planned, unwritable, write_stream, write_whole};
use super::{ModelConfig, RobertaConfig, bundle, inventory, names, schema};
use crate::lyrics::{Tokenizer, tokenizer_json};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What to make of a checkpoint.
#[derive(Debug, Clone)]
pub struct Options {
    /// The PyTorch or safetensors file.
    pub checkpoint: PathBuf,
    /// The classes, in the order of the logits.
    pub labels: Vec<String>,
    /// The encoders and the preprocessing.
    pub settings: Settings,
    /// A `tokenizer.json`, or a folder with one or with `vocab.json` and `merges.txt`.
    pub tokenizer: Option<PathBuf>,
    /// A folder of Open-Unmix target state dicts, or a bundle whose separator is taken over; without
    /// one songs are split by signal processing.
    pub separator: Option<PathBuf>,
    /// How to store the weights.
    pub dtype: Dtype,
    /// A short name; without one it is made of the name of the bundle's folder.
    pub id: Option<String>,
    /// A name for people; the short one if there is none.
    pub title: Option<String>,
    /// What the model is, and what it isn't.
    pub description: Option<String>,
    /// The terms of the weights.
    pub licence: Option<String>,
}

/// What a conversion did.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// The manifest that was written.
    pub bundle: Bundle,
    /// Tensors of the checkpoint that the model does not need.
    pub left_out: Vec<String>,
    /// Python objects in the checkpoint that were not looked at.
    pub others: Vec<String>,
}

/// Converts a checkpoint into a bundle in the folder `out`, which is made if it is not there.
///
/// A bundle that is already there is replaced; other files are left alone. Memory is bounded by
/// the checkpoint's largest tensor. `bundle.json` is written last and put in place as a whole,
/// so a conversion that was interrupted is never mistaken for a bundle. `progress` hears the
/// numbers that are done and those in all.
///
/// # Errors
/// If an input can't be read or they do not fit each other (before anything is written), if a
/// tensor holds values that can't be stored, or if writing fails.
pub fn convert(options: &Options, out: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<Converted> {
    let source = checkpoint::open(&options.checkpoint)?;
    let tensors = source.tensors();
    let found = names::recognise(tensors.iter().map(|(name, _)| *name))
        .map_err(|e| e.context(options.checkpoint.display()))?;
    let settings = options.settings.clone().for_task(found.task)?;
    let config = ModelConfig {
        task: found.task,
        classes: options.labels.len(),
        audio: settings.audio.clone(),
        text: settings.text.clone(),
    };
    config.validate()?;
    payload_bytes(&schema(&config), options.dtype)?;
    let plan = plan(&config, (&*source, &options.checkpoint), &found)
        .map_err(|e| e.context(options.checkpoint.display()))?;
    let separator = match &options.separator {
        Some(_) if settings.audio.is_none() => {
            return Err(Error::input("the checkpoint hears no audio, so it takes no separator")
                .hint("leave --separator out"));
        }
        Some(dir) => Some(SeparatorSource::open(dir)?),
        None => None,
    };
    let separator_plan = match &separator {
        Some(SeparatorSource::Files(files)) => files.plan()?,
        _ => Vec::new(),
    };
    let tokenizer = match (&options.tokenizer, &settings.text) {
        (Some(path), Some(text)) => Some(read_tokenizer(path, text)?),
        (Some(_), None) => {
            return Err(Error::input("the checkpoint reads no lyrics, so it takes no tokenizer")
                .hint("leave --tokenizer out"));
        }
        (None, _) => None,
    };
    let id = match &options.id {
        Some(id) => id.clone(),
        None => id_of(out),
    };
    let mut bundle = Bundle {
        schema: SCHEMA,
        title: options.title.clone().unwrap_or_else(|| id.clone()),
        id,
        description: options.description.clone().unwrap_or_default(),
        licence: options.licence.clone().unwrap_or_default(),
        task: found.task,
        labels: options.labels.clone(),
        audio: settings.audio,
        text: settings.text,
        feature_extractor: settings.feature_extractor,
        text_cleaning: settings.text_cleaning,
        max_tokens: settings.max_tokens,
        separator: match &separator {
            None => Separator::Dsp,
            Some(SeparatorSource::Kept(kept)) => Separator::OpenUnmix(kept.entry.clone()),
            Some(SeparatorSource::Files(files)) => Separator::OpenUnmix(Box::new(OpenUnmixEntry {
                config: files.config.clone(),
                dtype: options.dtype,
                weights: WeightsEntry::unwritten(),
            })),
        },
        dtype: options.dtype,
        tokenizer: tokenizer.as_deref().map(|json| FileEntry {
            file: TOKENIZER.into(),
            bytes: json.len() as u64,
            sha256: sha256(json),
        }),
        weights: WeightsEntry::unwritten(),
    };
    bundle.validate_about()?;

    fs::create_dir_all(out).map_err(|e| unwritable(out, &e))?;
    clear(out)?;
    if let Some(json) = &tokenizer {
        write_whole(&out.join(TOKENIZER), json)?;
    }
    let total = plan.iter().chain(&separator_plan).map(Planned::numbers).sum();
    let mut done = 0;
    let mut advance = |numbers| {
        done += numbers;
        progress(done, total);
    };
    advance(0);
    bundle.weights = write_stream(out, CLASSIFIER_STREAM, &plan, options.dtype, &mut advance)?;
    match (&separator, &mut bundle.separator) {
        (Some(SeparatorSource::Kept(kept)), _) => kept.write(out)?,
        (Some(SeparatorSource::Files(_)), Separator::OpenUnmix(entry)) => {
            entry.weights =
                write_stream(out, SEPARATOR_STREAM, &separator_plan, options.dtype, &mut advance)?;
        }
        _ => {}
    }
    write_whole(&out.join(MANIFEST), &bundle.to_json()?)?;
    Ok(Converted { bundle, left_out: found.left_out, others: source.others().to_vec() })
}

/// What the classifier's shards are called after.
const CLASSIFIER_STREAM: &str = "weights";

/// What the separator's shards are called after.
const SEPARATOR_STREAM: &str = "separator";

/// Name of the tokenizer.
const TOKENIZER: &str = "tokenizer.json";

/// The bundle's tensors in the order of the stream, all of them known to be there.
fn plan<'a>(
    config: &ModelConfig,
    (checkpoint, path): (&'a dyn Checkpoint, &'a Path),
    found: &names::Recognised,
) -> Result<Vec<Planned<'a>>> {
    let shapes: std::collections::HashMap<_, _> = checkpoint.tensors().into_iter().collect();
    let expected = schema(config);
    let by_our_names = found
        .sources
        .iter()
        .filter_map(|(ours, theirs)| Some((ours.as_str(), *shapes.get(theirs.as_str())?)));
    inventory::compare(&expected, by_our_names, |name| found.called(name))?;
    Ok(expected
        .into_iter()
        .filter_map(|spec| {
            let source = found.sources.get(&spec.name)?.clone();
            Some(Planned { name: spec.name, shape: spec.shape, checkpoint, path, source })
        })
        .collect())
}

/// The bytes of a `tokenizer.json` that fits the text encoder.
fn read_tokenizer(path: &Path, text: &RobertaConfig) -> Result<Vec<u8>> {
    let read = |path: &Path| {
        fs::read(path).map_err(|e| Error::input(format!("{}: can't be read: {e}", path.display())))
    };
    let json = match path.join(TOKENIZER) {
        inside if inside.is_file() => read(&inside)?,
        _ if path.is_dir() => {
            let (vocab, merges) = (read(&path.join("vocab.json"))?, read(&path.join("merges.txt"))?);
            tokenizer_json(&vocab, &String::from_utf8_lossy(&merges))
                .map_err(|e| e.context(path.display()))?
        }
        _ => read(path)?,
    };
    fits(&json, text).map_err(|e| e.context(path.display()))?;
    if json.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::input(format!(
            "{}: has {} bytes, more than the {MAX_FILE_BYTES} of a file in a bundle",
            path.display(),
            json.len()
        )));
    }
    Ok(json)
}

/// Whether a tokenizer's ids are those that the text encoder was trained with, as far as that
/// can be seen.
pub(crate) fn fits(json: &[u8], text: &RobertaConfig) -> Result<()> {
    let tokenizer = Tokenizer::from_json(json, bundle::positions(text))?;
    if tokenizer.vocab_size() > text.vocab_size {
        return Err(Error::bundle(format!(
            "the tokenizer has ids up to {}, but the text encoder knows {}",
            tokenizer.vocab_size() - 1,
            text.vocab_size
        ))
        .hint("take the tokenizer that the model was trained with"));
    }
    if tokenizer.pad_id() as usize != text.pad_token_id {
        return Err(Error::bundle(format!(
            "the tokenizer pads with {}, but the text encoder with {}",
            tokenizer.pad_id(),
            text.pad_token_id
        ))
        .hint("take the tokenizer that the model was trained with"));
    }
    Ok(())
}

/// Takes away an earlier bundle, its manifest first so that what remains is none.
fn clear(out: &Path) -> Result<()> {
    let old = out.join(MANIFEST);
    let was_bundle = old.exists();
    if was_bundle {
        fs::remove_file(&old).map_err(|e| unwritable(&old, &e))?;
    }
    let entries = fs::read_dir(out).map_err(|e| unwritable(out, &e))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let shard = [CLASSIFIER_STREAM, SEPARATOR_STREAM].iter().any(|stream| is_shard(stream, &name));
        if shard || (was_bundle && name == TOKENIZER) {
            fs::remove_file(entry.path()).map_err(|e| unwritable(&entry.path(), &e))?;
        }
    }
    Ok(())
}

/// A bundle's short name from its folder's: lower case, and a dash for whatever is not allowed.
fn id_of(out: &Path) -> String {
    let name = out.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let id: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .take(64)
        .collect();
    let id = id.trim_start_matches(['.', '_', '-']);
    if id.is_empty() { "model".into() } else { id.into() }
}
