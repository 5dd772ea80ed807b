//! A waveform small enough to draw.

/// The lowest and the highest sample of each of `count` equal stretches.
///
/// Where there are fewer samples than stretches, neighbouring stretches show the same sample.
/// No samples draw a flat line of zeros.
pub fn peaks(samples: &[f32], count: usize) -> Vec<(f32, f32)> {
    if samples.is_empty() {
        return vec![(0.0, 0.0); count];
    }
    // 128 bits, since samples x stretches may pass 32 bits, which is all that wasm's usize has.
    let edge = |i: usize| (i as u128 * samples.len() as u128 / count as u128) as usize;
    (0..count)
        .map(|i| {
            let start = edge(i);
            let end = edge(i + 1).max(start + 1);
            let stretch = &samples[start..end];
            stretch
                .iter()
                .fold((stretch[0], stretch[0]), |(low, high), &sample| (low.min(sample), high.max(sample)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stretches_are_equal_and_complete() {
        let samples = [1.0, -2.0, 3.0, 0.5, -0.5, 0.0];
        assert_eq!(peaks(&samples, 3), [(-2.0, 1.0), (0.5, 3.0), (-0.5, 0.0)]);
        assert_eq!(peaks(&samples, 1), [(-2.0, 3.0)]);
        assert_eq!(peaks(&samples, 0), []);
    }

    #[test]
    fn few_samples_and_none() {
        assert_eq!(peaks(&[0.5], 3), [(0.5, 0.5); 3]);
        assert_eq!(peaks(&[], 2), [(0.0, 0.0); 2]);
    }

    proptest! {
        #[test]
        fn no_peak_is_lost(samples in prop::collection::vec(-1.0f32..1.0, 1..300), count in 1usize..400) {
            let drawn = peaks(&samples, count);
            prop_assert_eq!(drawn.len(), count);
            let low = drawn.iter().map(|p| p.0).fold(f32::INFINITY, f32::min);
            let high = drawn.iter().map(|p| p.1).fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(low, samples.iter().copied().fold(f32::INFINITY, f32::min));
            prop_assert_eq!(high, samples.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
