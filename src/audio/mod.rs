//! Sound: decoding, resampling, the spectrogram that the AST hears, stems, segments, and the
//! composing of a perturbed mix. Knows nothing of lyrics, of models' heads, or of the web.
//!
//! A song passes through in this order: [`decode()`], [`resampled`], [`window`], a separator
//! ([`dsp::separate`], [`unmix::separate`] with a network, or [`assemble`] for stems that the user
//! brings), [`segments()`], [`compose`], [`Fbank`]. What people get to hear of the result is in
//! [`evidence`].
//!
//! ```
//! use musiclime::audio::{Limits, decode, write_wav};
//! use musiclime::Quiet;
//!
//! let file = write_wav(8000, &[0.0, 0.5, -0.5]);
//! let song = pollster::block_on(decode(&file, &Limits::default(), &mut Quiet))?;
//! assert_eq!(song.sound.rate, 8000);
//! assert_eq!(song.sound.samples, [0.0, 0.5, -0.5]);
//! # Ok::<(), musiclime::Error>(())
//! ```

mod chunks;
pub mod decode;
pub mod dsp;
pub mod evidence;
pub mod fbank;
pub mod peaks;
pub mod resample;
pub mod sdr;
pub mod segments;
pub mod stem_files;
pub mod stft;
pub mod unmix;
pub mod wav;
pub mod wiener;
pub mod window;

pub use decode::{Decoded, Limits, decode, decode_stereo};
pub use fbank::{Fbank, FbankSettings, Spectrogram};
pub use peaks::peaks;
pub use resample::{resample, resampled};
pub use segments::{Tail, compose, segments};
pub use stem_files::assemble;
pub use wav::{write_wav, write_wav_channels};

use crate::{Error, Result};

/// A mono recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Samples per second.
    pub rate: u32,
    /// Samples, nominally in [-1, 1], all finite.
    pub samples: Vec<f32>,
}

/// One of the four sources into which a mix is separated, in the paper's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stem {
    /// Singing and speech.
    Vocals,
    /// Drums and other percussion.
    Drums,
    /// The bass.
    Bass,
    /// All the rest.
    Other,
}

impl Stem {
    /// All stems, in the order in which features are numbered.
    pub const ALL: [Stem; 4] = [Stem::Vocals, Stem::Drums, Stem::Bass, Stem::Other];

    /// The name in features, files and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Stem::Vocals => "vocals",
            Stem::Drums => "drums",
            Stem::Bass => "bass",
            Stem::Other => "other",
        }
    }
}

/// A mix taken apart: one mono track per [`Stem`], all of one length.
#[derive(Debug, Clone, PartialEq)]
pub struct Stems {
    /// Samples per second.
    pub rate: u32,
    /// The tracks, in the order of [`Stem::ALL`].
    pub tracks: [Vec<f32>; 4],
}

/// Refuses samples that are not numbers, or infinite.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input), which tells where the first one is.
pub(crate) fn require_finite(samples: &[f32]) -> Result<()> {
    match samples.iter().position(|sample| !sample.is_finite()) {
        None => Ok(()),
        Some(index) => Err(Error::input(format!(
            "the sound is damaged: sample {index} is {}, not a finite number",
            samples[index]
        ))
        .hint("export the song again, for example as 16-bit WAV")),
    }
}

/// 60 dB above full scale. Float files may be louder than full scale, but samples beyond this
/// are integers stored as floats, or damage, and would drown what the model is used to.
pub(crate) const LOUDEST: f32 = 1000.0;

/// Refuses samples that are not finite, or louder than any recording.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input), which tells where the first one is.
pub(crate) fn require_usable(samples: &[f32]) -> Result<()> {
    require_finite(samples)?;
    match samples.iter().position(|sample| sample.abs() > LOUDEST) {
        None => Ok(()),
        Some(index) => Err(Error::input(format!(
            "sample {index} of the sound is {}, where full scale is 1",
            samples[index]
        ))
        .hint("normalise the sound, or export it as 16-bit WAV")),
    }
}
