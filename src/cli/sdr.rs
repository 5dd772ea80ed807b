//! `musiclime sdr`.

use super::files;
use crate::audio::decode::{Limits, decode_stereo};
use crate::audio::sdr::{Channels, median, sdr};
use crate::audio::{Stem, stem_files::MAX_DIFFERENCE_SECONDS};
use crate::{Error, Quiet, Result};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Measure separated stems against true ones: the signal-to-distortion ratio in decibels.
///
/// TRUTH is a folder with the true stems of a song (vocals.wav, drums.wav, bass.wav, other.wav), or
/// one with a folder for each of several songs. Every ESTIMATE is laid out the same way, for example
/// written by `musiclime separate`. A stem that an estimate lacks is left out; a separator that knows
/// two stems may have vocals.wav and accompaniment.wav, which is held against the sum of the rest.
/// Where TRUTH has mixture.wav, the unseparated mix is measured too, as what any separator has to beat.
///
/// The SDR is BSSEval version 4's as museval computes it for a stem by itself: the median over the
/// seconds of a song in which the stem sounds. Of several songs the median is given as well.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder of the true stems
    #[arg(value_name = "TRUTH")]
    truth: PathBuf,

    /// Folders of separated stems
    #[arg(value_name = "ESTIMATE", required = true)]
    estimates: Vec<PathBuf>,

    /// Print a table in Markdown instead of JSON
    #[arg(long)]
    table: bool,

    /// Where to write the result [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The decibels of one separator: for each stem the median over songs, and each song's.
#[derive(Serialize, Default)]
struct Column {
    name: String,
    median: BTreeMap<String, Decibels>,
    songs: BTreeMap<String, BTreeMap<String, Decibels>>,
}

/// Infinite for an estimate without fault, not a number for a stem that is silent throughout.
/// JSON knows neither, so there they are words.
#[derive(Clone, Copy)]
struct Decibels(f64);

impl Serialize for Decibels {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        if self.0.is_finite() { to.serialize_f64(self.0) } else { to.collect_str(self) }
    }
}

impl fmt::Display for Decibels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            decibels if decibels.is_nan() => f.write_str("silent"),
            decibels if decibels.is_infinite() => f.write_str("perfect"),
            decibels => write!(f, "{decibels:.2}"),
        }
    }
}

/// Rows of the table.
const STEMS: [&str; 5] = ["vocals", "drums", "bass", "other", "accompaniment"];

/// What the unseparated mix is called, as a file and as a column.
const MIXTURE: &str = "mixture";

pub(super) fn run(args: &Args) -> Result<()> {
    let songs = songs(&args.truth)?;
    let mut columns: Vec<Column> = Vec::new();
    let mixture = songs.iter().all(|song| args.truth.join(song).join("mixture.wav").is_file());
    for name in mixture.then(|| args.truth.clone()).iter().chain(&args.estimates) {
        let is_mixture = columns.is_empty() && mixture;
        let mut column = Column {
            name: if is_mixture { MIXTURE.into() } else { name.display().to_string() },
            ..Column::default()
        };
        for song in &songs {
            let found = compare(&args.truth.join(song), &name.join(song), is_mixture)?;
            column.songs.insert(if song.is_empty() { ".".into() } else { song.clone() }, found);
        }
        for stem in STEMS {
            let values: Vec<f64> =
                column.songs.values().filter_map(|stems| Some(stems.get(stem)?.0)).collect();
            if !values.is_empty() {
                column.median.insert(stem.into(), Decibels(median(&values)));
            }
        }
        columns.push(column);
    }
    let text = if args.table { table(&columns) } else { files::to_json(&columns)? };
    files::write(args.out.as_deref(), &text)
}

/// The names of the songs' folders; one empty name if the stems lie in the folder itself.
fn songs(truth: &Path) -> Result<Vec<String>> {
    let has_stem = |dir: &Path| STEMS.iter().any(|stem| dir.join(format!("{stem}.wav")).is_file());
    if has_stem(truth) {
        return Ok(vec![String::new()]);
    }
    let entries = std::fs::read_dir(truth)
        .map_err(|e| Error::input(format!("cannot read {}: {e}", truth.display())))?;
    let mut songs: Vec<String> = entries
        .flatten()
        .filter(|entry| has_stem(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    songs.sort();
    if songs.is_empty() {
        return Err(Error::input(format!("{} holds no true stems", truth.display()))
            .hint("it should have vocals.wav, drums.wav, bass.wav and other.wav, or a folder with them for each song"));
    }
    Ok(songs)
}

/// The decibels of every stem that both folders have.
fn compare(truth: &Path, estimate: &Path, mixture: bool) -> Result<BTreeMap<String, Decibels>> {
    if !estimate.is_dir() {
        return Err(Error::input(format!("{} is no folder", estimate.display())));
    }
    let mut found = BTreeMap::new();
    for stem in STEMS {
        let file = if mixture { MIXTURE } else { stem };
        let path = estimate.join(format!("{file}.wav"));
        if !path.is_file() {
            continue;
        }
        let Some((rate, true_stem)) = true_stem(truth, stem)? else { continue };
        let (its_rate, its) = read(&path)?;
        let at = |e: Error| e.context(path.display());
        if its_rate != rate {
            return Err(at(Error::input(format!("is at {its_rate} Hz, the true stem at {rate} Hz"))
                .hint("render or resample the true stems at the separator's rate")));
        }
        let fitted = fit(its, &true_stem, rate).map_err(at)?;
        let second = rate as usize;
        let frames = sdr(&[true_stem], &[fitted], second, second).map_err(at)?;
        found.insert(stem.to_owned(), Decibels(median(&frames.concat())));
    }
    if found.is_empty() {
        return Err(Error::input(format!("{} has no stem that {} has", estimate.display(), truth.display())));
    }
    Ok(found)
}

/// A true stem; the accompaniment is the sum of all but the vocals.
fn true_stem(dir: &Path, stem: &str) -> Result<Option<(u32, Channels)>> {
    let path = |stem: &str| dir.join(format!("{stem}.wav"));
    if stem != "accompaniment" || path(stem).is_file() {
        return path(stem).is_file().then(|| read(&path(stem))).transpose();
    }
    let mut sum: Option<(u32, Channels)> = None;
    for stem in Stem::ALL.into_iter().filter(|stem| *stem != Stem::Vocals) {
        let path = path(stem.name());
        if !path.is_file() {
            return Ok(None);
        }
        let (rate, track) = read(&path)?;
        match &mut sum {
            None => sum = Some((rate, track)),
            Some((first, _)) if *first != rate => {
                return Err(Error::input(format!("is at {rate} Hz, another true stem at {first} Hz"))
                    .context(path.display()));
            }
            Some((_, total)) => {
                let track = fit(track, total, rate).map_err(|e| e.context(path.display()))?;
                for (total, channel) in total.iter_mut().zip(track) {
                    total.iter_mut().zip(channel).for_each(|(total, sample)| *total += sample);
                }
            }
        }
    }
    Ok(sum)
}

/// A stem padded or cut to the length of the true one, as encoders and frames make them differ.
fn fit(mut stem: Channels, truth: &[Vec<f32>], rate: u32) -> Result<Channels> {
    let length = truth.first().map_or(0, Vec::len);
    if stem.len() != truth.len() {
        return Err(Error::input(format!("has {} channels, the true stem {}", stem.len(), truth.len())));
    }
    for channel in &mut stem {
        let seconds = (channel.len() as f64 - length as f64).abs() / f64::from(rate.max(1));
        if seconds > MAX_DIFFERENCE_SECONDS {
            return Err(Error::input(format!("differs in length from the true stem by {seconds:.2} s")));
        }
        channel.resize(length, 0.0);
    }
    Ok(stem)
}

fn read(path: &Path) -> Result<(u32, Channels)> {
    let bytes = files::read(path, Limits::default().max_bytes as u64)?;
    pollster::block_on(decode_stereo(&bytes, &Limits::default(), &mut Quiet))
        .map_err(|e| e.context(path.display()))
}

fn table(columns: &[Column]) -> String {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![row([String::from("SDR, dB")]
        .into_iter()
        .chain(columns.iter().map(|c| c.name.clone()))
        .collect())];
    lines.push(format!("|---|{}", "---:|".repeat(columns.len())));
    for stem in STEMS {
        if !columns.iter().any(|column| column.median.contains_key(stem)) {
            continue;
        }
        let cells =
            columns.iter().map(|column| column.median.get(stem).map_or(String::new(), Decibels::to_string));
        lines.push(row([stem.to_owned()].into_iter().chain(cells).collect()));
    }
    lines.join("\n")
}
