//! The local explanation, field by field as its JSON has them.
//!
//! Fields are written in the order in which they stand here. Readers ignore fields that they
//! don't know, so fields may be added; [`SCHEMA`] counts up when one changes its meaning.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The schema that this program writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// The stems that audio features name, in the order in which they are numbered and drawn.
pub const STEMS: [&str; 4] = ["vocals", "drums", "bass", "other"];

/// The most time segments of an explanation. The model hears some ten seconds, so segments of
/// a thousandth of that are shorter than one frame of its spectrogram.
pub const MAX_SEGMENTS: usize = 1_000;

/// Why a model gave a song its labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Always [`SCHEMA`] in an explanation that was read or made by this program.
    pub schema: u32,
    /// What was explained.
    pub song: Song,
    /// The model whose scores were explained.
    pub model: Model,
    /// The lyrics as they were given; absent if there were none, or if they are not to be shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<String>,
    /// What was asked for.
    pub settings: Settings,
    /// What was done.
    pub run: Run,
    /// The model's probabilities for the original mix, most probable first.
    pub predictions: Vec<Prediction>,
    /// The model's probabilities for the sum of the stems (the row with every feature on), in
    /// the order of `predictions`: how they differ shows what the separator lost.
    #[serde(default)]
    pub composed: Vec<Prediction>,
    /// What became of the explained stretch when it was taken apart; absent if it wasn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separation: Option<Separation>,
    /// How much of the score is due to audio and words together, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Map<String, Value>>,
    /// One for each label that was asked for.
    pub explanations: Vec<LabelExplanation>,
}

/// The song that was explained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Song {
    /// Its title, or its file's name.
    pub title: String,
    /// Its length.
    pub seconds: f64,
    /// Of the file's bytes, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What a separator made of the explained stretch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Separation {
    /// Each stem's share of the sum of the stems' energies, in the order of the stems.
    pub shares: Vec<StemShare>,
    /// The energy of what the stems' sum leaves of the mix, or adds to it, by the mix's.
    pub residual: f64,
}

/// A stem's share of the energy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StemShare {
    /// Its name.
    pub stem: String,
    /// Between 0 and 1.
    pub share: f64,
}

/// The model that was explained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its bundle's id.
    pub id: String,
    /// Of its bundle, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What was asked for: with the song, the lyrics and the model, all that decides the result.
///
/// Names are strings here, since which presets or separators exist is not for this room to
/// know. What is `None` did not apply, or was not written yet when the file was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// `paper`, `lime` or `default`.
    pub preset: String,
    /// Rows asked for.
    pub samples: usize,
    /// What every random choice follows from.
    pub seed: u64,
    /// Time segments into which the window is cut.
    pub segments: usize,
    /// `both`, `audio` or `lyrics`.
    pub modality: String,
    /// How the mix was taken apart.
    pub separator: String,
    /// Of the separator's weights, in lower-case hexadecimal digits; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator_sha256: Option<String>,
    /// The part of the song that was explained.
    pub window: Window,
    /// Seconds at the window's end that belong to no segment; absent where nothing was dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_seconds: Option<f64>,
    /// What computed the scores.
    pub backend: String,
    /// How masks were drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<String>,
    /// Width of the kernel that weights rows by their distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_width: Option<f64>,
    /// What cosine distances are multiplied by before the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_scale: Option<f64>,
    /// How features were selected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_selection: Option<String>,
    /// The most features that a label may have; `None` is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_features: Option<usize>,
    /// Ridge penalty of the fit that selects features.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection_alpha: Option<f64>,
    /// Ridge penalty of the surrogate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Which spellings count as one word: `none` or `case`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<String>,
    /// Number format of the model's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
}

/// A stretch of the song.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Its first moment, in seconds.
    pub start: f64,
    /// Its last moment, in seconds.
    pub end: f64,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Rows to which the surrogate was fitted.
    pub rows: usize,
    /// Passes through the audio encoder.
    pub audio_passes: usize,
    /// Passes through the text encoder.
    pub text_passes: usize,
    /// What ended the scoring: `budget` (all rows are scored) or `cancelled` (the user).
    pub stopped: String,
}

/// A label and its probability.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The label.
    pub label: String,
    /// In [0, 1].
    pub probability: f64,
}

/// What `predict` hands out: all labels, most probable first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// The labels with their probabilities.
    pub predictions: Vec<Prediction>,
}

/// The surrogate that explains one label.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelExplanation {
    /// The label.
    pub label: String,
    /// The surrogate's score with every feature off.
    pub intercept: f64,
    /// Weighted R² of the surrogate: 1 is a perfect fit.
    pub score: f64,
    /// The surrogate's score with every feature on.
    pub local_prediction: f64,
    /// The features that it uses.
    pub features: Vec<Feature>,
}

/// Something that can be switched off, and how much the label's score owes to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Feature {
    /// A stem during a time segment.
    Audio(AudioFeature),
    /// A word, wherever it stands.
    Word(WordFeature),
}

/// A stem during a time segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioFeature {
    /// One of [`STEMS`].
    pub stem: String,
    /// The segment's number, from 0.
    pub segment: usize,
    /// The segment's start in the song, in seconds.
    pub start: f64,
    /// The segment's end in the song, in seconds.
    pub end: f64,
    /// The surrogate's coefficient.
    pub weight: f64,
    /// Lower end of the weight's 90 % confidence interval, where one was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the weight's 90 % confidence interval, where one was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Whether the model can hear the segment at all.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub heard: bool,
}

/// A word, wherever it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordFeature {
    /// The word.
    pub word: String,
    /// How often it stands in the lyrics.
    pub count: usize,
    /// The surrogate's coefficient.
    pub weight: f64,
    /// Lower end of the weight's 90 % confidence interval, where one was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the weight's 90 % confidence interval, where one was estimated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Whether any occurrence is within the model's token limit.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub heard: bool,
}

impl Feature {
    /// The surrogate's coefficient.
    pub fn weight(&self) -> f64 {
        match self {
            Self::Audio(audio) => audio.weight,
            Self::Word(word) => word.weight,
        }
    }

    /// The weight's 90 % confidence interval, where one was estimated.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let (low, high) = match self {
            Self::Audio(audio) => (audio.low, audio.high),
            Self::Word(word) => (word.low, word.high),
        };
        low.zip(high)
    }

    /// Whether the model can hear the feature at all.
    pub fn heard(&self) -> bool {
        match self {
            Self::Audio(audio) => audio.heard,
            Self::Word(word) => word.heard,
        }
    }

    /// The feature's name in the paper's manner: stem and segment (`vocals0`), or the word.
    pub fn name(&self) -> String {
        match self {
            Self::Audio(audio) => format!("{}{}", audio.stem, audio.segment),
            Self::Word(word) => word.word.clone(),
        }
    }
}

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}
