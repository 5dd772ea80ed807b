//! Which stretch of a song the model hears, when the song is longer than its window.

use crate::{Error, Result};
use std::ops::Range;

/// Candidate starts lie a hundredth of the window apart: some 0.1 s for the paper's 10.24 s,
/// finer than anyone could tell by ear which of two neighbours is the louder.
const STEPS_PER_WINDOW: usize = 100;

/// By how much a later window must beat an earlier one. Sums of the same squares in another
/// order differ by rounding, and a steady tone should start at its start.
const LOUDER_BY: f64 = 1.0 + 1e-9;

/// The loudest stretch of `length` samples: the one with the largest sum of squares.
///
/// A fixed rule, so that two runs explain the same stretch: starts are tried every hundredth
/// of `length`, from 0, as far as the window fits; of equals the earliest wins. The loudest
/// part of a song is mostly its refrain with all instruments playing, where there is the most
/// to explain, and never a silent intro. A song no longer than `length` is taken whole.
pub fn loudest(samples: &[f32], length: usize) -> Range<usize> {
    if length == 0 || samples.len() <= length {
        return 0..samples.len().min(length);
    }
    let step = (length / STEPS_PER_WINDOW).max(1);
    let energy = |range: Range<usize>| samples[range].iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
    // What has come in and what has dropped out while the window moved are summed apart:
    // both only grow, so that no error builds up as in a sum that is added to and taken from.
    let mut entered = energy(0..length);
    let mut left = 0.0;
    let mut best = (0, entered);
    for start in (step..=samples.len() - length).step_by(step) {
        left += energy(start - step..start);
        entered += energy(start + length - step..start + length);
        if entered - left > best.1 * LOUDER_BY {
            best = (start, entered - left);
        }
    }
    best.0..best.0 + length
}

/// The window of `length` samples that starts at `start_seconds` of a song of `samples` samples.
///
/// A window that would reach past the end is moved back until it fits, so that the model
/// hears as much song as it can; a song no longer than `length` is taken whole.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for a start that is negative, not a number,
/// or not inside the song.
pub fn at(samples: usize, length: usize, rate: u32, start_seconds: f64) -> Result<Range<usize>> {
    let seconds = samples as f64 / f64::from(rate.max(1));
    if !start_seconds.is_finite() || start_seconds < 0.0 || start_seconds >= seconds {
        return Err(Error::input(format!(
            "the window can't start at {start_seconds} s: the song is {seconds:.2} s long"
        ))
        .hint("choose a start between 0 and the song's length"));
    }
    let length = length.min(samples);
    let start = ((start_seconds * f64::from(rate)).round() as usize).min(samples - length);
    Ok(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    #[test]
    fn the_burst_is_found() {
        let mut samples = vec![0.01f32; 10_000];
        samples[6000..7000].fill(0.9);
        let window = loudest(&samples, 1000);
        assert_eq!(window, 6000..7000);
        // A window longer than the burst: the earliest that holds all of it.
        let window = loudest(&samples, 2000);
        assert!(window.start <= 6000 && window.end >= 7000);
        assert_eq!(window.start % 20, 0);
    }

    #[test]
    fn of_equals_the_earliest() {
        assert_eq!(loudest(&vec![0.0; 5000], 700), 0..700);
        assert_eq!(loudest(&vec![0.3; 5000], 700), 0..700);
        let tone: Vec<f32> =
            (0..50_000).map(|i| ((i % 70) as f32 * std::f32::consts::TAU / 70.0).sin()).collect();
        assert_eq!(loudest(&tone, 7000), 0..7000);
    }

    #[test]
    fn short_songs_are_taken_whole() {
        assert_eq!(loudest(&[0.5; 10], 10), 0..10);
        assert_eq!(loudest(&[0.5; 10], 11), 0..10);
        assert_eq!(loudest(&[], 11), 0..0);
        assert_eq!(loudest(&[0.5; 10], 0), 0..0);
        assert_eq!(at(10, 11, 1, 3.0).unwrap(), 0..10);
    }

    #[test]
    fn a_chosen_start_is_kept_or_moved_back() {
        assert_eq!(at(1000, 100, 10, 5.0).unwrap(), 50..150);
        assert_eq!(at(1000, 100, 10, 0.0).unwrap(), 0..100);
        assert_eq!(at(1000, 100, 10, 99.0).unwrap(), 900..1000);
    }

    #[test]
    fn a_start_outside_the_song_is_an_error() {
        for start in [-0.1, 100.0, 1e300, f64::NAN, f64::INFINITY] {
            let error = at(1000, 100, 10, start).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.message().contains("100.00 s long"), "{error}");
        }
        assert!(at(0, 100, 10, 0.0).is_err());
    }

    proptest! {
        #[test]
        fn no_window_on_the_grid_is_louder(
            samples in prop::collection::vec(-1.0f32..1.0, 1..2000),
            length in 1usize..600,
        ) {
            let energy = |range: Range<usize>| samples[range].iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
            let chosen = loudest(&samples, length);
            prop_assert_eq!(chosen.len(), length.min(samples.len()));
            if samples.len() > length {
                let step = (length / STEPS_PER_WINDOW).max(1);
                let best = (0..=samples.len() - length).step_by(step)
                    .map(|start| energy(start..start + length)).fold(0.0, f64::max);
                prop_assert!(energy(chosen) >= best * (1.0 - 1e-6));
            }
        }
    }
}
