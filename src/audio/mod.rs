//! Sound: decoding, resampling, the spectrogram that the AST hears, stems, segments, and the
//! composing of a perturbed mix. Knows nothing of lyrics, of models' heads, or of the web.

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
