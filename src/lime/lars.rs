//! The lasso's path by least angle regression (Efron, Hastie, Johnstone, Tibshirani, "Least
//! Angle Regression", Annals of Statistics 2004, with its section 3.1's change for the lasso).
//!
//! The rules that decide where the path ends are scikit-learn's (`lars_path`), since LIME
//! walks the path backwards from its end:
//! - the path ends where the largest covariance, divided by the number of rows, is at most
//!   2⁻²³, or after 500 knots, or where it begins to grow again by rounding;
//! - correlations with the direction are rounded to 15 decimals.
//!
//! What can differ from scikit-learn: a column that depends linearly on the active ones (a
//! copy of one of them) is left out for good here. There, rounding noise decides whether it
//! is noticed at all, and after noticing it the bookkeeping of two columns is exchanged, so
//! the path beyond has no meaning to reproduce. Exact ties between columns go to the first
//! here and to the one that rounding favours there.

use super::linalg::{Cholesky, DEPENDENT, Symmetric, dot};

/// The path ends at a covariance per row of 2⁻²³, the unit roundoff of f32.
const SMALLEST: f64 = f32::EPSILON as f64;

/// The most knots.
const MAX_KNOTS: usize = 500;

/// Keeps quotients finite where a column moves exactly as the active ones do.
const TINY: f64 = f32::MIN_POSITIVE as f64;

/// The coefficients at every knot of the path, the first all zero. `gram` and `covariance` are
/// those of centred, weighted data of `rows` rows.
pub(super) fn lasso_path(gram: &Symmetric, covariance: &[f64], rows: usize) -> Vec<Vec<f64>> {
    let n = gram.len();
    let mut knots = vec![vec![0.0; n]];
    let mut path = Path::new(gram, covariance);
    let mut previous = f64::INFINITY;
    let mut just_dropped = false;
    while knots.len() <= MAX_KNOTS {
        let Some((place, largest)) = path.most_correlated() else { break };
        let alpha = largest / rows as f64;
        if alpha <= SMALLEST {
            break;
        }
        // A variable that has just left the path is tied with the active ones; the next step
        // goes on without it, and without a newcomer.
        if !just_dropped && !path.enter(place) {
            continue;
        }
        if alpha > previous {
            break;
        }
        previous = alpha;
        let coefficients = knots.last().cloned().unwrap_or_default();
        let Some(step) = path.step(&coefficients, largest) else { break };
        let next = path.walk(coefficients, &step);
        just_dropped = step.leaving.is_some();
        if let Some(leaving) = step.leaving {
            path.leave(leaving, &next);
        }
        knots.push(next);
    }
    knots
}

/// One straight piece of the path.
struct Step {
    /// How far.
    length: f64,
    /// The coefficients' change per unit of length, one per active variable.
    direction: Vec<f64>,
    /// The covariances' change per unit of length, one per inactive variable.
    drift: Vec<f64>,
    /// The place among the active ones of the variable whose coefficient reaches zero.
    leaving: Option<usize>,
}

/// Where the path stands.
struct Path<'a> {
    gram: &'a Symmetric,
    covariance: &'a [f64],
    /// Variables with a coefficient, in the order in which they entered.
    active: Vec<usize>,
    /// The signs of their covariances.
    signs: Vec<f64>,
    factor: Cholesky,
    /// Variables without one, and the covariance of each with what is left of the target.
    inactive: Vec<usize>,
    left: Vec<f64>,
}

impl<'a> Path<'a> {
    fn new(gram: &'a Symmetric, covariance: &'a [f64]) -> Self {
        Self {
            gram,
            covariance,
            active: Vec::new(),
            signs: Vec::new(),
            factor: Cholesky::default(),
            inactive: (0..gram.len()).collect(),
            left: covariance.to_vec(),
        }
    }

    /// The place among the inactive ones, and the size, of the largest covariance.
    fn most_correlated(&self) -> Option<(usize, f64)> {
        let sizes = self.left.iter().map(|c| c.abs()).enumerate();
        sizes.reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// Moves a variable to the active ones, or out of the way for good if it depends on them.
    fn enter(&mut self, place: usize) -> bool {
        let variable = self.inactive.remove(place);
        let sign = self.left.remove(place).signum();
        let mut products: Vec<f64> = self.active.iter().map(|&j| self.gram.at(variable, j)).collect();
        products.push(self.gram.at(variable, variable));
        if self.factor.push(&products, DEPENDENT).is_none() {
            return false;
        }
        self.active.push(variable);
        self.signs.push(sign);
        true
    }

    /// The next piece, with `largest` the covariance that the active variables share.
    fn step(&self, coefficients: &[f64], largest: f64) -> Option<Step> {
        let mut direction = self.factor.solve(&self.signs);
        let speed = 1.0 / dot(&direction, &self.signs).sqrt();
        if !speed.is_finite() {
            return None;
        }
        direction.iter_mut().for_each(|d| *d *= speed);
        let drift: Vec<f64> = self
            .inactive
            .iter()
            .map(|&i| {
                let drift: f64 =
                    self.active.iter().zip(&direction).map(|(&j, d)| self.gram.at(i, j) * d).sum();
                (drift * 1e15).round_ties_even() / 1e15
            })
            .collect();
        let mut length = largest / speed;
        for (left, drift) in self.left.iter().zip(&drift) {
            for until in
                [(largest - left) / (speed - drift + TINY), (largest + left) / (speed + drift + TINY)]
            {
                if until > 0.0 && until < length {
                    length = until;
                }
            }
        }
        let mut leaving = None;
        for (place, (&j, d)) in self.active.iter().zip(&direction).enumerate() {
            let until = -coefficients[j] / (d + TINY);
            if until > 0.0 && until < length {
                (length, leaving) = (until, Some(place));
            }
        }
        Some(Step { length, direction, drift, leaving })
    }

    fn walk(&mut self, mut coefficients: Vec<f64>, step: &Step) -> Vec<f64> {
        for (&j, d) in self.active.iter().zip(&step.direction) {
            coefficients[j] += step.length * d;
        }
        if let Some(place) = step.leaving {
            coefficients[self.active[place]] = 0.0;
        }
        self.left.iter_mut().zip(&step.drift).for_each(|(left, drift)| *left -= step.length * drift);
        coefficients
    }

    /// Moves an active variable to the front of the inactive ones.
    fn leave(&mut self, place: usize, coefficients: &[f64]) {
        let variable = self.active.remove(place);
        self.signs.remove(place);
        self.factor = Cholesky::default();
        for (k, &i) in self.active.iter().enumerate() {
            let products: Vec<f64> = self.active[..=k].iter().map(|&j| self.gram.at(i, j)).collect();
            // A part of an independent set is independent; were rounding to say otherwise, the
            // shorter factor would still solve for the variables that it covers.
            let _ = self.factor.push(&products, 0.0);
        }
        self.inactive.insert(0, variable);
        self.left.insert(0, self.covariance[variable] - dot(self.gram.row(variable), coefficients));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The lasso's optimality at every knot: active covariances are equal in size and bear
        /// their coefficient's sign, no other is larger; and the path ends in least squares.
        #[test]
        fn every_knot_is_a_lasso_solution(
            n in 1usize..7, values in prop::collection::vec(-1.0f64..1.0, 7 * 40), target in prop::collection::vec(-1.0f64..1.0, 40),
        ) {
            let z = &values[..n * 40];
            let gram = Symmetric::gram(z, n);
            let covariance: Vec<f64> =
                (0..n).map(|j| z.chunks(n).zip(&target).map(|(row, y)| row[j] * y).sum()).collect();
            let knots = lasso_path(&gram, &covariance, 40);
            prop_assert!(knots[0].iter().all(|&b| b == 0.0));
            for knot in &knots {
                let left: Vec<f64> = (0..n).map(|j| covariance[j] - dot(gram.row(j), knot)).collect();
                let largest = left.iter().fold(0.0f64, |a, b| a.max(b.abs()));
                for (left, b) in left.iter().zip(knot) {
                    if *b != 0.0 {
                        prop_assert!((left * b.signum() - largest).abs() < 1e-8);
                    }
                }
            }
            if let Some(end) = knots.last() {
                // The end is a covariance per row of at most 2⁻²³.
                let left = (0..n).map(|j| (covariance[j] - dot(gram.row(j), end)).abs()).fold(0.0, f64::max);
                prop_assert!(left <= 40.0 * SMALLEST + 1e-9);
            }
        }
    }

    #[test]
    fn copies_of_a_column_stay_out() {
        let z = [1.0, 1.0, 0.5, -1.0, -1.0, 0.5, 0.0, 0.0, -1.0];
        let gram = Symmetric::gram(&z, 3);
        let knots = lasso_path(&gram, &[2.0, 2.0, 1.0], 3);
        assert!(knots.iter().all(|knot| knot[1] == 0.0 && knot.iter().all(|b| b.is_finite())));
        assert!(knots.last().is_some_and(|knot| knot[0] > 0.0 && knot[2] > 0.0));
    }
}
