//! A song that is ready to be explained: decoded once, at the model's rate, its stems kept.

use crate::audio::{self, Sound, Stems};
use crate::model::sha256;
use crate::{Error, Observer, Result};

/// What took the mix apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// The signal-processing split, which needs no weights.
    Dsp,
    /// Stems that the user brought.
    Files,
}

impl Separator {
    /// The name in an explanation's settings.
    pub fn name(self) -> &'static str {
        match self {
            Separator::Dsp => "dsp",
            Separator::Files => "files",
        }
    }
}

/// A recording at the rate of the model that will hear it.
#[derive(Debug, Clone)]
pub struct Song {
    title: Option<String>,
    artist: Option<String>,
    sha256: String,
    mix: Sound,
    stems: Option<(Separator, Stems)>,
}

impl Song {
    /// Decodes a song file and brings it to `rate` samples per second.
    ///
    /// `name` is the file's name; it gives the title where the file carries none.
    ///
    /// # Errors
    /// If the bytes are no audio that can be decoded, or exceed the default
    /// [`Limits`](audio::decode::Limits); [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled)
    /// if the observer stops it.
    pub async fn open(bytes: &[u8], name: &str, rate: u32, observer: &mut impl Observer) -> Result<Self> {
        let decoded = audio::decode::decode(bytes, &audio::decode::Limits::default(), observer).await?;
        let samples = audio::resample(&decoded.sound.samples, decoded.sound.rate, rate)?;
        let title = decoded.title.or_else(|| title_from(name));
        Ok(Self {
            title,
            artist: decoded.artist,
            sha256: sha256(bytes),
            mix: Sound { rate, samples },
            stems: None,
        })
    }

    /// Uses the stems that the user brought instead of separating the mix.
    ///
    /// # Errors
    /// If a stem's length differs from the mix's by more than a tenth of a second.
    pub fn use_stems(&mut self, tracks: [Sound; 4]) -> Result<()> {
        let stems = audio::stem_files::assemble(tracks, self.mix.rate, self.mix.samples.len())?;
        self.stems = Some((Separator::Files, stems));
        Ok(())
    }

    /// Takes the mix apart, unless that was done before.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) if the observer stops it.
    pub async fn separate(&mut self, observer: &mut impl Observer) -> Result<()> {
        if self.stems.is_none() {
            self.stems = Some((Separator::Dsp, audio::dsp::separate(&self.mix, observer).await?));
        }
        Ok(())
    }

    /// The title, from the file's tags or its name.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// The artist, from the file's tags.
    pub fn artist(&self) -> Option<&str> {
        self.artist.as_deref()
    }

    /// The duration in seconds.
    pub fn seconds(&self) -> f64 {
        self.mix.samples.len() as f64 / f64::from(self.mix.rate)
    }

    /// The SHA-256 of the file's bytes, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The mix at the model's rate.
    pub fn mix(&self) -> &Sound {
        &self.mix
    }

    /// What took the mix apart, once it is.
    pub fn separator(&self) -> Option<Separator> {
        self.stems.as_ref().map(|(separator, _)| *separator)
    }

    pub(super) fn stems(&self) -> Result<&Stems> {
        match &self.stems {
            Some((_, stems)) => Ok(stems),
            None => Err(Error::internal("the song was not separated before its stems were asked for")),
        }
    }
}

/// A file's name without its folder and its ending.
fn title_from(name: &str) -> Option<String> {
    let base = name.rsplit(['/', '\\']).next()?;
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem).trim();
    (!stem.is_empty()).then(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::title_from;

    #[test]
    fn the_title_comes_from_the_files_name() {
        assert_eq!(title_from("a/b/My Song.v2.mp3").as_deref(), Some("My Song.v2"));
        assert_eq!(title_from("C:\\music\\x.wav").as_deref(), Some("x"));
        assert_eq!(title_from("noending").as_deref(), Some("noending"));
        assert_eq!(title_from(".mp3"), None);
    }
}
