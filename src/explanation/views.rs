//! What is drawn from an explanation: the modalities' shares, the ranking, the heat map.

use super::{Feature, LabelExplanation, MAX_SEGMENTS, STEMS, Window};
use serde::Serialize;

/// Half the width of a 90 % confidence interval in standard errors, which is how `low` and
/// `high` are meant.
pub const INTERVAL_Z: f64 = 1.644_853_627;

/// What audio and lyrics each contribute to an explanation; the two sum to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The audio features' share, in [0, 1].
    pub audio: f64,
    /// The words' share, in [0, 1].
    pub lyrics: f64,
}

/// A modality's share is the sum of its squared weights over the sum of all, where a weight
/// that has a confidence interval has its noise variance (the squared standard error that
/// the interval implies) subtracted from its square.
///
/// Squares and not absolute values, and without the noise, because noise alone gives every
/// weight some size: the sum of absolute weights favours whichever modality has more features.
/// The subtraction is unbiased over a modality, so single terms may be negative and only the
/// sums are kept from falling below zero. `None` if nothing rises above the noise, or nothing
/// is there.
pub fn modality_share(features: &[Feature]) -> Option<Share> {
    let (mut audio, mut lyrics) = (0.0, 0.0);
    for feature in features {
        let deviation = feature.interval().map_or(0.0, |(low, high)| (high - low) / (2.0 * INTERVAL_Z));
        let power = feature.weight().powi(2) - deviation.powi(2);
        match feature {
            Feature::Audio(_) => audio += power,
            Feature::Word(_) => lyrics += power,
        }
    }
    let (audio, lyrics) = (f64::max(audio, 0.0), f64::max(lyrics, 0.0));
    let total = audio + lyrics;
    (total > 0.0 && total.is_finite()).then(|| Share { audio: audio / total, lyrics: lyrics / total })
}

/// Audio features and words in one ranking, largest absolute weight first; equal ones keep
/// the order of the features.
pub fn ranking(explanation: &LabelExplanation) -> Vec<&Feature> {
    let mut features: Vec<_> = explanation.features.iter().collect();
    features.sort_by(|a, b| b.weight().abs().total_cmp(&a.weight().abs()));
    features
}

/// Weights by stem and time segment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeatMap {
    /// The rows' names: [`STEMS`].
    pub stems: [&'static str; 4],
    /// The columns' times, as far as any feature tells them.
    pub segments: Vec<Option<Window>>,
    /// A row for each stem with a weight for each segment; `None` where the surrogate doesn't
    /// use the feature, which is not the same as a weight of zero.
    pub weights: [Vec<Option<f64>>; 4],
}

/// The audio features of an explanation as a matrix; it has no columns if there are none.
/// Features with an unknown stem, or past [`MAX_SEGMENTS`], are left out.
pub fn heat_map(explanation: &LabelExplanation) -> HeatMap {
    let cells = || {
        explanation.features.iter().filter_map(|feature| match feature {
            Feature::Audio(audio) if audio.segment < MAX_SEGMENTS => {
                STEMS.iter().position(|stem| *stem == audio.stem).map(|row| (row, audio))
            }
            _ => None,
        })
    };
    let columns = cells().map(|(_, audio)| audio.segment + 1).max().unwrap_or(0);
    let mut map = HeatMap {
        stems: STEMS,
        segments: vec![None; columns],
        weights: std::array::from_fn(|_| vec![None; columns]),
    };
    for (row, audio) in cells() {
        if let Some(segment) = map.segments.get_mut(audio.segment) {
            *segment = Some(Window { start: audio.start, end: audio.end });
        }
        if let Some(cell) = map.weights.get_mut(row).and_then(|row| row.get_mut(audio.segment)) {
            *cell = Some(audio.weight);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::super::json::tests::{audio, example, word};
    use super::*;
    use proptest::prelude::*;

    fn with_interval(mut feature: Feature, half_width: f64) -> Feature {
        let (low, high) = (feature.weight() - half_width, feature.weight() + half_width);
        match &mut feature {
            Feature::Audio(audio) => (audio.low, audio.high) = (Some(low), Some(high)),
            Feature::Word(word) => (word.low, word.high) = (Some(low), Some(high)),
        }
        feature
    }

    #[test]
    fn shares_are_of_squares() {
        let features = [audio("bass", 0, 0.3), audio("drums", 0, -0.4), word("love", -0.5)];
        let share = modality_share(&features).unwrap();
        assert!((share.audio - 0.5).abs() < 1e-12 && (share.lyrics - 0.5).abs() < 1e-12);
        assert_eq!(modality_share(&features[..2]), Some(Share { audio: 1.0, lyrics: 0.0 }));
        assert_eq!(modality_share(&[]), None);
        assert_eq!(modality_share(&[word("la", 0.0)]), None);
    }

    #[test]
    fn noise_is_no_contribution() {
        // A hundred words that are as large as their own standard error, beside one real note.
        let mut features: Vec<_> =
            (0..100).map(|n| with_interval(word(&format!("w{n}"), 0.1), 0.1 * INTERVAL_Z)).collect();
        features.push(with_interval(audio("bass", 0, 0.5), 0.1 * INTERVAL_Z));
        let share = modality_share(&features).unwrap();
        assert!(share.lyrics < 1e-9, "{share:?}");
        // Without their intervals the words would outweigh it.
        let plain: Vec<_> = features
            .iter()
            .map(|f| if let Feature::Word(w) = f { word(&w.word, w.weight) } else { f.clone() })
            .collect();
        assert!(modality_share(&plain).unwrap().lyrics > 0.7);
        assert_eq!(modality_share(&features[..100]), None);
    }

    #[test]
    fn the_ranking_mixes_modalities() {
        let features = vec![audio("bass", 0, 0.1), word("b", -0.3), word("a", 0.1), audio("drums", 2, 0.2)];
        let explanation = example("pop", features).explanations.remove(0);
        let names: Vec<_> = ranking(&explanation).iter().map(|feature| feature.name()).collect();
        assert_eq!(names, ["b", "drums2", "bass0", "a"]);
    }

    #[test]
    fn the_heat_map_tells_absent_from_zero() {
        let features =
            vec![audio("other", 2, 0.5), word("a", 9.0), audio("vocals", 0, 0.0), audio("kazoo", 7, 1.0)];
        let map = heat_map(&example("pop", features).explanations[0]);
        assert_eq!(map.weights[0], [Some(0.0), None, None]);
        assert_eq!(map.weights[1], [None, None, None]);
        assert_eq!(map.weights[3], [None, None, Some(0.5)]);
        assert_eq!(
            map.segments,
            [Some(Window { start: 0.0, end: 1.0 }), None, Some(Window { start: 2.0, end: 3.0 })]
        );
        assert!(heat_map(&example("pop", vec![word("a", 1.0)]).explanations[0]).segments.is_empty());
        let beyond = vec![audio("bass", usize::MAX, 1.0)];
        assert!(heat_map(&example("pop", beyond).explanations[0]).segments.is_empty());
    }

    proptest! {
        #[test]
        fn shares_sum_to_one(weights in prop::collection::vec((any::<bool>(), -1.0..1.0_f64, 0.0..1.0_f64), 0..30)) {
            let features: Vec<_> = weights.iter().enumerate().map(|(n, (is_word, weight, noise))| {
                let feature = if *is_word { word(&n.to_string(), *weight) } else { audio("bass", n, *weight) };
                with_interval(feature, *noise)
            }).collect();
            if let Some(Share { audio, lyrics }) = modality_share(&features) {
                prop_assert!((0.0..=1.0).contains(&audio) && (0.0..=1.0).contains(&lyrics));
                prop_assert!((audio + lyrics - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn the_ranking_keeps_every_feature_and_descends(weights in prop::collection::vec(-1.0..1.0_f64, 0..30)) {
            let features = weights.iter().enumerate().map(|(n, weight)| word(&n.to_string(), *weight)).collect();
            let explanation = example("pop", features).explanations.remove(0);
            let ranked = ranking(&explanation);
            prop_assert_eq!(ranked.len(), weights.len());
            prop_assert!(ranked.windows(2).all(|pair| pair[0].weight().abs() >= pair[1].weight().abs()));
        }
    }
}
