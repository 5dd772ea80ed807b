//! What `predict` and `explain` share: a song, its lyrics, a model and a device.

use super::files;
use crate::audio::decode::{Decoded, Limits, decode};
use crate::audio::{Sound, Stem};
use crate::explain::{Listener, Song};
use crate::lime::Preset;
use crate::lyrics::TimedLyrics;
use crate::model::{self, Backend};
use crate::{Error, Observer, Result};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The song: WAV, MP3, FLAC, Ogg Vorbis, or AAC/M4A
    song: PathBuf,

    /// The lyrics, a UTF-8 text file, plain or timed (LRC) [default: none, only the audio is used]
    #[arg(long, value_name = "FILE")]
    lyrics: Option<PathBuf>,

    #[command(flatten)]
    pub(super) model: ModelArgs,
}

/// The model, how it listens, and what it runs on.
#[derive(clap::Args)]
pub(super) struct ModelArgs {
    /// Folder of the model bundle
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// Where settings come from: default, paper (as published) or lime (LIME's own kernel and sampling)
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(super) preset: Preset,

    /// Start, in seconds, of the stretch of a long song that the model hears [default: the loudest stretch]
    #[arg(long, value_name = "SECONDS")]
    pub(super) window: Option<f64>,

    /// What computes: auto, wgpu or cpu
    #[arg(long, value_name = "BACKEND", default_value = "auto")]
    backend: Backend,
}

pub(super) struct Opened {
    pub(super) listener: Listener,
    pub(super) song: Song,
    pub(super) lyrics: String,
}

impl Args {
    /// What there is to open, with the model that hears it.
    pub(super) async fn open(&self, observer: &mut impl Observer) -> Result<Opened> {
        open(&self.song, self.lyrics.as_deref(), &self.model, observer).await
    }
}

/// Reads the small things first, so that a wrong path is told before a model is loaded.
pub(super) async fn open(
    song: &Path,
    lyrics: Option<&Path>,
    model: &ModelArgs,
    observer: &mut impl Observer,
) -> Result<Opened> {
    let lyrics = lyrics.map_or(Ok(String::new()), read_lyrics)?;
    let bytes = read(song)?;
    let listener = model.load(observer).await?;
    let song = decode_song(&bytes, song, &listener, observer).await?;
    Ok(Opened { listener, song, lyrics })
}

impl ModelArgs {
    /// The model on its device.
    pub(super) async fn load(&self, observer: &mut impl Observer) -> Result<Listener> {
        let (device, backend) = model::device(self.backend).await?;
        let loaded = model::load_dir(&self.model, &device, observer).await?;
        Listener::new(
            loaded.bundle,
            loaded.classifier,
            loaded.separator,
            loaded.tokenizer_json.as_deref(),
            backend,
        )
    }
}

/// Reads a song and brings it to the rate of the model that will hear it.
pub(super) async fn hear(path: &Path, listener: &Listener, observer: &mut impl Observer) -> Result<Song> {
    decode_song(&read(path)?, path, listener, observer).await
}

fn read(path: &Path) -> Result<Vec<u8>> {
    files::read(path, Limits::default().max_bytes as u64)
}

async fn decode_song(
    bytes: &[u8],
    path: &Path,
    listener: &Listener,
    observer: &mut impl Observer,
) -> Result<Song> {
    let name = path.to_string_lossy();
    Song::open(bytes, &name, listener, observer).await.map_err(|e| e.context(path.display()))
}

/// The words of a lyrics file. Times are for players: a model reads the words alone.
pub(super) fn read_lyrics(path: &Path) -> Result<String> {
    Ok(read_timed(path)?.text)
}

fn read_timed(path: &Path) -> Result<TimedLyrics> {
    Ok(TimedLyrics::parse(&files::read_text(path, MAX_LYRICS_BYTES)?))
}

/// A novel has less than a megabyte; nothing longer is a song's lyrics.
const MAX_LYRICS_BYTES: u64 = 1_000_000;

/// The four stems that the user brought.
pub(super) async fn read_stems(dir: &Path, observer: &mut impl Observer) -> Result<[Sound; 4]> {
    let mut tracks = Vec::new();
    for stem in Stem::ALL {
        let path = dir.join(format!("{}.wav", stem.name()));
        let bytes = read(&path)
            .map_err(|e| e.hint("a stems folder holds vocals.wav, drums.wav, bass.wav and other.wav"))?;
        let Decoded { sound, .. } =
            decode(&bytes, &Limits::default(), observer).await.map_err(|e| e.context(path.display()))?;
        tracks.push(sound);
    }
    tracks.try_into().map_err(|_| Error::internal("there are four stems"))
}

impl Args {
    /// The lyrics with their times, which only those who draw them want to know.
    pub(super) fn timed_lyrics(&self) -> Result<TimedLyrics> {
        self.lyrics.as_deref().map_or_else(|| Ok(TimedLyrics::parse("")), read_timed)
    }
}
