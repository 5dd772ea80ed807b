//! Bundles in folders, for the command line and tests.

use super::bundle::{Bundle, MAX_MANIFEST_BYTES};
use super::files::FileEntry;
use super::{Classifier, Loader, OpenUnmix, Separator};
use crate::{Error, Observer, Result, Stage};
use burn::tensor::Device;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Name of the manifest in a bundle's folder.
pub(crate) const MANIFEST: &str = "bundle.json";

/// Bytes that are read at a time: enough to keep a disk busy, little beside a tensor.
pub(crate) const CHUNK: usize = 1 << 20;

/// A bundle that is ready to score songs.
pub struct Loaded {
    /// The manifest.
    pub bundle: Bundle,
    /// The network, on its device.
    pub classifier: Classifier,
    /// The separator's network, if the bundle has one.
    pub separator: Option<OpenUnmix>,
    /// The bytes of `tokenizer.json`, if the bundle has one.
    pub tokenizer_json: Option<Vec<u8>>,
}

/// Loads the bundle in a folder, verifying every byte, and tells `observer` how far it is.
///
/// # Errors
/// If there is no bundle, a file is missing or damaged, the device fails, or the observer
/// stops it.
pub async fn load_dir(dir: &Path, device: &Device, observer: &mut impl Observer) -> Result<Loaded> {
    let at = |e: Error| e.context(dir.display());
    let bundle = read_manifest(dir)?;
    let tokenizer_json = bundle.tokenizer.as_ref().map(|entry| read_verified(dir, entry)).transpose()?;
    let loader = load(dir, Loader::new(&bundle, device).map_err(at)?, observer).await?;
    let (classifier, separator) = loader.finish().and_then(|w| w.networks(&bundle)).map_err(at)?;
    Ok(Loaded { bundle, classifier, separator, tokenizer_json })
}

/// Loads only the separator of the bundle in a folder; `None` if it has no weights.
///
/// # Errors
/// As [`load_dir`].
pub async fn load_separator(
    dir: &Path,
    device: &Device,
    observer: &mut impl Observer,
) -> Result<Option<OpenUnmix>> {
    let at = |e: Error| e.context(dir.display());
    let bundle = read_manifest(dir)?;
    let Separator::OpenUnmix(entry) = &bundle.separator else { return Ok(None) };
    let loader = load(dir, Loader::of_separator(entry, device), observer).await?;
    let network = loader.finish_separator().and_then(|weights| OpenUnmix::new(&entry.config, weights));
    network.map(Some).map_err(at)
}

/// Pushes the files that a loader wants.
async fn load(dir: &Path, mut loader: Loader, observer: &mut impl Observer) -> Result<Loader> {
    let at = |e: Error| e.context(dir.display());
    let mut chunk = vec![0; CHUNK];
    for shard in loader.shards().to_vec() {
        let mut file = open(dir, &shard.file)?;
        // Without this a file that is too long would be reported as damage of the next one.
        let length = file.metadata().map_err(|e| unreadable(dir, &shard.file, &e))?.len();
        if length != shard.bytes {
            return Err(at(Error::bundle(format!(
                "{} has {length} bytes instead of {}",
                shard.file, shard.bytes
            ))
            .hint("fetch or convert the bundle again")));
        }
        loop {
            let n = file.read(&mut chunk).map_err(|e| unreadable(dir, &shard.file, &e))?;
            let Some(piece) = chunk.get(..n).filter(|piece| !piece.is_empty()) else { break };
            loader.push(piece).map_err(at)?;
            let (done, total) = loader.progress();
            // Kilobytes, since the bytes of a large bundle do not fit 32 bits.
            observer.report(Stage::LoadModel, (done / 1024) as usize, (total / 1024).max(1) as usize);
            observer.check().await?;
        }
    }
    Ok(loader)
}

/// Reads and checks `bundle.json`.
///
/// # Errors
/// A user's error if there is none, a bundle's error if it is wrong.
pub fn read_manifest(dir: &Path) -> Result<Bundle> {
    let file = File::open(dir.join(MANIFEST)).map_err(|e| {
        let missing = matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
        let why = if missing {
            format!("there is no {MANIFEST}")
        } else {
            format!("{MANIFEST} can't be opened: {e}")
        };
        Error::input(why).context(dir.display()).hint(
            "name the folder that `musiclime convert` wrote; an interrupted conversion leaves no manifest",
        )
    })?;
    let mut json = Vec::new();
    file.take(MAX_MANIFEST_BYTES as u64 + 1)
        .read_to_end(&mut json)
        .map_err(|e| unreadable(dir, MANIFEST, &e))?;
    Bundle::parse(&json).map_err(|e| e.context(dir.display()))
}

/// Reads a small file of a bundle, no further than it should go, and compares its sum.
pub(crate) fn read_verified(dir: &Path, entry: &FileEntry) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(dir, &entry.file)?
        .take(entry.bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(dir, &entry.file, &e))?;
    entry.verify(&bytes).map_err(|e| e.context(dir.display()))?;
    Ok(bytes)
}

/// Opens a file of a bundle; its name has been found plain.
pub(crate) fn open(dir: &Path, name: &str) -> Result<File> {
    File::open(dir.join(name)).map_err(|e| match e.kind() {
        ErrorKind::NotFound => Error::bundle(format!("{name} is missing"))
            .context(dir.display())
            .hint("fetch or convert the bundle again"),
        _ => unreadable(dir, name, &e),
    })
}

pub(crate) fn unreadable(dir: &Path, name: &str, e: &std::io::Error) -> Error {
    Error::bundle(format!("{name} can't be read: {e}")).context(dir.display())
}
