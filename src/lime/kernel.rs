//! How near a row is to the instance, and what weight that gives it.

use super::mask::Mask;

/// Cosine distance of every row to row 0, in [0, 1].
///
/// With row 0 all ones and `k` of `n` features on this is `1 - sqrt(k / n)`. A row of zeros
/// has no direction; scikit-learn's `pairwise_distances(metric="cosine")` leaves it
/// unnormalised, so that its distance is 1, and so it is here.
pub fn cosine_distances(masks: &[Mask]) -> Vec<f64> {
    let Some(instance) = masks.first() else { return Vec::new() };
    let instance_on = instance.count_on();
    masks
        .iter()
        .map(|mask| {
            let both = mask.as_slice().iter().zip(instance.as_slice()).filter(|(a, b)| **a && **b).count();
            if both == 0 {
                return 1.0;
            }
            // Equal counts must give a distance of exactly 0, hence one root of the product.
            1.0 - both as f64 / ((mask.count_on() * instance_on) as f64).sqrt()
        })
        .collect()
}

/// LIME's kernel, `sqrt(exp(-d² / w²))`.
pub fn kernel(distance: f64, width: f64) -> f64 {
    (-(distance * distance) / (width * width)).exp().sqrt()
}

/// Kish's effective sample size, `(Σw)² / Σw²`: how many equally weighted rows would carry as
/// much information as these weighted ones. 0 for no rows.
pub fn effective_sample_size(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_follow_the_share_that_is_on() {
        let rows: Vec<Mask> = [[true; 4], [true, false, false, false], [false; 4], [true, true, true, false]]
            .map(|on| Mask::from(on.to_vec()))
            .to_vec();
        let distances = cosine_distances(&rows);
        assert_eq!(distances[..3], [0.0, 0.5, 1.0]);
        assert!((distances[3] - (1.0 - 0.75f64.sqrt())).abs() < 1e-15);
    }

    #[test]
    fn an_instance_with_features_off_is_compared_by_angle() {
        let rows: Vec<Mask> =
            [[true, false], [false, true], [true, true]].map(|on| Mask::from(on.to_vec())).to_vec();
        let distances = cosine_distances(&rows);
        assert_eq!(distances[..2], [0.0, 1.0]);
        assert!((distances[2] - (1.0 - 0.5f64.sqrt())).abs() < 1e-15);
        assert_eq!(cosine_distances(&vec![Mask::from(vec![false; 3]); 2]), [1.0, 1.0]);
    }

    #[test]
    fn the_published_kernel_is_practically_flat() {
        assert_eq!(kernel(0.0, 25.0), 1.0);
        assert!(kernel(1.0, 25.0) > 0.999);
        assert!((kernel(100.0, 25.0) - (-8f64).exp()).abs() < 1e-15);
    }

    #[test]
    fn effective_sample_size_counts_equal_weights() {
        assert_eq!(effective_sample_size(&[0.5; 8]), 8.0);
        assert_eq!(effective_sample_size(&[1.0, 0.0, 0.0]), 1.0);
        assert_eq!(effective_sample_size(&[]), 0.0);
    }
}
