//! Cutting a stream into shards while it is written, with the sums of each and of all.

use super::digest::{Hasher, hex};
use super::files::{FileEntry, WeightsEntry};
use std::io::{self, Write};

/// Writes a stream into consecutive files of at most `limit` bytes.
///
/// `create` opens the next file by its name and is the only way out, so that tests can write
/// to memory.
pub(crate) struct Cutter<F, W> {
    create: F,
    stream: &'static str,
    limit: u64,
    shards: Vec<FileEntry>,
    all: Hasher,
    current: Option<(W, Hasher, u64)>,
}

/// The name of a stream's shard with that number; three digits keep folders sorted.
fn shard_name(stream: &str, number: usize) -> String {
    format!("{stream}-{number:03}.bin")
}

/// Whether a file has the name of a shard of that stream.
pub(crate) fn is_shard(stream: &str, file: &str) -> bool {
    file.strip_prefix(stream)
        .and_then(|rest| rest.strip_prefix('-')?.strip_suffix(".bin"))
        .is_some_and(|number| number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()))
}

impl<F: FnMut(&str) -> io::Result<W>, W: Finish> Cutter<F, W> {
    /// A cutter for the stream of that name, after which its files are called.
    pub(crate) fn new(stream: &'static str, limit: u64, create: F) -> Self {
        Self { create, stream, limit, shards: Vec::new(), all: Hasher::new(), current: None }
    }

    /// Appends to the stream.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.all.update(bytes);
        while !bytes.is_empty() {
            let (file, hasher, written) = match &mut self.current {
                Some(current) => current,
                empty => {
                    let file = (self.create)(&shard_name(self.stream, self.shards.len()))?;
                    empty.insert((file, Hasher::new(), 0))
                }
            };
            let room = usize::try_from(self.limit - *written).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(bytes.len().min(room));
            file.write_all(piece)?;
            hasher.update(piece);
            *written += piece.len() as u64;
            bytes = rest;
            if *written == self.limit {
                self.close()?;
            }
        }
        Ok(())
    }

    /// Ends the stream and says what it was.
    pub(crate) fn finish(mut self) -> io::Result<WeightsEntry> {
        self.close()?;
        Ok(WeightsEntry {
            bytes: self.shards.iter().map(|s| s.bytes).sum(),
            sha256: hex(self.all),
            shards: self.shards,
        })
    }

    fn close(&mut self) -> io::Result<()> {
        if let Some((file, hasher, bytes)) = self.current.take() {
            file.finish()?;
            self.shards.push(FileEntry {
                file: shard_name(self.stream, self.shards.len()),
                bytes,
                sha256: hex(hasher),
            });
        }
        Ok(())
    }
}

/// A file that is complete now.
pub(crate) trait Finish: Write {
    /// Makes sure that what was written lasts.
    fn finish(self) -> io::Result<()>;
}

impl Finish for io::BufWriter<std::fs::File> {
    fn finish(self) -> io::Result<()> {
        self.into_inner()?.sync_all()
    }
}
