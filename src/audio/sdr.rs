//! How close an estimated stem comes to the true one: the signal-to-distortion ratio.

use crate::{Error, Result};
use std::ops::Range;

/// Samples of several channels.
pub type Channels = Vec<Vec<f32>>;

/// The SDR in decibels of BSSEval version 4 (Stöter, Liutkus, Ito 2018), as `museval` computes it:
/// for each stem and each frame, the energy of the true stem over that of the difference.
///
/// `truth` and `estimate` have one entry for each stem, each of as many channels and all of one
/// length. Frames are `window` samples long and `hop` samples apart; the usual second without
/// overlap is the sampling rate for both. As there, what is left after the last whole frame is
/// not looked at, a shorter song is one frame, and a frame in which the channels of any true or
/// estimated stem add up to silence has no value (NaN) for any of the stems. BSSEval's filters
/// are only needed for its other three measures: in the SDR they cancel.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) if the stems don't fit each other, or a frame
/// would have no length.
pub fn sdr(truth: &[Channels], estimate: &[Channels], window: usize, hop: usize) -> Result<Vec<Vec<f64>>> {
    let shape = |stems: &[Channels]| -> Vec<Vec<usize>> {
        stems.iter().map(|channels| channels.iter().map(Vec::len).collect()).collect()
    };
    let (channels, length) = match truth.first().and_then(|stem| Some((stem.len(), stem.first()?.len()))) {
        Some((channels, length)) if length > 0 && window > 0 && hop > 0 => (channels, length),
        _ => return Err(Error::input("there is nothing to compare")),
    };
    if shape(truth) != shape(estimate) || shape(truth).iter().any(|stem| *stem != vec![length; channels]) {
        return Err(Error::input("the stems differ in their number, channels or length")
            .hint("compare stems of the same song, separated at the same rate"));
    }
    let frames = if window < length { (length - window) / hop + 1 } else { 1 };
    let mut ratios = vec![Vec::with_capacity(frames); truth.len()];
    for frame in 0..frames {
        let range = frame * hop..(frame * hop + window).min(length);
        let silent = |stem: &Channels| {
            range.clone().all(|i| stem.iter().map(|channel| f64::from(channel[i])).sum::<f64>() == 0.0)
        };
        let countless = truth.iter().chain(estimate).any(silent);
        for ((truth, estimate), ratios) in truth.iter().zip(estimate).zip(&mut ratios) {
            ratios.push(if countless { f64::NAN } else { ratio(truth, estimate, range.clone()) });
        }
    }
    Ok(ratios)
}

/// Decibels of one frame of one stem.
fn ratio(truth: &Channels, estimate: &Channels, range: Range<usize>) -> f64 {
    let (mut signal, mut distortion) = (0.0, 0.0);
    for (truth, estimate) in truth.iter().zip(estimate) {
        for (&s, &e) in truth[range.clone()].iter().zip(&estimate[range.clone()]) {
            signal += f64::from(s).powi(2);
            distortion += (f64::from(e) - f64::from(s)).powi(2);
        }
    }
    if distortion == 0.0 { f64::INFINITY } else { 10.0 * (signal / distortion).log10() }
}

/// The median of the values that are numbers, the mean of the two in the middle for an even
/// count; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    let mut values: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(&value), 1) => value,
        (Some(&value), _) => (values[middle - 1] + value) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A stem of one channel that is `level` everywhere.
    fn flat(level: f32, samples: usize) -> Vec<Vec<f32>> {
        vec![vec![level; samples]]
    }

    #[test]
    fn a_tenth_of_the_amplitude_is_twenty_decibels() {
        let truth = [flat(1.0, 35), flat(0.5, 35)];
        let estimate = [flat(1.1, 35), flat(0.5, 35)];
        let found = sdr(&truth, &estimate, 10, 10).unwrap();
        assert_eq!(found[0].len(), 3);
        assert!((median(&found[0]) - 20.0).abs() < 1e-5);
        assert_eq!(found[1], [f64::INFINITY; 3]);
    }

    #[test]
    fn the_median_is_of_numbers() {
        assert_eq!(median(&[3.0, f64::NAN, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[1.0, f64::INFINITY, 2.0, 3.0]), 2.5);
        assert!(median(&[f64::NAN]).is_nan() && median(&[]).is_nan());
    }

    #[test]
    fn stems_that_do_not_fit_are_refused() {
        for (truth, estimate) in [
            (vec![], vec![]),
            (vec![flat(1.0, 0)], vec![flat(1.0, 0)]),
            (vec![flat(1.0, 5)], vec![flat(1.0, 6)]),
            (vec![flat(1.0, 5)], vec![flat(1.0, 5), flat(1.0, 5)]),
            (vec![flat(1.0, 5)], vec![vec![vec![1.0; 5]; 2]]),
            (vec![flat(1.0, 5), flat(1.0, 6)], vec![flat(1.0, 5), flat(1.0, 6)]),
        ] {
            assert!(sdr(&truth, &estimate, 10, 10).is_err());
        }
        assert!(sdr(&[flat(1.0, 5)], &[flat(1.0, 5)], 0, 1).is_err());
        assert!(sdr(&[flat(1.0, 5)], &[flat(1.0, 5)], 1, 0).is_err());
    }

    proptest! {
        #[test]
        fn the_ratio_does_not_depend_on_the_level(
            samples in prop::collection::vec((0.01f32..1.0, -1.0f32..1.0), 1..200),
            level in 0.1f32..4.0,
        ) {
            let (truth, estimate): (Vec<f32>, Vec<f32>) = samples.into_iter().unzip();
            let one = sdr(&[vec![truth.clone()]], &[vec![estimate.clone()]], 50, 50).unwrap();
            let scaled = |track: Vec<f32>| [vec![track.into_iter().map(|s| s * level).collect::<Vec<f32>>()]];
            let other = sdr(&scaled(truth), &scaled(estimate), 50, 50).unwrap();
            for (one, other) in one[0].iter().zip(&other[0]) {
                prop_assert!(one.is_nan() == other.is_nan() && (one.is_nan() || (one - other).abs() < 1e-3));
            }
        }
    }
}
