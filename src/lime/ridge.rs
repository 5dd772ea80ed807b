//! Weighted ridge regression with an intercept, as scikit-learn's
//! `Ridge(alpha, fit_intercept=True).fit(X, y, sample_weight)` defines it, and its errors.

use super::kernel::{cosine_distances, kernel};
use super::linalg::{Solver, Symmetric, dot};
use super::mask::Mask;
use super::settings::{Settings, check_size};
use crate::{Error, Result};
use std::borrow::Cow;

/// The left-hand side of every fit to one set of masks: computed once, used for every label.
#[derive(Debug)]
pub(super) struct Design {
    /// Row 0's value of each feature.
    pub(super) instance: Vec<f64>,
    /// Products of the centred columns, weighted.
    pub(super) gram: Symmetric,
    weights: Vec<f64>,
    total: f64,
    means: Vec<f64>,
    /// The centred columns, each row times the root of its weight.
    z: Vec<f64>,
}

/// The right-hand side: one score per row.
#[derive(Debug)]
pub(super) struct Target {
    mean: f64,
    /// Centred, each times the root of its row's weight.
    y: Vec<f64>,
    /// Products with the design's columns.
    pub(super) covariance: Vec<f64>,
    /// The weighted sum of squares about the mean.
    pub(super) squares: f64,
}

/// A fitted line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) intercept: f64,
    pub(super) coefficients: Vec<f64>,
    pub(super) r_squared: f64,
    pub(super) std_errors: Vec<f64>,
}

impl Design {
    /// Weights the rows by their nearness to row 0 and centres the columns.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for fewer than two rows, no features or
    /// too many, ragged rows, and a kernel so narrow that every weight vanishes.
    pub(super) fn new(masks: &[Mask], settings: &Settings) -> Result<Self> {
        settings.validate_fit()?;
        let features = masks.first().map_or(0, Mask::len);
        if masks.len() < 2 {
            return Err(
                Error::input("a surrogate can't be fitted to fewer than two rows").hint("score more rows")
            );
        }
        if features == 0 {
            return Err(Error::input("a surrogate can't be fitted to 0 features").hint("give row 0 some"));
        }
        check_size(masks.len(), features)?;
        if let Some(row) = masks.iter().position(|mask| mask.len() != features) {
            let message =
                format!("row {row} of the masks has {} features, row 0 has {features}", masks[row].len());
            return Err(Error::input(message));
        }
        let weights: Vec<f64> = cosine_distances(masks)
            .into_iter()
            .map(|distance| kernel(distance * settings.distance_scale, settings.kernel_width))
            .collect();
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return Err(
                Error::input("the kernel is so narrow that no row has any weight").hint("widen the kernel")
            );
        }
        // A constant column's mean is this same sum over itself, exactly 1, and so its centred
        // column is exactly 0 and never mistaken for a varying one.
        let mut means = vec![0.0; features];
        for (mask, weight) in masks.iter().zip(&weights) {
            for (mean, &on) in means.iter_mut().zip(mask.as_slice()) {
                *mean += if on { *weight } else { 0.0 };
            }
        }
        means.iter_mut().for_each(|mean| *mean /= total);
        let mut z = Vec::with_capacity(masks.len() * features);
        for (mask, weight) in masks.iter().zip(&weights) {
            let root = weight.sqrt();
            z.extend(mask.as_slice().iter().zip(&means).map(|(&on, mean)| (f64::from(on) - mean) * root));
        }
        let instance = masks[0].as_slice().iter().map(|&on| f64::from(on)).collect();
        Ok(Self { instance, gram: Symmetric::gram(&z, features), weights, total, means, z })
    }

    pub(super) fn rows(&self) -> usize {
        self.weights.len()
    }

    pub(super) fn features(&self) -> usize {
        self.means.len()
    }

    /// Centres and weights the scores.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) when there is not one finite score per row.
    pub(super) fn target(&self, scores: &[f64]) -> Result<Target> {
        if scores.len() != self.rows() {
            let message = format!("there are {} scores for {} rows of masks", scores.len(), self.rows());
            return Err(Error::input(message).hint("give one score per row"));
        }
        if let Some(row) = scores.iter().position(|score| !score.is_finite()) {
            return Err(Error::input(format!(
                "the score of row {row} is {}, not a finite number",
                scores[row]
            )));
        }
        // Squares of scores must not overflow; a probability or a logit is nowhere near.
        if let Some(row) = scores.iter().position(|score| score.abs() > 1e100) {
            return Err(Error::input(format!("the score of row {row}, {}, is too large", scores[row])));
        }
        let first = scores[0];
        // Equal scores are told by looking at them: the rounding of their mean would leave a
        // residue, and an R² between two rounding errors. Otherwise the mean is taken about the
        // first score, so that scores of one size keep their last digits.
        let constant = scores.iter().all(|&score| score == first);
        let shift: f64 =
            scores.iter().zip(&self.weights).map(|(y, w)| (y - first) * w).sum::<f64>() / self.total;
        let mean = if constant { first } else { first + shift };
        let y: Vec<f64> = scores.iter().zip(&self.weights).map(|(y, w)| (y - mean) * w.sqrt()).collect();
        let mut covariance = vec![0.0; self.features()];
        for (row, y) in self.z.chunks_exact(self.features()).zip(&y) {
            covariance.iter_mut().zip(row).for_each(|(c, z)| *c += z * y);
        }
        Ok(Target { mean, squares: dot(&y, &y), y, covariance })
    }

    /// The factored left-hand side for the features in `keep`.
    fn solver(&self, keep: &[usize], alpha: f64) -> Result<Solver> {
        // Finite masks, weights and alphas make a finite matrix: only an overflow gets here.
        Solver::new(&self.gram.ridge(keep, alpha))
            .ok_or_else(|| Error::input("the surrogate's equations overflow").hint("choose a smaller alpha"))
    }

    /// The coefficients of a ridge fit on the features in `keep`, in that order; where there
    /// are many equally good ones (`alpha` 0 and dependent columns), the smallest.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for an overflowing `alpha`.
    pub(super) fn coefficients(&self, target: &Target, keep: &[usize], alpha: f64) -> Result<Vec<f64>> {
        let covariance: Vec<f64> = keep.iter().map(|&j| target.covariance[j]).collect();
        Ok(self.solver(keep, alpha)?.solve(&covariance))
    }

    /// A ridge fit on the features in `keep`, with everything that is reported about it.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for an overflowing `alpha`.
    pub(super) fn fit(&self, target: &Target, keep: &[usize], alpha: f64) -> Result<Line> {
        let solver = self.solver(keep, alpha)?;
        let covariance: Vec<f64> = keep.iter().map(|&j| target.covariance[j]).collect();
        let coefficients = solver.solve(&covariance);
        let at_means: f64 = keep.iter().zip(&coefficients).map(|(&j, b)| self.means[j] * b).sum();
        let kept = self.kept(keep);
        let residuals: Vec<f64> = target
            .y
            .iter()
            .enumerate()
            .map(|(i, y)| y - dot(&kept[i * keep.len()..(i + 1) * keep.len()], &coefficients))
            .collect();
        let unexplained = dot(&residuals, &residuals);
        // scikit-learn's `r2_score` has the same two answers where there is nothing to explain.
        let r_squared = match (target.squares > 0.0, unexplained > 0.0) {
            (true, _) => 1.0 - unexplained / target.squares,
            (false, false) => 1.0,
            (false, true) => 0.0,
        };
        let std_errors = self.std_errors(&solver.inverse(keep.len()), &kept, &residuals, alpha);
        Ok(Line { intercept: target.mean - at_means, coefficients, r_squared, std_errors })
    }

    /// The rows of `z` with only the columns in `keep`, in that order.
    fn kept(&self, keep: &[usize]) -> Cow<'_, [f64]> {
        if keep.iter().copied().eq(0..self.features()) {
            return Cow::Borrowed(&self.z);
        }
        let mut kept = Vec::with_capacity(self.rows() * keep.len());
        for row in self.z.chunks_exact(self.features()) {
            kept.extend(keep.iter().map(|&j| row[j]));
        }
        Cow::Owned(kept)
    }

    /// Errors that hold whatever the noise of each row (and a line's lack of fit is such noise):
    /// with `A = ZᵀZ + αI`, the roots of the diagonal of `A⁻¹ (Σ zᵢzᵢᵀ rᵢ² / mᵢ) A⁻¹`.
    ///
    /// `mᵢ` is the share of its own variance that a row's residual keeps: `Σⱼ (I - H)ᵢⱼ²`, which
    /// for a ridge fit is `1 - hᵢ - α|A⁻¹zᵢ|²`, where `hᵢ = zᵢᵀA⁻¹zᵢ + wᵢ/Σw` is the leverage.
    /// Without a penalty this is the HC2 of MacKinnon and White ("Some heteroskedasticity-
    /// consistent covariance matrix estimators with improved finite sample properties",
    /// J. Econometrics 1985). Their HC3 squares `1 - hᵢ`, which suits rows of very unequal
    /// leverage; those of a random design have practically the same, and there HC3's 90 %
    /// intervals held the truth in 95 % of cases at three rows per feature.
    fn std_errors(&self, inverse: &Symmetric, kept: &[f64], residuals: &[f64], alpha: f64) -> Vec<f64> {
        let features = inverse.len();
        let mut variances = vec![0.0; features];
        let mut influence = vec![0.0; features];
        for (i, (residual, weight)) in residuals.iter().zip(&self.weights).enumerate() {
            let row = &kept[i * features..(i + 1) * features];
            influence.iter_mut().zip(0..).for_each(|(t, j)| *t = dot(inverse.row(j), row));
            let leverage = dot(row, &influence) + weight / self.total;
            // A row that alone decides its own fit has nothing left to estimate an error from;
            // the bound keeps rounding from turning that nothing into an infinite error.
            let kept = (1.0 - leverage - alpha * dot(&influence, &influence)).max(1e-6);
            let square = residual * residual / kept;
            variances.iter_mut().zip(&influence).for_each(|(v, t)| *v += t * t * square);
        }
        variances.into_iter().map(f64::sqrt).collect()
    }
}
