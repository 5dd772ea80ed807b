//! Which features enter the surrogate: the choices of LIME's `LimeBase.feature_selection`.

use super::lars::lasso_path;
use super::linalg::{DEPENDENT, residual_column};
use super::ridge::{Design, Target};
use super::settings::{FeatureSelection, Settings};
use crate::Result;

/// `auto` selects forward up to this many features, as LIME does: each further one costs a
/// pass over all candidates there.
const FORWARD_UP_TO: usize = 6;

/// Two quantities that differ by less than this share of the largest are told apart by
/// rounding alone, and the earlier one goes first, as it would if they were equal. LIME leaves
/// such cases (copies of a column, say) to the rounding of its linear algebra library.
const TIED: f64 = 1e-12;

/// The selected features, in the order in which LIME's selection lists them (which decides
/// between equal coefficients later).
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for an overflowing `selection_alpha`.
pub(super) fn select(design: &Design, target: &Target, settings: &Settings) -> Result<Vec<usize>> {
    let all = design.features();
    let wanted = settings.num_features.unwrap_or(all).min(all);
    Ok(match settings.feature_selection {
        FeatureSelection::None => (0..all).collect(),
        FeatureSelection::ForwardSelection => forward(design, target, wanted),
        FeatureSelection::HighestWeights => highest(design, target, wanted, settings.selection_alpha)?,
        FeatureSelection::LassoPath => lasso(design, target, wanted),
        FeatureSelection::Auto if wanted <= FORWARD_UP_TO => forward(design, target, wanted),
        FeatureSelection::Auto => highest(design, target, wanted, settings.selection_alpha)?,
    })
}

/// The places of `values`, largest magnitude first; (practically) equal ones in their order.
pub(super) fn by_magnitude(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].abs().total_cmp(&values[a].abs()));
    let tied = order.first().map_or(0.0, |&first| values[first].abs() * TIED);
    for run in order.chunk_by_mut(|&a, &b| values[a].abs() - values[b].abs() <= tied) {
        run.sort_unstable();
    }
    order
}

/// The largest |coefficient × row 0| of a fit with all features.
fn highest(design: &Design, target: &Target, wanted: usize, alpha: f64) -> Result<Vec<usize>> {
    let all: Vec<usize> = (0..design.features()).collect();
    let mut effects = design.coefficients(target, &all, alpha)?;
    effects.iter_mut().zip(&design.instance).for_each(|(effect, value)| *effect *= value);
    let mut order = by_magnitude(&effects);
    order.truncate(wanted);
    Ok(order)
}

/// Greedily the feature that raises R² most. LIME fits every candidate anew; here each
/// candidate's gain is read off what the chosen features leave of it and of the target, which
/// gives the same R² without a fit.
fn forward(design: &Design, target: &Target, wanted: usize) -> Vec<usize> {
    let gram = &design.gram;
    let mut covariance = target.covariance.clone();
    let mut left: Vec<f64> = (0..gram.len()).map(|j| gram.at(j, j)).collect();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    let mut free = vec![true; gram.len()];
    let mut used = Vec::with_capacity(wanted);
    while used.len() < wanted {
        let mut best: Option<(usize, f64)> = None;
        for j in (0..gram.len()).filter(|&j| free[j]) {
            let varies = left[j] > DEPENDENT * gram.at(j, j);
            let gain = if varies { covariance[j] * covariance[j] / left[j] } else { 0.0 };
            if best.is_none_or(|(_, most)| gain > most + TIED * target.squares) {
                best = Some((j, gain));
            }
        }
        let Some((chosen, gain)) = best else { break };
        free[chosen] = false;
        used.push(chosen);
        if gain > 0.0 {
            let column = residual_column(gram, &columns, chosen, left[chosen]);
            let step = covariance[chosen] / left[chosen].sqrt();
            left.iter_mut().zip(&column).for_each(|(left, c)| *left -= c * c);
            covariance.iter_mut().zip(&column).for_each(|(left, c)| *left -= c * step);
            columns.push(column);
        }
    }
    used
}

/// Back along the lasso's path from its end, to the first knot with few enough coefficients.
/// A path of one knot (nothing to explain) leaves all features, as it does in LIME.
fn lasso(design: &Design, target: &Target, wanted: usize) -> Vec<usize> {
    let mut used: Vec<usize> = (0..design.features()).collect();
    for knot in lasso_path(&design.gram, &target.covariance, design.rows()).iter().skip(1).rev() {
        used = (0..knot.len()).filter(|&j| knot[j] != 0.0).collect();
        if used.len() <= wanted {
            break;
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_keep_their_order() {
        assert_eq!(by_magnitude(&[0.1, -0.3, 0.3, 0.0, -0.0]), [1, 2, 0, 3, 4]);
        let noise = 0.3 + 1e-16;
        assert_eq!(by_magnitude(&[-0.3, noise, 0.2, 0.5]), [3, 0, 1, 2]);
        assert!(by_magnitude(&[]).is_empty());
    }
}
