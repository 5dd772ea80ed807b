//! The surrogate: a line through the scores that says what each feature adds.

use super::mask::Mask;
use super::ridge::Design;
use super::select::{by_magnitude, select};
use super::settings::Settings;
use crate::Result;

/// The 95 % quantile of the normal distribution: an interval of 90 % reaches this many
/// standard errors to either side.
const Z90: f64 = 1.644_853_626_951_472_7;

/// What LIME says about one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Surrogate {
    /// The line's value with every feature off.
    pub intercept: f64,
    /// The weighted R² on the rows that were fitted: 1 where all scores are equal.
    pub score: f64,
    /// The line's value at row 0.
    pub local_prediction: f64,
    /// Feature and coefficient, largest magnitude first, as the `lime` package sorts them.
    /// Features that were not selected are absent.
    pub weights: Vec<(usize, f64)>,
    /// The standard error of each of `weights`, in the same order.
    ///
    /// They say how much the coefficients would vary if other masks were drawn (a sandwich
    /// estimate, HC2, which also holds for a model that is no line), given the selected features. They say nothing
    /// about the ridge penalty's pull towards zero, about the choice of features, or about how
    /// well a line describes the model.
    pub std_errors: Vec<f64>,
}

impl Surrogate {
    /// The 90 % interval of the coefficient at `place` in [`weights`](Self::weights).
    pub fn interval(&self, place: usize) -> Option<(f64, f64)> {
        let (&(_, weight), error) = (self.weights.get(place)?, self.std_errors.get(place)?);
        Some((weight - Z90 * error, weight + Z90 * error))
    }
}

/// Fits a surrogate to the scores of one label; every position of the masks is a feature, and
/// row 0 is the instance.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for fewer than two rows, ragged masks, scores
/// that are not one finite number per row, and settings out of range.
pub fn fit(masks: &[Mask], scores: &[f64], settings: &Settings) -> Result<Surrogate> {
    fit_design(&Design::new(masks, settings)?, scores, settings)
}

/// [`fit`], with the part done that all labels share.
pub(super) fn fit_design(design: &Design, scores: &[f64], settings: &Settings) -> Result<Surrogate> {
    let target = design.target(scores)?;
    let used = select(design, &target, settings)?;
    let line = design.fit(&target, &used, settings.surrogate_alpha)?;
    let at_instance: f64 = used.iter().zip(&line.coefficients).map(|(&j, b)| design.instance[j] * b).sum();
    let order = by_magnitude(&line.coefficients);
    Ok(Surrogate {
        intercept: line.intercept,
        score: line.r_squared,
        local_prediction: line.intercept + at_instance,
        weights: order.iter().map(|&place| (used[place], line.coefficients[place])).collect(),
        std_errors: order.iter().map(|&place| line.std_errors[place]).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::mask::Layout;
    use super::super::sampling::masks;
    use super::super::settings::{FeatureSelection, Preset, Sampling};
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    fn rows(text: &[&str]) -> Vec<Mask> {
        text.iter().map(|row| row.chars().map(|c| c == '1').collect()).collect()
    }

    fn preset(preset: Preset, feature_selection: FeatureSelection, num_features: Option<usize>) -> Settings {
        Settings { feature_selection, num_features, ..Settings::preset(preset) }
    }

    fn weight(line: &Surrogate, feature: usize) -> f64 {
        line.weights.iter().find(|(j, _)| *j == feature).map_or(0.0, |(_, weight)| *weight)
    }

    proptest! {
        /// The penalised squares' gradient vanishes: Σ w (y - ŷ) = 0 and Σ w x (y - ŷ) = α b.
        #[test]
        fn a_line_satisfies_its_normal_equations(
            features in 1usize..12, count in 2usize..40, seed: u64, scores in prop::collection::vec(0.0f64..1.0, 40), lime: bool,
        ) {
            let preset_ = if lime { Preset::Lime } else { Preset::Paper };
            let settings = Settings { samples: count, seed, ..preset(preset_, FeatureSelection::None, None) };
            let masks = masks(Layout { audio: features, words: 0 }, &settings).expect("a design");
            let line = fit(&masks, &scores[..count], &settings).expect("a line");
            prop_assert_eq!(line.weights.len(), features);
            let mut gradient = vec![0.0; features + 1];
            for (mask, y) in masks.iter().zip(&scores) {
                let on = mask.as_slice();
                let d = settings.distance_scale * (1.0 - (mask.count_on() as f64 / features as f64).sqrt());
                let w = (-d * d / 1250.0).exp();
                let fitted = line.intercept + (0..features).filter(|&j| on[j]).map(|j| weight(&line, j)).sum::<f64>();
                for (j, &on) in on.iter().enumerate().filter(|(_, on)| **on) {
                    gradient[j] += f64::from(on) * w * (y - fitted);
                }
                gradient[features] += w * (y - fitted);
            }
            for (j, g) in gradient[..features].iter().enumerate() {
                prop_assert!((g - weight(&line, j)).abs() < 1e-10);
            }
            prop_assert!(gradient[features].abs() < 1e-10);
            let at_ones = line.intercept + line.weights.iter().map(|(_, weight)| weight).sum::<f64>();
            prop_assert!((line.local_prediction - at_ones).abs() < 1e-12);
            prop_assert!(line.score <= 1.0 && line.std_errors.iter().all(|e| e.is_finite() && *e >= 0.0));
        }

        #[test]
        fn the_order_of_rows_does_not_matter(
            seed: u64, scores in prop::collection::vec(0.0f64..1.0, 60), turn in 1usize..59, which in 0usize..5, count in 1usize..9,
        ) {
            let settings = Settings { samples: 60, seed, ..preset(Preset::Lime, FeatureSelection::ALL[which], Some(count)) };
            let masks = masks(Layout { audio: 4, words: 5 }, &settings).expect("a design");
            let line = fit(&masks, &scores, &settings).expect("a line");
            let (mut turned, mut turned_scores) = (masks.clone(), scores.clone());
            turned[1..].rotate_left(turn);
            turned_scores[1..].rotate_left(turn);
            let again = fit(&turned, &turned_scores, &settings).expect("a line");
            for j in 0..9 {
                prop_assert!((weight(&line, j) - weight(&again, j)).abs() < 1e-10);
            }
            prop_assert!((line.score - again.score).abs() < 1e-10);
            prop_assert!(line.weights.windows(2).all(|pair| pair[0].1.abs() >= pair[1].1.abs() - 1e-12));
        }
    }

    #[test]
    fn a_line_is_found_exactly_without_a_penalty() {
        let masks = rows(&["111", "110", "101", "011", "000", "100"]);
        let scores: Vec<f64> = masks
            .iter()
            .map(|mask| {
                0.1 + mask
                    .as_slice()
                    .iter()
                    .zip([0.3, -0.5, 0.2])
                    .map(|(&on, b)| f64::from(on) * b)
                    .sum::<f64>()
            })
            .collect();
        for &selection in FeatureSelection::ALL {
            let settings = Settings { surrogate_alpha: 0.0, ..preset(Preset::Paper, selection, None) };
            let line = fit(&masks, &scores, &settings).expect("a line");
            assert_eq!(line.weights.iter().map(|(j, _)| *j).collect::<Vec<_>>(), [1, 0, 2], "{selection}");
            for ((_, weight), truth) in line.weights.iter().zip([-0.5, 0.3, 0.2]) {
                assert!((weight - truth).abs() < 1e-12);
            }
            assert!((line.intercept - 0.1).abs() < 1e-12 && (line.score - 1.0).abs() < 1e-12);
            assert!(line.std_errors.iter().all(|error| *error < 1e-12));
        }
    }

    #[test]
    fn equal_scores_are_explained_perfectly_by_nothing() {
        let masks = rows(&["111", "110", "101", "011", "000", "100"]);
        for &selection in FeatureSelection::ALL {
            for preset_ in [Preset::Paper, Preset::Lime, Preset::Default] {
                // 0.1 and 0.3 have no exact binary form: their mean over six rows is off by rounding.
                for level in [0.0, 0.1, 0.3] {
                    let line =
                        fit(&masks, &[level; 6], &preset(preset_, selection, Some(2))).expect("a line");
                    assert_eq!((line.intercept, line.local_prediction, line.score), (level, level, 1.0));
                    assert!(line.weights.iter().all(|(_, weight)| *weight == 0.0));
                    assert!(line.std_errors.iter().all(|error| *error == 0.0));
                }
            }
        }
    }

    #[test]
    fn copies_of_a_feature_share_its_weight_and_the_first_is_selected() {
        let masks = rows(&["1111", "1101", "0011", "0001", "1111", "0010", "1100", "0000"]);
        let scores: Vec<f64> = masks.iter().map(|mask| f64::from(mask.as_slice()[1])).collect();
        let all = Settings { surrogate_alpha: 0.0, ..preset(Preset::Paper, FeatureSelection::None, None) };
        let line = fit(&masks, &scores, &all).expect("a line");
        assert!((weight(&line, 0) - 0.5).abs() < 1e-9 && (weight(&line, 1) - 0.5).abs() < 1e-9, "{line:?}");
        for selection in [
            FeatureSelection::ForwardSelection,
            FeatureSelection::HighestWeights,
            FeatureSelection::LassoPath,
        ] {
            let line = fit(&masks, &scores, &preset(Preset::Paper, selection, Some(1))).expect("a line");
            assert_eq!(line.weights[0].0, 0, "{selection}");
        }
    }

    #[test]
    fn more_features_than_there_are_is_all_of_them() {
        let masks = rows(&["11", "10", "01", "00"]);
        for &selection in FeatureSelection::ALL {
            let line = fit(&masks, &[0.9, 0.6, 0.2, 0.1], &preset(Preset::Lime, selection, Some(99)))
                .expect("a line");
            assert_eq!(line.weights.len(), 2, "{selection}");
        }
    }

    #[test]
    fn what_can_not_be_fitted_is_the_users_error() {
        let settings = Settings::preset(Preset::Paper);
        let narrow = Settings { distance_scale: 1e9, kernel_width: 1e-9, ..settings.clone() };
        let steep = Settings { surrogate_alpha: f64::MAX, ..settings.clone() };
        let (two, ones) = (rows(&["11", "10"]), [1.0, 0.5]);
        for (result, words) in [
            (fit(&[], &[], &settings), "fewer than two rows"),
            (fit(&rows(&["11"]), &[1.0], &settings), "fewer than two rows"),
            (fit(&rows(&["", ""]), &ones, &settings), "0 features"),
            (fit(&rows(&["11", "1"]), &ones, &settings), "row 1 of the masks has 1 features, row 0 has 2"),
            (fit(&two, &[1.0], &settings), "1 scores for 2 rows"),
            (fit(&two, &[1.0, f64::NAN], &settings), "the score of row 1 is NaN"),
            (fit(&rows(&["00", "00"]), &ones, &narrow), "no row has any weight"),
            (fit(&two, &[f64::MAX, -f64::MAX], &settings), "too large"),
        ] {
            let error = result.expect_err(words);
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.message().contains(words), "{error}");
        }
        // A penalty as large as can be leaves nothing but the mean.
        let flat = fit(&two, &ones, &steep).expect("a line");
        assert!(weight(&flat, 0).abs() + weight(&flat, 1).abs() < 1e-300);
    }

    #[test]
    fn few_rows_of_many_features_are_fitted() {
        let settings =
            Settings { samples: 10, sampling: Sampling::LimeText, ..Settings::preset(Preset::Paper) };
        let masks = masks(Layout { audio: 40, words: 20 }, &settings).expect("a design");
        let scores: Vec<f64> = (0..10).map(|i| f64::from(i * i % 7) / 7.0).collect();
        for &selection in FeatureSelection::ALL {
            for num_features in [None, Some(6), Some(30)] {
                let settings = Settings { feature_selection: selection, num_features, ..settings.clone() };
                let line = fit(&masks, &scores, &settings).expect("a line");
                assert!(line.weights.iter().all(|(_, weight)| weight.is_finite()));
            }
        }
    }
}
