//! Reading what the user names and writing what they asked for.

use crate::{Error, Result};
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// Reads a whole file of at most `max_bytes`, the limit being checked before memory is taken.
pub(super) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| Error::input(format!("cannot open {}: {e}", path.display())))?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::input(format!("cannot read {}: {e}", path.display())))?;
    if bytes.len() as u64 > max_bytes {
        return Err(Error::input(format!("{} is larger than {} MB", path.display(), max_bytes / 1_000_000)));
    }
    Ok(bytes)
}

/// Reads a text file; it must be UTF-8 (a byte order mark is dropped).
pub(super) fn read_text(path: &Path, max_bytes: u64) -> Result<String> {
    let text = String::from_utf8(read(path, max_bytes)?).map_err(|_| {
        Error::input(format!("{} is not UTF-8 text", path.display())).hint("save it as UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A command's result as JSON for people too.
pub(super) fn to_json(result: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(result).map_err(|e| Error::internal(format!("cannot write JSON: {e}")))
}

/// Writes to the file, or to stdout where none is named.
pub(super) fn write(path: Option<&Path>, text: &str) -> Result<()> {
    let done = match path {
        Some(path) => std::fs::write(path, format!("{text}\n")),
        None => std::io::stdout().lock().write_all(format!("{text}\n").as_bytes()),
    };
    match (done, path) {
        // A reader that has seen enough (`| head`) is not an error.
        (Err(e), None) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        (Err(e), Some(path)) => Err(Error::input(format!("cannot write {}: {e}", path.display()))),
        (Err(e), None) => Err(Error::input(format!("cannot write to stdout: {e}"))),
        (Ok(()), _) => Ok(()),
    }
}

/// Says at once, and not after minutes of work, that the result could not be written.
pub(super) fn writable(out: &Path) -> Result<()> {
    let folder = out.parent().filter(|p| !p.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Error::input(format!("{} is no folder", folder.display()))
            .hint("create it, or name another --out")),
        _ if out.is_dir() => {
            Err(Error::input(format!("{} is a folder", out.display())).hint("name a file with --out"))
        }
        _ => Ok(()),
    }
}
