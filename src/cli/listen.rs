//! `musiclime explain --listen`: what an explanation is about, as WAV files.

use crate::audio::{Stem, evidence, write_wav};
use crate::explain::{Listener, Song, listening};
use crate::explanation::Explanation;
use crate::lime::Modality;
use crate::{Error, Observer, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// As many features as the figures of the method's papers show for a label.
const TOP: usize = 10;

#[derive(clap::Args)]
pub(super) struct Args {
    /// Folder for WAV files of what the explanation is about: the explained window, its four stems,
    /// for each label only what speaks for it and everything but that, and the strongest sounds one
    /// by one; index.json in it tells what each file is. An earlier such folder is replaced
    #[arg(long, value_name = "DIR")]
    listen: Option<PathBuf>,

    /// How many of the strongest features count for --listen (words count, but have no sound)
    #[arg(long, value_name = "K", default_value_t = TOP, requires = "listen")]
    listen_top: usize,
}

/// A folder that was found fit to be written to.
pub(super) struct Folder {
    path: PathBuf,
    top: usize,
}

/// The file that tells what the others are, and by which the folder is known as ours.
const INDEX: &str = "index.json";

#[derive(Serialize, Deserialize)]
struct Index {
    /// Counts up when the layout changes; that it is there says whose folder this is.
    musiclime_listen: u32,
    song: Credits,
    model: String,
    separator: String,
    /// Samples per second: the model's rate.
    rate: u32,
    start: f64,
    end: f64,
    top: usize,
    about: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    files: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Credits {
    title: Option<String>,
    artist: Option<String>,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    file: String,
    what: String,
    start: f64,
    end: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stem: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    segment: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
}

const ABOUT: &str = "Mono, at the rate and with the stems that the model hears. The model hears stems switched on and \
                     off from one sample to the next; here every switch, and both ends of a file, are faded over \
                     10 ms, so that nothing clicks.";

impl Args {
    /// The folder that was asked for, if one was. Says at once, and not after minutes of work,
    /// that it could not be written to or would have nothing in it. `others` are the files that are
    /// written besides, by the options that name them.
    pub(super) fn folder(
        &self,
        modality: Modality,
        others: &[(&str, Option<&Path>)],
    ) -> Result<Option<Folder>> {
        let Some(path) = &self.listen else { return Ok(None) };
        if modality == Modality::Lyrics {
            return Err(listening::no_sounds());
        }
        if self.listen_top == 0 {
            return Err(Error::input("the strongest 0 features make no sound")
                .hint("choose at least 1 with --listen-top"));
        }
        if path.exists() && !path.is_dir() {
            return Err(Error::input(format!("{} is no folder", path.display()))
                .hint("name a new or an empty folder with --listen"));
        }
        fs::create_dir_all(path).map_err(|e| unwritable(path, &e))?;
        for (option, other) in others {
            let parent = other
                .and_then(Path::parent)
                .map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p });
            if parent
                .and_then(|p| p.canonicalize().ok())
                .is_some_and(|p| path.canonicalize().is_ok_and(|l| l == p))
            {
                let message = format!("{option} lies in the folder of --listen, which holds sounds alone");
                return Err(Error::input(message).hint("write it elsewhere"));
            }
        }
        let empty = fs::read_dir(path).map_err(|e| unwritable(path, &e))?.next().is_none();
        if !empty && earlier(path).is_none() {
            return Err(Error::input(format!(
                "{} holds files that are not of an earlier --listen",
                path.display()
            ))
            .hint("name a new or an empty folder"));
        }
        // Permissions can't be read off portably; a file that can be made says it all.
        let probe = path.join(format!("{INDEX}.part"));
        File::create(&probe).and_then(|_| fs::remove_file(&probe)).map_err(|e| unwritable(path, &e))?;
        Ok(Some(Folder { path: path.clone(), top: self.listen_top }))
    }
}

impl Folder {
    /// Writes the files. The index comes last, so that a folder with one is whole.
    pub(super) async fn write(
        &self,
        explanation: &Explanation,
        listener: &Listener,
        song: &mut Song,
        observer: &mut impl Observer,
    ) -> Result<()> {
        let grid = listening::grid(explanation, song)?;
        song.separate(listener, observer).await?;
        let song = &*song;
        let stems = listening::stems(song)?;
        let covered = grid.covered();
        let (rate, seconds) = (stems.rate, |sample: usize| sample as f64 / f64::from(stems.rate));
        let (start, end) = (seconds(covered.start), seconds(covered.end));
        self.clear()?;

        let mut sounds = Sounds::new(&self.path, rate);
        let entry = |what: String| Entry {
            file: String::new(),
            what,
            start,
            end,
            label: None,
            rank: None,
            stem: None,
            segment: None,
            weight: None,
        };
        let mut mix = song.mix().samples.get(covered).unwrap_or_default().to_vec();
        evidence::soften_ends(&mut mix, rate);
        sounds.add("original", &mix, entry("The explained window of the song".into()))?;
        let render = |on: &[bool]| evidence::render(stems, grid.offset, &grid.segments, on);
        for stem in Stem::ALL {
            let on = evidence::only((0..grid.segments.len()).map(|s| (s, stem)), grid.segments.len());
            let what = format!("The {} of the explained window", stem.name());
            let named = Entry { stem: Some(stem.name().into()), ..entry(what) };
            sounds.add(stem.name(), &render(&on)?, named)?;
        }

        let mut notes = Vec::new();
        for one in &explanation.explanations {
            let (label, name) = (&one.label, file_name(&one.label));
            let on = listening::speaking_for(one, self.top, grid.segments.len());
            if on.contains(&true) {
                let what =
                    format!("Only the sounds among the top {} features that speak for {label:?}", self.top);
                let named = Entry { label: Some(label.clone()), ..entry(what) };
                sounds.add(&format!("{name}-for"), &render(&on)?, named)?;
                let what = format!("Everything but the sounds that speak for {label:?}");
                let named = Entry { label: Some(label.clone()), ..entry(what) };
                sounds.add(&format!("{name}-without"), &render(&evidence::complement(&on))?, named)?;
            } else {
                notes.push(format!("no sound among the top {} features speaks for {label:?}", self.top));
            }
            for cell in listening::strongest(one, self.top) {
                let feature = cell.feature;
                let on = evidence::only([(feature.segment, cell.stem)], grid.segments.len());
                let reach = evidence::reach(&grid.segments, feature.segment, rate);
                let rendered = render(&on)?;
                let Some(part) = reach.and_then(|reach| rendered.get(reach)) else {
                    return Err(Error::internal(format!("there is no segment {}", feature.segment)));
                };
                let side = if feature.weight > 0.0 { "for" } else { "against" };
                let (stem, segment) = (&feature.stem, feature.segment);
                sounds.add(
                    &format!(
                        "{name}-top{:02}-{stem}{segment}-{:.2}s-to-{:.2}s",
                        cell.rank, feature.start, feature.end
                    ),
                    part,
                    Entry {
                        what: format!("The {stem} in segment {segment}, which speak {side} {label:?}"),
                        start: feature.start,
                        end: feature.end,
                        label: Some(label.clone()),
                        rank: Some(cell.rank),
                        stem: Some(stem.clone()),
                        segment: Some(segment),
                        weight: Some(feature.weight),
                        ..entry(String::new())
                    },
                )?;
            }
        }
        for note in &notes {
            eprintln!("note: {note}: nothing to hear for it (a larger --listen-top may find some)");
        }
        let index = Index {
            musiclime_listen: 1,
            song: Credits {
                title: song.title().map(str::to_owned),
                artist: song.artist().map(str::to_owned),
                sha256: song.sha256().to_owned(),
            },
            model: explanation.model.id.clone(),
            separator: song.separator().map_or("none", |separator| separator.name()).to_owned(),
            rate,
            start,
            end,
            top: self.top,
            about: ABOUT.into(),
            notes,
            files: std::mem::take(&mut sounds.entries),
        };
        let json = super::files::to_json(&index)?;
        create(&self.path.join(INDEX), format!("{json}\n").as_bytes())?;
        sounds.names.clear();
        Ok(())
    }

    /// Takes away what an earlier run wrote, its index last, so that the folder stays known as ours
    /// if this is interrupted.
    fn clear(&self) -> Result<()> {
        let Some(index) = earlier(&self.path) else { return Ok(()) };
        let remove = |path: PathBuf| match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(unwritable(&path, &e)),
            _ => Ok(()),
        };
        // An index is a file that anybody may have edited: only plain names of sounds count.
        let plain = |name: &str| name.ends_with(".wav") && !name.contains(['/', '\\', ':']);
        index
            .files
            .iter()
            .filter(|entry| plain(&entry.file))
            .try_for_each(|e| remove(self.path.join(&e.file)))?;
        remove(self.path.join(INDEX))
    }
}

/// The index of an earlier run, if the folder holds one.
fn earlier(folder: &Path) -> Option<Index> {
    /// Far more than an index of the most labels and features.
    const MAX_BYTES: u64 = 10_000_000;
    let bytes = super::files::read(&folder.join(INDEX), MAX_BYTES).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The sounds that were written so far. Those still named when it is dropped, since another one or
/// the index could not be written, are taken away again.
struct Sounds<'a> {
    folder: &'a Path,
    rate: u32,
    names: HashSet<String>,
    entries: Vec<Entry>,
}

impl Drop for Sounds<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            // Whatever stopped the writing is reported; that this fails too would tell nothing more.
            let _ = fs::remove_file(self.folder.join(name));
        }
    }
}

impl<'a> Sounds<'a> {
    fn new(folder: &'a Path, rate: u32) -> Self {
        Self { folder, rate, names: HashSet::new(), entries: Vec::new() }
    }

    fn add(&mut self, name: &str, samples: &[f32], entry: Entry) -> Result<()> {
        // Labels that differ in marks alone have one safe name; the second gets a number.
        let mut file = format!("{name}.wav");
        let mut number = 2;
        while !self.names.insert(file.clone()) {
            file = format!("{name}-{number}.wav");
            number += 1;
        }
        create(&self.folder.join(&file), &write_wav(self.rate, samples))?;
        self.entries.push(Entry { file, ..entry });
        Ok(())
    }
}

/// Writes a file that must not be there yet.
fn create(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || File::create_new(path)?.write_all(bytes);
    write().map_err(|e| unwritable(path, &e))
}

/// A label as part of a file's name, on any system: letters and digits in lower case, and a dash
/// for all the rest.
fn file_name(label: &str) -> String {
    let mut name = String::new();
    for c in label.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    // Letters take up to 4 bytes and names may have 255, of which the rest of ours needs some 60.
    let name: String = name.chars().take(40).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "label".into() } else { name.into() }
}

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::input(format!("{}: can't be written: {e}", path.display()))
        .hint("name a folder that can be written to with --listen")
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn labels_become_names_of_files() {
        for (label, name) in [
            ("metal", "metal"),
            ("Hip Hop", "hip-hop"),
            ("R&B / soul", "r-b-soul"),
            ("../../etc/passwd", "etc-passwd"),
            ("C:\\x", "c-x"),
            ("..", "label"),
            ("", "label"),
            ("a\0b\nc", "a-b-c"),
            ("演歌 Ä", "演歌-ä"),
        ] {
            assert_eq!(file_name(label), name);
        }
        assert!(file_name(&"😀ß演".repeat(500)).len() <= 160);
    }
}
