//! Where a conversion takes a separator from: a folder as the `openunmix` package keeps it, with one
//! state dict for each target, or another bundle.

use super::bundle::OpenUnmixEntry;
use super::checkpoint::{self, Checkpoint};
use super::dir::{MANIFEST, read_manifest, read_verified};
use super::write::{Planned, write_whole};
use super::{OpenUnmixConfig, Separator, inventory, open_unmix_schema};
use crate::audio::Stem;
use crate::{Error, Result};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Either of the two.
pub(super) enum SeparatorSource {
    /// State dicts, to be written like the checkpoint.
    Files(SeparatorFiles),
    /// Another bundle's separator, to be copied as it is.
    Kept(KeptSeparator),
}

impl SeparatorSource {
    /// Opens the folder, which is a bundle if it has a manifest.
    ///
    /// # Errors
    /// If it is neither, or its files are missing or damaged.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        if dir.join(MANIFEST).is_file() {
            KeptSeparator::open(dir).map(Self::Kept)
        } else {
            SeparatorFiles::open(dir).map(Self::Files)
        }
    }
}

/// The separator of a bundle, held in memory because the bundle may be the very one that is
/// about to be replaced.
pub(super) struct KeptSeparator {
    /// Its part of the manifest.
    pub(super) entry: Box<OpenUnmixEntry>,
    /// The bytes of its shards, in order.
    shards: Vec<Vec<u8>>,
}

impl KeptSeparator {
    fn open(dir: &Path) -> Result<Self> {
        let Separator::OpenUnmix(entry) = read_manifest(dir)?.separator else {
            return Err(Error::input(
                "the bundle separates by signal processing, so there is nothing to take",
            )
            .context(dir.display())
            .hint("leave --separator out: that is what a bundle does without one"));
        };
        let shards =
            entry.weights.shards.iter().map(|shard| read_verified(dir, shard)).collect::<Result<_>>()?;
        Ok(Self { entry, shards })
    }

    /// Writes the shards under the names that they had.
    pub(super) fn write(&self, out: &Path) -> Result<()> {
        let shards = self.entry.weights.shards.iter().zip(&self.shards);
        shards.into_iter().try_for_each(|(shard, bytes)| write_whole(&out.join(&shard.file), bytes))
    }
}

/// The four state dicts of a folder, and the sizes that they turned out to have.
pub(super) struct SeparatorFiles {
    /// The sizes; one for all targets.
    pub(super) config: OpenUnmixConfig,
    /// In the order of [`Stem::ALL`].
    targets: Vec<(PathBuf, Box<dyn Checkpoint>)>,
}

/// What the package's `separator.json` says that the tensors don't.
#[derive(Debug, Deserialize)]
struct Settings {
    sample_rate: f64,
    nfft: usize,
    nhop: usize,
}

/// Most bytes of `separator.json`, which has four numbers.
const MAX_SETTINGS_BYTES: usize = 1 << 20;

impl SeparatorFiles {
    /// Opens the state dicts `vocals*.pth`, `drums*.pth`, `bass*.pth` and `other*.pth` of a
    /// folder; the package's published ones carry a hash in their names.
    ///
    /// All sizes are those of the tensors. The sampling rate and the hop come from
    /// `separator.json`; where there is none, they are the package's 44.1 kHz and a quarter of
    /// the window.
    ///
    /// # Errors
    /// If a target is missing or there twice, a file can't be read, or the sizes contradict
    /// each other.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let mut targets = Vec::new();
        for stem in Stem::ALL {
            let path = find(dir, stem.name())?;
            let checkpoint = checkpoint::open(&path)?;
            targets.push((path, checkpoint));
        }
        let Some((path, first)) = targets.first() else {
            return Err(Error::internal("there are no stems to separate"));
        };
        let config = sizes(&**first).map_err(|e| e.context(path.display()))?;
        let config = settings(dir, config).map_err(|e| e.context(dir.display()))?;
        config.validate().map_err(|e| e.context(path.display()))?;
        Ok(Self { config, targets })
    }

    /// The tensors of the bundle's separator part, all of them known to be there.
    ///
    /// # Errors
    /// Names the tensors that are missing, surplus or of another shape than the first target's.
    pub(super) fn plan(&self) -> Result<Vec<Planned<'_>>> {
        let schema = open_unmix_schema(&self.config);
        let mut plan = Vec::new();
        for (stem, (path, checkpoint)) in Stem::ALL.into_iter().zip(&self.targets) {
            let prefix = format!("{}.", stem.name());
            let expected: Vec<_> = schema.iter().filter(|t| t.name.starts_with(&prefix)).cloned().collect();
            let names: Vec<_> = checkpoint
                .tensors()
                .into_iter()
                .filter(|(name, _)| !is_bookkeeping(name))
                .map(|(name, shape)| (format!("{prefix}{name}"), shape))
                .collect();
            let found = names.iter().map(|(name, shape)| (name.as_str(), *shape));
            let theirs = |name: &str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
            inventory::compare(&expected, found, theirs).map_err(|e| e.context(path.display()))?;
            plan.extend(expected.into_iter().map(|spec| Planned {
                source: theirs(&spec.name),
                name: spec.name,
                shape: spec.shape,
                checkpoint: &**checkpoint,
                path,
            }));
        }
        Ok(plan)
    }
}

/// Tensors that training keeps and separating has no use for.
fn is_bookkeeping(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
        || name == "sample_rate"
        || ["stft.", "transform."].iter().any(|module| name.starts_with(module))
}

/// The one file of a target.
fn find(dir: &Path, target: &str) -> Result<PathBuf> {
    let entries =
        std::fs::read_dir(dir).map_err(|e| Error::input(format!("{}: can't be read: {e}", dir.display())))?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let ending =
                path.extension().is_some_and(|e| ["pth", "pt", "safetensors"].iter().any(|w| e == *w));
            let name = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(target));
            ending && name
        })
        .collect();
    found.sort();
    match (found.pop(), found.is_empty()) {
        (Some(path), true) => Ok(path),
        (Some(_), false) => Err(Error::input(format!("{}: has several files for {target}", dir.display()))
            .hint(format!("leave one {target}*.pth"))),
        (None, _) => Err(Error::input(format!("{}: has no {target}.pth", dir.display()))
            .hint("a separator is a folder with vocals.pth, drums.pth, bass.pth and other.pth, as openunmix has them")),
    }
}

/// The sizes that a state dict shows.
fn sizes(checkpoint: &dyn Checkpoint) -> Result<OpenUnmixConfig> {
    let tensors = checkpoint.tensors();
    let shape = |name: &str| {
        tensors.iter().find(|(n, _)| *n == name).map(|(_, shape)| *shape).ok_or_else(|| {
            Error::input(format!("there is no tensor {name}, so this is no Open-Unmix"))
                .hint("it should be a state dict of openunmix.model.OpenUnmix")
        })
    };
    let (&[max_bin], &[bins], &[hidden_size, inputs]) =
        (shape("input_mean")?, shape("output_mean")?, shape("fc1.weight")?)
    else {
        return Err(Error::input("input_mean, output_mean or fc1.weight is not of an Open-Unmix's rank"));
    };
    if max_bin == 0 || bins < 2 || inputs % max_bin != 0 {
        return Err(Error::input(format!(
            "{max_bin} bins of input, {bins} of output and a layer of {inputs} inputs don't fit together"
        )));
    }
    let nb_layers = (0..).take_while(|n| shape(&format!("lstm.weight_ih_l{n}")).is_ok()).count();
    Ok(OpenUnmixConfig {
        sampling_rate: 44_100,
        n_fft: (bins - 1) * 2,
        n_hop: (bins - 1) / 2,
        nb_channels: inputs / max_bin,
        hidden_size,
        nb_layers,
        max_bin,
        unidirectional: shape("lstm.weight_ih_l0_reverse").is_err(),
    })
}

/// Completes the sizes with what `separator.json` says, if it is there.
fn settings(dir: &Path, config: OpenUnmixConfig) -> Result<OpenUnmixConfig> {
    let path = dir.join("separator.json");
    if !path.exists() {
        return Ok(config);
    }
    let fail = |why: String| Error::input(format!("separator.json {why}"));
    let json = std::fs::read(&path).map_err(|e| fail(format!("can't be read: {e}")))?;
    if json.len() > MAX_SETTINGS_BYTES {
        return Err(fail(format!("has {} bytes", json.len())));
    }
    let Settings { sample_rate, nfft, nhop } =
        serde_json::from_slice(&json).map_err(|e| fail(format!("can't be read: {e}")))?;
    if nfft != config.n_fft {
        return Err(fail(format!("has nfft {nfft}, but the networks are for {}", config.n_fft)));
    }
    if sample_rate.fract() != 0.0 || !(1.0..=f64::from(u32::MAX)).contains(&sample_rate) {
        return Err(fail(format!("has the sample rate {sample_rate}")));
    }
    Ok(OpenUnmixConfig { sampling_rate: sample_rate as u32, n_hop: nhop, ..config })
}
