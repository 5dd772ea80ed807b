//! From scored rows and surrogates to the explanation that people read.

use super::{Listener, Separator, Song, material::Material, scorer::Passes};
use crate::audio::{Stem, unmix};
use crate::explanation::{
    AudioFeature, Explanation, Feature, LabelExplanation, Model, Prediction, Run, SCHEMA, Separation,
    Settings, Song as SongInfo, StemShare, Window, WordFeature,
};
use crate::lime::{Modality, Rows, Surrogate};
use crate::lyrics::Word;
use crate::model;

/// Labels with their probabilities, most probable first; equal ones in the model's order.
pub(super) fn predictions(labels: &[String], scores: &[f64]) -> Vec<Prediction> {
    let mut predictions: Vec<Prediction> = labels
        .iter()
        .zip(scores)
        .map(|(label, probability)| Prediction { label: label.clone(), probability: *probability })
        .collect();
    predictions.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    predictions
}

/// What the model and LIME found out about one song.
pub(super) struct Findings {
    /// The probabilities of the original mix.
    pub(super) predictions: Vec<Prediction>,
    /// The scored rows.
    pub(super) rows: Rows,
    /// What they cost.
    pub(super) passes: Passes,
    /// The explained classes, by number, with their surrogates.
    pub(super) surrogates: Vec<(usize, Surrogate)>,
}

/// Everything that an explanation tells.
pub(super) fn explanation(
    listener: &Listener,
    song: &Song,
    lyrics: &str,
    material: &Material,
    findings: Findings,
) -> Explanation {
    let Findings { predictions, rows, passes, surrogates } = findings;
    let bundle = listener.bundle();
    let labels = listener.labels();
    let composed = self::predictions(labels, rows.instance());
    Explanation {
        schema: SCHEMA,
        song: SongInfo {
            title: song.title().unwrap_or("untitled").to_owned(),
            seconds: song.seconds(),
            sha256: song.sha256().to_owned(),
        },
        model: Model { id: bundle.id.clone(), sha256: bundle.weights.sha256.clone() },
        lyrics: (!lyrics.trim().is_empty()).then(|| lyrics.to_owned()),
        settings: settings(listener, song, material),
        run: Run {
            rows: rows.masks.len(),
            audio_passes: passes.audio,
            text_passes: passes.text,
            stopped: rows.stopped.name().to_owned(),
        },
        composed: predictions
            .iter()
            .filter_map(|p| composed.iter().find(|c| c.label == p.label).cloned())
            .collect(),
        predictions,
        separation: separation(song, material),
        interaction: None,
        explanations: surrogates
            .iter()
            .map(|(label, surrogate)| LabelExplanation {
                label: labels.get(*label).cloned().unwrap_or_default(),
                intercept: surrogate.intercept,
                score: surrogate.score,
                local_prediction: surrogate.local_prediction,
                features: features(song, material, surrogate),
            })
            .collect(),
    }
}

/// What the stems leave of the explained stretch; nothing if the song was not taken apart.
fn separation(song: &Song, material: &Material) -> Option<Separation> {
    let stems = song.stems().ok().filter(|_| material.varies_audio())?;
    let mix = material.mix(song);
    let tracks = stems.tracks.each_ref().map(|track| track.get(material.window()).unwrap_or(&[]));
    let energies = unmix::energies(&[mix], tracks.each_ref().map(std::slice::from_ref));
    let shares = Stem::ALL.into_iter().zip(energies.shares);
    Some(Separation {
        shares: shares.map(|(stem, share)| StemShare { stem: stem.name().to_owned(), share }).collect(),
        residual: energies.residual,
    })
}

fn settings(listener: &Listener, song: &Song, material: &Material) -> Settings {
    let (lime, bundle) = (material.settings(), listener.bundle());
    let (window, rate) = (material.window(), f64::from(song.mix().rate));
    // A song may have been taken apart to be listened to, which is nothing to this explanation.
    let separator = song.separator().filter(|_| material.varies_audio());
    let dropped = material.segments().last().map_or(0, |last| window.len() - last.end.min(window.len()));
    Settings {
        preset: lime.preset.name().to_owned(),
        samples: lime.samples,
        seed: lime.seed,
        segments: material.segment_count(),
        modality: lime.modality.name().to_owned(),
        separator: separator.map_or("none", |s| s.name()).to_owned(),
        separator_sha256: match (&bundle.separator, separator) {
            (model::Separator::OpenUnmix(entry), Some(Separator::OpenUnmix)) => {
                Some(entry.weights.sha256.clone())
            }
            _ => None,
        },
        window: Window { start: window.start as f64 / rate, end: window.end as f64 / rate },
        dropped_seconds: (dropped > 0).then(|| dropped as f64 / rate),
        backend: listener.backend().name().to_owned(),
        sampling: Some(lime.sampling.name().to_owned()),
        kernel_width: Some(lime.kernel_width),
        distance_scale: Some(lime.distance_scale),
        feature_selection: Some(lime.feature_selection.name().to_owned()),
        num_features: lime.num_features,
        selection_alpha: Some(lime.selection_alpha),
        alpha: Some(lime.surrogate_alpha),
        fold: Some(material.fold().name().to_owned()),
        dtype: Some(bundle.dtype.name().to_owned()),
    }
}

/// The surrogate's coefficients as stems in time and words, largest first, and behind them
/// the words that the model never reads and that could not matter.
fn features(song: &Song, material: &Material, surrogate: &Surrogate) -> Vec<Feature> {
    let audio = material.layout().audio;
    let mut features: Vec<Feature> = surrogate
        .weights
        .iter()
        .enumerate()
        .filter_map(|(place, &(feature, weight))| {
            let (low, high) = surrogate.interval(place).unzip();
            if feature < audio {
                sound(song, material, feature, weight, low, high)
            } else {
                let index = feature - audio;
                let heard = material.heard().get(index).copied().unwrap_or(true);
                Some(word(material.words().get(index)?, weight, low, high, heard))
            }
        })
        .collect();
    if material.settings().modality != Modality::Audio {
        features.extend(material.unheard().iter().map(|unheard| word(unheard, 0.0, None, None, false)));
    }
    features
}

fn word(word: &Word, weight: f64, low: Option<f64>, high: Option<f64>, heard: bool) -> Feature {
    let (text, count) = (word.text.clone(), word.spans.len());
    Feature::Word(WordFeature { word: text, count, weight, low, high, heard })
}

fn sound(
    song: &Song,
    material: &Material,
    feature: usize,
    weight: f64,
    low: Option<f64>,
    high: Option<f64>,
) -> Option<Feature> {
    let segment = feature / Stem::ALL.len();
    let stem = Stem::ALL.get(feature % Stem::ALL.len())?;
    let range = material.segments().get(segment)?;
    let seconds = |sample: usize| (material.window().start + sample) as f64 / f64::from(song.mix().rate);
    Some(Feature::Audio(AudioFeature {
        stem: stem.name().to_owned(),
        segment,
        start: seconds(range.start),
        end: seconds(range.end),
        weight,
        low,
        high,
        heard: !material.audible().get(segment)?.is_empty(),
    }))
}
