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
    /// They say how much the coefficients would vary if other masks were drawn (HC3, which
    /// also holds for a model that is no line), given the selected features. They say nothing
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
