//! Proving a bundle: that its files are what its manifest says, and that it computes what the
//! original model computed.

use super::bundle::{Bundle, Part};
use super::classifier::Inputs;
use super::convert::fits;
use super::digest::{Hasher, hex};
use super::dir::{CHUNK, load_dir, open, read_manifest, read_verified, unreadable};
use super::files::{Dtype, damaged};
use super::stream::Parser;
use crate::{Error, ErrorKind, Observer, Result, Stage};
use burn::tensor::Device;
use safetensors::{Dtype as Stored, SafeTensors};
use std::io::Read;
use std::path::Path;

/// Most bytes of a golden file; a row of the paper's model takes half a megabyte.
const MAX_GOLDEN_BYTES: u64 = 1 << 30;

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// The manifest, if it could be read.
    pub bundle: Option<Bundle>,
    /// What is wrong with the bundle; empty if nothing is.
    pub faults: Vec<String>,
    /// What the bundle can't be used for.
    pub notes: Vec<String>,
    /// How it computes, if a golden file was given and the files are sound.
    pub agreement: Option<Agreement>,
}

impl Report {
    /// Whether all is well.
    pub fn passed(&self) -> bool {
        self.faults.is_empty() && self.agreement.as_ref().is_none_or(Agreement::holds)
    }
}

/// How the logits of a bundle compare with those of the original model.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Songs that were compared.
    pub rows: usize,
    /// The largest |difference| of two logits; infinite if any is not a number.
    pub largest: f64,
    /// The most that it may be.
    pub bound: f64,
}

impl Agreement {
    /// Whether the difference is within the bound.
    pub fn holds(&self) -> bool {
        self.largest <= self.bound
    }
}

/// Checks the bundle in a folder: size and sum of every file, name and shape of every tensor,
/// every number finite, labels, tokenizer; and with a golden file (safetensors with
/// `input_values`, `input_ids`, `attention_mask` as far as the model takes them, and `logits`)
/// runs the model on that device, song by song so that memory stays bounded, and compares.
///
/// # Errors
/// If the check can't be made: there is no bundle, the golden file can't be read or is not for
/// this model, the device fails, or the observer stops it. What is wrong with the bundle itself
/// is no error but in the report.
pub async fn check(
    dir: &Path,
    golden: Option<(&Path, &Device)>,
    observer: &mut impl Observer,
) -> Result<Report> {
    let mut report = Report::default();
    let bundle = match read_manifest(dir) {
        Ok(bundle) => bundle,
        Err(e) if e.kind() == ErrorKind::Bundle => {
            report.faults.push(e.to_string());
            return Ok(report);
        }
        Err(e) => return Err(e),
    };
    // Read before the long work, so that a wrong name is heard of at once.
    let golden = golden
        .map(|(path, device)| Golden::read(path, &bundle).map(|golden| (golden, device)))
        .transpose()?;
    let mut done = 0;
    for part in bundle.parts() {
        report.faults.extend(check_weights(dir, &part, (&mut done, bundle.weight_bytes()), observer).await?);
    }
    if let Some((entry, text)) = bundle.tokenizer.as_ref().zip(bundle.text.as_ref())
        && let Err(e) = read_verified(dir, entry).and_then(|json| {
            fits(&json, text).map_err(|e| e.context(format_args!("{}: {}", dir.display(), entry.file)))
        })
    {
        report.faults.push(e.to_string());
    }
    if let Err(e) = bundle.can_explain() {
        report.notes.push(e.to_string());
    }
    if let Some((golden, device)) = golden.filter(|_| report.faults.is_empty()) {
        report.agreement = Some(compare(dir, device, &golden, observer).await?);
    }
    report.bundle = Some(bundle);
    Ok(report)
}

/// Reads all shards of a stream once and says what is wrong with them; goes on after a fault, so
/// that every damaged file is named. `done` of `total` bytes of the bundle have been read.
async fn check_weights(
    dir: &Path,
    part: &Part<'_>,
    (done, total): (&mut u64, u64),
    observer: &mut impl Observer,
) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut parser = Some(Parser::new(part));
    let mut not_finite = Vec::new();
    let mut all = Hasher::new();
    let mut chunk = vec![0; CHUNK];
    for shard in &part.weights.shards {
        let mut file = match open(dir, &shard.file) {
            Ok(file) => file,
            Err(e) => {
                faults.push(e.to_string());
                parser = None;
                continue;
            }
        };
        let mut hasher = Hasher::new();
        let mut length = 0u64;
        let mut unparsed = None;
        loop {
            let n = file.read(&mut chunk).map_err(|e| unreadable(dir, &shard.file, &e))?;
            let Some(piece) = chunk.get(..n).filter(|piece| !piece.is_empty()) else { break };
            hasher.update(piece);
            all.update(piece);
            length += n as u64;
            // A longer file is reported by its length and not read to its possibly distant end.
            if length > shard.bytes {
                break;
            }
            if let Some(parsing) = &mut parser {
                let fed = parsing.feed(piece, &mut |tensor, values| {
                    if !values.iter().all(|v| v.is_finite()) {
                        not_finite.push(tensor.name.clone());
                    }
                    Ok(())
                });
                if let Err(e) = fed {
                    unparsed = Some(e);
                    parser = None;
                }
            }
            *done += n as u64;
            observer.report(Stage::LoadModel, (*done / 1024) as usize, (total / 1024).max(1) as usize);
            observer.check().await?;
        }
        let found = hex(hasher);
        if length != shard.bytes {
            let has = if length > shard.bytes { "more".into() } else { format!("{length}") };
            faults.push(format!(
                "{}: {} has {has} bytes instead of {}",
                dir.display(),
                shard.file,
                shard.bytes
            ));
            parser = None;
        } else if found != shard.sha256 {
            faults.push(damaged(&shard.file, &found, &shard.sha256).context(dir.display()).to_string());
            parser = None;
        } else if let Some(e) = unparsed {
            // Only a fault of its own if the file is as the manifest says.
            faults.push(e.context(format_args!("{}: {}", dir.display(), shard.file)).to_string());
        }
    }
    if faults.is_empty() {
        let found = hex(all);
        if found != part.weights.sha256 {
            faults.push(
                damaged("the stream of all shards", &found, &part.weights.sha256)
                    .context(dir.display())
                    .to_string(),
            );
        }
        if let Some(Err(e)) = parser.map(Parser::finish) {
            faults.push(e.context(dir.display()).to_string());
        }
    }
    for name in not_finite {
        faults.push(format!("{}: tensor {name} has values that are not finite", dir.display()));
    }
    Ok(faults)
}

/// Runs the golden songs one by one.
async fn compare(
    dir: &Path,
    device: &Device,
    golden: &Golden,
    observer: &mut impl Observer,
) -> Result<Agreement> {
    let loaded = load_dir(dir, device, observer).await?;
    let mut largest = 0f64;
    let rows = golden.logits.len();
    for (row, logits) in golden.logits.iter().enumerate() {
        observer.report(Stage::Score, row, rows);
        observer.check().await?;
        let found = loaded.classifier.forward(&golden.inputs(row)).await?;
        let found = found.first().map(Vec::as_slice).unwrap_or_default();
        if found.len() != logits.len() {
            return Err(Error::internal(format!(
                "{} logits were computed instead of {}",
                found.len(),
                logits.len()
            )));
        }
        for (a, b) in found.iter().zip(logits) {
            let difference = (f64::from(*a) - f64::from(*b)).abs();
            largest = largest.max(if difference.is_nan() { f64::INFINITY } else { difference });
        }
    }
    observer.report(Stage::Score, rows, rows);
    Ok(Agreement { rows, largest, bound: bound(loaded.bundle.dtype, &golden.logits) })
}

/// How far logits may be off.
///
/// In f32 only the order of additions differs, so 1e-3 is generous. Storing a weight in f16
/// moves it by up to 2^-11 of itself; such independent errors add up through some 36 layers
/// like a random walk, to about 6 x 2^-11 = 3e-3 of the logits' size. The bound is three times
/// that: 1e-2 of the largest logit, and 1e-2 where all are small.
fn bound(dtype: Dtype, logits: &[Vec<f32>]) -> f64 {
    match dtype {
        Dtype::F32 => 1e-3,
        Dtype::F16 => 1e-2 * logits.iter().flatten().fold(1f64, |most, &l| most.max(f64::from(l.abs()))),
    }
}

/// Inputs and what the original model made of them, by rows.
struct Golden {
    values: Option<Vec<Vec<f32>>>,
    ids: Option<Vec<Vec<i64>>>,
    mask: Option<Vec<Vec<i64>>>,
    logits: Vec<Vec<f32>>,
}

impl Golden {
    fn read(path: &Path, bundle: &Bundle) -> Result<Self> {
        Self::parse(path, bundle).map_err(|e| e.context(path.display()))
    }

    fn parse(path: &Path, bundle: &Bundle) -> Result<Self> {
        let unreadable = |e: std::io::Error| Error::input(format!("the golden file can't be read: {e}"));
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_GOLDEN_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_GOLDEN_BYTES {
            return Err(
                Error::input("the golden file has more than a gigabyte").hint("a few rows are enough")
            );
        }
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|e| Error::input(format!("the golden file is no safetensors file: {e}")))?;
        let logits = floats(&file, "logits", &[bundle.labels.len()])?;
        let rows = logits.len();
        if rows == 0 {
            return Err(Error::input("the golden file has no rows"));
        }
        let mut golden = Self { values: None, ids: None, mask: None, logits };
        if let Some(audio) = &bundle.audio {
            golden.values = Some(floats(&file, "input_values", &[audio.max_length, audio.num_mel_bins])?);
        }
        if bundle.text.is_some() {
            golden.ids = Some(integers(&file, "input_ids")?);
            if file.names().contains(&"attention_mask") {
                golden.mask = Some(integers(&file, "attention_mask")?);
            }
        }
        let unequal = golden.values.as_ref().is_some_and(|v| v.len() != rows)
            || [&golden.ids, &golden.mask].into_iter().flatten().any(|v| v.len() != rows);
        if unequal {
            return Err(Error::input("the golden file's tensors have unequal numbers of rows"));
        }
        Ok(golden)
    }

    fn inputs(&self, row: usize) -> Inputs<'_> {
        fn at<T>(rows: &Option<Vec<Vec<T>>>, row: usize) -> Option<&[T]> {
            rows.as_ref()?.get(row).map(Vec::as_slice)
        }
        Inputs {
            rows: 1,
            input_values: at(&self.values, row),
            input_ids: at(&self.ids, row),
            attention_mask: at(&self.mask, row),
        }
    }
}

/// A tensor `[rows, shape...]` of f32, by rows.
fn floats(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<Vec<Vec<f32>>> {
    let tensor = tensor(file, name)?;
    match tensor.shape().split_first() {
        Some((_, rest)) if rest == shape && tensor.dtype() == Stored::F32 => {}
        _ => {
            return Err(Error::input(format!(
                "the golden file's {name} are {} {:?}, but this model has F32 [rows, {}]",
                tensor.dtype(),
                tensor.shape(),
                shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            )));
        }
    }
    // A valid configuration has no extent of zero, so neither have the rows.
    let row = shape.iter().product::<usize>().max(1) * 4;
    Ok(tensor
        .data()
        .chunks_exact(row)
        .map(|row| row.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect())
        .collect())
}

/// A tensor `[rows, tokens]` of integers, by rows.
fn integers(file: &SafeTensors<'_>, name: &str) -> Result<Vec<Vec<i64>>> {
    let tensor = tensor(file, name)?;
    let &[_, tokens] = tensor.shape() else {
        return Err(Error::input(format!(
            "the golden file's {name} are {:?}, but should be [rows, tokens]",
            tensor.shape()
        )));
    };
    let numbers: Vec<i64> = match tensor.dtype() {
        Stored::I64 => tensor.data().as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect(),
        Stored::I32 => tensor.data().as_chunks().0.iter().map(|&b| i32::from_le_bytes(b).into()).collect(),
        other => {
            return Err(Error::input(format!("the golden file's {name} are {other}, but should be I64")));
        }
    };
    Ok(numbers.chunks(tokens.max(1)).map(<[i64]>::to_vec).collect())
}

fn tensor<'a>(file: &SafeTensors<'a>, name: &str) -> Result<safetensors::tensor::TensorView<'a>> {
    file.tensor(name).map_err(|_| {
        Error::input(format!("the golden file has no {name}; it has {}", file.names().join(", "))).hint(
            "store input_values, input_ids and attention_mask as far as the model takes them, and logits",
        )
    })
}
