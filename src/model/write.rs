//! Writing a bundle's files.

use super::checkpoint::{Checkpoint, Stored};
use super::files::{Dtype, MAX_FILE_BYTES, WeightsEntry};
use super::header::Header;
use super::shards::Cutter;
use crate::{Error, Result};
use half::f16;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Numbers that are encoded at a time: enough to make writing cheap, little beside a tensor.
const BLOCK: usize = 1 << 16;

/// A tensor of the bundle and where it comes from.
pub(super) struct Planned<'a> {
    /// Its name in the bundle.
    pub(super) name: String,
    /// Its shape.
    pub(super) shape: Vec<usize>,
    /// The file that has it.
    pub(super) checkpoint: &'a dyn Checkpoint,
    /// Where that file is, for messages.
    pub(super) path: &'a Path,
    /// Its name in that file.
    pub(super) source: String,
}

impl Planned<'_> {
    /// How many values it has.
    pub(super) fn numbers(&self) -> u64 {
        self.shape.iter().map(|&d| d as u64).product()
    }
}

/// Writes tensors as one safetensors stream, cut into files that are called after `stream`.
///
/// `progress` hears how many numbers each further tensor had.
pub(super) fn write_stream(
    out: &Path,
    stream: &'static str,
    plan: &[Planned<'_>],
    dtype: Dtype,
    progress: &mut dyn FnMut(u64),
) -> Result<WeightsEntry> {
    let mut cutter = Cutter::new(stream, MAX_FILE_BYTES, |name| {
        Ok(BufWriter::with_capacity(1 << 20, File::create(out.join(name))?))
    });
    let shapes: Vec<_> = plan.iter().map(|t| (t.name.as_str(), t.shape.as_slice())).collect();
    let mut write = |bytes: &[u8]| cutter.write(bytes).map_err(|e| unwritable(out, &e));
    write(&Header::write(&shapes, dtype.into())?)?;
    for tensor in plan {
        let stored = tensor.checkpoint.read(&tensor.source)?;
        encode(&stored, tensor, dtype, &mut write).map_err(|e| e.context(tensor.path.display()))?;
        progress(tensor.numbers());
    }
    cutter.finish().map_err(|e| unwritable(out, &e))
}

/// Writes a tensor's values, refusing those that would make wrong scores silently.
fn encode(
    stored: &Stored,
    tensor: &Planned<'_>,
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

/// Writes a file under another name first, so that it is there as a whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
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

/// The error for a file or a folder that can't be written.
pub(super) fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::input(format!("{}: can't be written: {e}", path.display()))
}
