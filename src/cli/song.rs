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
    /// Reads the small things first, so that a wrong path is told before a model is loaded.
    pub(super) async fn open(&self, observer: &mut impl Observer) -> Result<Opened> {
        let lyrics = match &self.lyrics {
            // Times are for players: a model reads the words alone.
            Some(path) => TimedLyrics::parse(&files::read_text(path, MAX_LYRICS_BYTES)?).text,
            None => String::new(),
        };
        let bytes = files::read(&self.song, Limits::default().max_bytes as u64)?;
        let (device, backend) = model::device(self.backend).await?;
        let loaded = model::load_dir(&self.model, &device, observer).await?;
        let listener = Listener::new(
            loaded.bundle,
            loaded.classifier,
            loaded.separator,
            loaded.tokenizer_json.as_deref(),
            backend,
        )?;
        let name = self.song.to_string_lossy();
        let song = Song::open(&bytes, &name, &listener, observer)
            .await
            .map_err(|e| e.context(self.song.display()))?;
        Ok(Opened { listener, song, lyrics })
    }
}

/// A novel has less than a megabyte; nothing longer is a song's lyrics.
const MAX_LYRICS_BYTES: u64 = 1_000_000;

/// The four stems that the user brought.
pub(super) async fn read_stems(dir: &Path, observer: &mut impl Observer) -> Result<[Sound; 4]> {
    let mut tracks = Vec::new();
    for stem in Stem::ALL {
        let path = dir.join(format!("{}.wav", stem.name()));
        let bytes = files::read(&path, Limits::default().max_bytes as u64)
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
        let read = |path: &PathBuf| files::read_text(path, MAX_LYRICS_BYTES);
        Ok(TimedLyrics::parse(&self.lyrics.as_ref().map_or(Ok(String::new()), read)?))
    }
}
