//! A song that is ready to be explained: decoded once, at the model's rate, its stems kept.

use super::Listener;
use crate::audio::unmix::{self, UnmixSettings};
use crate::audio::{self, Sound, Stems};
use crate::model::sha256;
use crate::{Error, Observer, Result};

/// What took the mix apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// The signal-processing split, which needs no weights.
    Dsp,
    /// The bundle's Open-Unmix.
    OpenUnmix,
    /// Stems that the user brought.
    Files,
}

impl Separator {
    /// The name in an explanation's settings.
    pub fn name(self) -> &'static str {
        match self {
            Separator::Dsp => "dsp",
            Separator::OpenUnmix => "openunmix",
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
    /// The mix at the separator's rate, if that is another.
    full: Option<Sound>,
    stems: Option<(Separator, Stems)>,
}

impl Song {
    /// Decodes a song file and brings it to the rate of the model that will hear it.
    ///
    /// `name` is the file's name; it gives the title where the file carries none.
    ///
    /// # Errors
    /// If the bytes are no audio that can be decoded, or exceed the default
    /// [`Limits`](audio::decode::Limits); [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled)
    /// if the observer stops it.
    pub async fn open(
        bytes: &[u8],
        name: &str,
        listener: &Listener,
        observer: &mut impl Observer,
    ) -> Result<Self> {
        let decoded = audio::decode::decode(bytes, &audio::decode::Limits::default(), observer).await?;
        let sound = decoded.sound;
        let rate = listener.rate();
        let samples = audio::resampled(&sound.samples, sound.rate, rate, observer).await?;
        let mix = Sound { rate, samples };
        let separator = listener.separator().map(|network| network.config().sampling_rate);
        let full = match separator.filter(|&rate| rate != mix.rate) {
            Some(rate) if rate == sound.rate => Some(sound),
            Some(rate) => {
                let samples = audio::resampled(&sound.samples, sound.rate, rate, observer).await?;
                Some(Sound { rate, samples })
            }
            None => None,
        };
        let title = decoded.title.or_else(|| title_from(name));
        Ok(Self { title, artist: decoded.artist, sha256: sha256(bytes), mix, full, stems: None })
    }

    /// The song of which only the lyrics are there: silence for as long as the model hears at once.
    ///
    /// A model that fuses sound and words always hears something, and silence is what it hears in
    /// the row of perturbations with every sound off. So "no recording" is to the sound what empty
    /// lyrics are to the words.
    pub fn silent(listener: &Listener) -> Self {
        let rate = listener.rate();
        // A model that only reads has no window; a second of silence that it doesn't hear will do.
        let samples = if listener.hears() { listener.window_samples() } else { rate as usize };
        let mix = Sound { rate, samples: vec![0.0; samples] };
        Self { title: None, artist: None, sha256: sha256(&[]), mix, full: None, stems: None }
    }

    /// Uses the stems that the user brought instead of separating the mix.
    ///
    /// # Errors
    /// If a stem's length differs from the mix's by more than a tenth of a second.
    pub fn use_stems(&mut self, tracks: [Sound; 4]) -> Result<()> {
        let stems = audio::stem_files::assemble(tracks, self.mix.rate, self.mix.samples.len())?;
        self.stems = Some((Separator::Files, stems));
        self.full = None;
        Ok(())
    }

    /// Takes the mix apart, unless that was done before: by the bundle's Open-Unmix if it has
    /// one, else by signal processing.
    ///
    /// Open-Unmix separates the mono mix, which is what the model hears, at its own rate; the
    /// stems are then brought to the model's.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) if the observer stops it; or if the
    /// device fails.
    pub async fn separate(&mut self, listener: &Listener, observer: &mut impl Observer) -> Result<()> {
        if self.stems.is_some() {
            return Ok(());
        }
        let stems = match listener.separator() {
            None => (Separator::Dsp, audio::dsp::separate(&self.mix, observer).await?),
            Some(network) => {
                let full = self.full.as_ref().unwrap_or(&self.mix);
                let channels = std::slice::from_ref(&full.samples);
                let stems = unmix::separate(network, channels, &UnmixSettings::default(), observer).await?;
                (Separator::OpenUnmix, self.at_the_models_rate(stems, full.rate, observer).await?)
            }
        };
        self.stems = Some(stems);
        // The stems are there for as long as the song is, so the separator won't need this again.
        self.full = None;
        Ok(())
    }

    /// Stems of one channel, resampled and as long as the mix.
    async fn at_the_models_rate(
        &self,
        stems: [Vec<Vec<f32>>; 4],
        rate: u32,
        observer: &mut impl Observer,
    ) -> Result<Stems> {
        let mut tracks: [Vec<f32>; 4] = Default::default();
        for (track, channels) in tracks.iter_mut().zip(stems) {
            let samples = channels.into_iter().next().unwrap_or_default();
            *track = if rate == self.mix.rate {
                samples
            } else {
                audio::resampled(&samples, rate, self.mix.rate, observer).await?
            };
            track.resize(self.mix.samples.len(), 0.0);
        }
        Ok(Stems { rate: self.mix.rate, tracks })
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
