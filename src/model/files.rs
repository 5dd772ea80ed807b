//! The files of a bundle: what the manifest says of each, and what is checked of it before anyone
//! downloads or allocates by it.

use super::TensorSpec;
use super::digest::sha256;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Most bytes of one file of a bundle, shards and tokenizer alike.
///
/// Static hosts cap a file at 25 MB, so 24 leaves room for whatever they count on top.
pub const MAX_FILE_BYTES: u64 = 24_000_000;

/// Most bytes of the safetensors header; the paper's 592 tensors need about 90 kB.
pub(crate) const MAX_HEADER_BYTES: u64 = 4 << 20;

/// Most shards: at 24 MB each that is 24 GB, beyond what a browser or wasm could hold anyway.
const MAX_SHARDS: usize = 1000;

/// How the numbers of the weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats: exact.
    F32,
    /// 16-bit floats: half the size, widened to 32 bits when loaded.
    F16,
}

impl Dtype {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

impl From<Dtype> for safetensors::Dtype {
    fn from(dtype: Dtype) -> Self {
        match dtype {
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
        }
    }
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its plain name, in the bundle's own folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// Holds a file's bytes against the manifest.
    ///
    /// # Errors
    /// If their SHA-256 differs.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        let found = sha256(bytes);
        if found == self.sha256 { Ok(()) } else { Err(damaged(&self.file, &found, &self.sha256)) }
    }

    /// Checks the entry itself; `names` are the files listed before it.
    pub(super) fn validate<'a>(&'a self, names: &mut HashSet<&'a str>) -> Result<()> {
        plain_name(&self.file)?;
        if !names.insert(&self.file) {
            return Err(Error::bundle(format!("file {} is listed twice", self.file)));
        }
        if self.bytes == 0 || self.bytes > MAX_FILE_BYTES {
            return Err(Error::bundle(format!(
                "file {} has {} bytes; a file of a bundle has 1 to {MAX_FILE_BYTES}",
                self.file, self.bytes
            )));
        }
        digest(&self.file, &self.sha256)
    }
}

/// The safetensors stream and the shards that it is cut into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsEntry {
    /// Length of the whole stream.
    pub bytes: u64,
    /// SHA-256 of the whole stream, in lower-case hexadecimal.
    pub sha256: String,
    /// The consecutive pieces; a tensor may span several.
    pub shards: Vec<FileEntry>,
}

/// The error for a file whose bytes are not those that the manifest was written for.
pub(crate) fn damaged(file: &str, found: &str, wanted: &str) -> Error {
    Error::bundle(format!(
        "{file} is damaged: its sha256 is {}…, but bundle.json says {}…",
        found.get(..12).unwrap_or(found),
        wanted.get(..12).unwrap_or(wanted)
    ))
    .hint("fetch or convert the bundle again")
}

impl WeightsEntry {
    /// Nothing yet, for a manifest whose weights are still to be written.
    #[cfg(any(test, feature = "cli"))]
    pub(super) fn unwritten() -> Self {
        Self { bytes: 0, sha256: String::new(), shards: Vec::new() }
    }

    /// Checks the entry itself and that it is of a size with the tensors that it should hold;
    /// `names` are the files listed before it.
    pub(super) fn validate<'a>(
        &'a self,
        tensors: &[TensorSpec],
        dtype: Dtype,
        names: &mut HashSet<&'a str>,
    ) -> Result<()> {
        if self.shards.is_empty() || self.shards.len() > MAX_SHARDS {
            return Err(Error::bundle(format!(
                "weights have {} shards; they come in 1 to {MAX_SHARDS}",
                self.shards.len()
            )));
        }
        for shard in &self.shards {
            shard.validate(names)?;
        }
        digest("weights", &self.sha256)?;
        let sum: u64 = self.shards.iter().map(|s| s.bytes).sum();
        if sum != self.bytes {
            return Err(Error::bundle(format!(
                "weights have {} bytes, but their shards have {sum} together",
                self.bytes
            )));
        }
        // The configuration already says how much there is to store; only the header's length
        // is open. This keeps a manifest from making us fetch gigabytes for a small model.
        let payload = payload_bytes(tensors, dtype)?;
        if sum <= payload + 8 || sum > payload + 8 + MAX_HEADER_BYTES {
            return Err(Error::bundle(format!(
                "weights have {sum} bytes, but the configuration asks for {payload} and a header"
            )));
        }
        Ok(())
    }
}

/// Bytes of all these tensors.
///
/// # Errors
/// If no bundle could hold them.
pub(crate) fn payload_bytes(tensors: &[TensorSpec], dtype: Dtype) -> Result<u64> {
    tensors
        .iter()
        .try_fold(0u64, |sum, tensor| {
            let numbers = tensor.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64))?;
            sum.checked_add(numbers.checked_mul(dtype.size() as u64)?)
        })
        .filter(|&bytes| bytes <= MAX_FILE_BYTES * MAX_SHARDS as u64)
        .ok_or_else(|| Error::bundle("the configuration asks for more weights than a bundle can hold"))
}

/// Refuses whatever could point outside the bundle's folder or mean something to a shell or a
/// web server.
fn plain_name(name: &str) -> Result<()> {
    let plain = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain {
        return Ok(());
    }
    Err(Error::bundle(format!(
        "file name {:?} is not a plain one of letters, digits, '.', '_' and '-'",
        excerpt(name)
    )))
}

fn digest(of: &str, hex: &str) -> Result<()> {
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Ok(());
    }
    Err(Error::bundle(format!("sha256 of {of} is not 64 lower-case hexadecimal digits")))
}

/// The beginning of something hostile, for a message of one line.
pub(super) fn excerpt(value: &str) -> String {
    value.chars().take(80).collect()
}
