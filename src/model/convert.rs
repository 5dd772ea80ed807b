//! Making a bundle of a checkpoint, tensor by tensor.

use super::bundle::{Bundle, Dtype, FileEntry, MAX_FILE_BYTES, SCHEMA, Separator, WeightsEntry};
use super::checkpoint::{self, Checkpoint, Stored};
use super::digest::sha256;
use super::dir::MANIFEST;
use super::header::Header;
use super::settings::Settings;
use super::shards::Cutter;
use super::{ModelConfig, RobertaConfig, bundle, inventory, names, schema};
use crate::lyrics::{Tokenizer, tokenizer_json};
use crate::{Error, Result};
use half::f16;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Numbers that are encoded at a time: enough to make writing cheap, little beside a tensor.
const BLOCK: usize = 1 << 16;

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
    bundle::payload_bytes(&config, options.dtype)?;
    let plan = plan(&config, &*source, &found).map_err(|e| e.context(options.checkpoint.display()))?;
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
        separator: Separator::Dsp,
        dtype: options.dtype,
        tokenizer: tokenizer.as_deref().map(|json| FileEntry {
            file: TOKENIZER.into(),
            bytes: json.len() as u64,
            sha256: sha256(json),
        }),
        weights: WeightsEntry { bytes: 0, sha256: String::new(), shards: Vec::new() },
    };
    bundle.validate_about()?;

    fs::create_dir_all(out).map_err(|e| unwritable(out, &e))?;
    clear(out)?;
    if let Some(json) = &tokenizer {
        write_whole(&out.join(TOKENIZER), json)?;
    }
    let mut cutter = Cutter::new(MAX_FILE_BYTES, |name| {
        Ok(BufWriter::with_capacity(1 << 20, File::create(out.join(name))?))
    });
    let shapes: Vec<_> = plan.iter().map(|t| (t.name.as_str(), t.shape.as_slice())).collect();
    let stored_as = match options.dtype {
        Dtype::F32 => safetensors::Dtype::F32,
        Dtype::F16 => safetensors::Dtype::F16,
    };
    let mut write = |bytes: &[u8]| cutter.write(bytes).map_err(|e| unwritable(out, &e));
    write(&Header::write(&shapes, stored_as)?)?;
    let total = plan.iter().map(Planned::numbers).sum();
    let mut done = 0;
    progress(done, total);
    for tensor in &plan {
        let stored = source.read(&tensor.source)?;
        encode(&stored, tensor, options.dtype, &mut write)
            .map_err(|e| e.context(options.checkpoint.display()))?;
        done += tensor.numbers();
        progress(done, total);
    }
    bundle.weights = cutter.finish().map_err(|e| unwritable(out, &e))?;
    write_whole(&out.join(MANIFEST), &bundle.to_json()?)?;
    Ok(Converted { bundle, left_out: found.left_out, others: source.others().to_vec() })
}

/// Name of the tokenizer.
const TOKENIZER: &str = "tokenizer.json";

/// A tensor of the bundle and where it comes from.
struct Planned {
    name: String,
    shape: Vec<usize>,
    source: String,
}

impl Planned {
    fn numbers(&self) -> u64 {
        self.shape.iter().map(|&d| d as u64).product()
    }
}

/// The bundle's tensors in the order of the stream, all of them known to be there.
fn plan(config: &ModelConfig, source: &dyn Checkpoint, found: &names::Recognised) -> Result<Vec<Planned>> {
    let shapes: std::collections::HashMap<_, _> = source.tensors().into_iter().collect();
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
            Some(Planned { name: spec.name, shape: spec.shape, source })
        })
        .collect())
}

/// Writes a tensor's values, refusing those that would make wrong scores silently.
fn encode(
    stored: &Stored,
    tensor: &Planned,
    dtype: Dtype,
    write: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut block = Vec::with_capacity(BLOCK * dtype.size());
    let mut count = 0u64;
    for value in stored.values() {
        if !value.is_finite() {
            return Err(Error::input(format!("tensor {} holds {value}", tensor.source))
                .hint("the training diverged or the file is damaged; take an earlier checkpoint"));
        }
        match dtype {
            Dtype::F32 => block.extend_from_slice(&value.to_le_bytes()),
            Dtype::F16 => {
                let half = f16::from_f32(value);
                // Clamping would change what the model computes without anyone being told.
                if half.is_infinite() {
                    return Err(Error::input(format!(
                        "tensor {} holds {value}, beyond the largest 16-bit float, 65504",
                        tensor.source
                    ))
                    .hint("store it with --dtype f32"));
                }
                block.extend_from_slice(&half.to_le_bytes());
            }
        }
        count += 1;
        if block.len() == BLOCK * dtype.size() {
            write(&block)?;
            block.clear();
        }
    }
    write(&block)?;
    if count != tensor.numbers() {
        return Err(Error::input(format!(
            "tensor {} has {count} values, which do not fill its shape {:?}",
            tensor.source, tensor.shape
        )));
    }
    Ok(())
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
        let is_shard = name
            .strip_prefix("weights-")
            .and_then(|rest| rest.strip_suffix(".bin"))
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
        if is_shard || (was_bundle && name == TOKENIZER) {
            fs::remove_file(entry.path()).map_err(|e| unwritable(&entry.path(), &e))?;
        }
    }
    Ok(())
}

/// Writes a file under another name first, so that it is there as a whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    write().map_err(|e| unwritable(path, &e))
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

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::input(format!("{}: can't be written: {e}", path.display()))
}
