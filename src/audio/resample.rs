//! Changing the sampling rate.

use crate::{Error, Observer, Result};
use audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler, WindowFunction};

/// Rates beyond this are not of audio, and would ask for absurd FFT sizes.
const MAX_RATE: u32 = 1_000_000;

/// The shortest block, in samples of the lower of the two rates. The anti-aliasing filter is
/// as long as a block: 1024 samples put its edge at 97 % of the lower Nyquist frequency.
const MIN_BLOCK: usize = 1024;

/// More samples than this are more than an hour at any usual rate, and 2 GiB.
const MAX_OUTPUT: u128 = 1 << 29;

/// Blocks between two pauses: a few milliseconds of work.
const BLOCKS_PER_PAUSE: usize = 64;

/// `samples` at the rate `to` instead of `from` (both in Hz).
///
/// Band-limited (rubato's synchronous FFT resampler), without delay, and linear: resampled
/// stems still sum to the resampled mix. The result has `round(n * to / from)` samples.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for a rate of 0 or above 1 MHz, or a result
/// too long to hold.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>> {
    if from == to && from != 0 {
        return Ok(samples.to_vec());
    }
    let mut stream = Stream::new(samples, from, to)?;
    while stream.advance()? {}
    Ok(stream.output)
}

/// [`resample`] for a whole song, which can be stopped meanwhile.
///
/// # Errors
/// As [`resample`]; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) when stopped.
pub async fn resampled(
    samples: &[f32],
    from: u32,
    to: u32,
    observer: &mut impl Observer,
) -> Result<Vec<f32>> {
    if from == to && from != 0 {
        return Ok(samples.to_vec());
    }
    let mut stream = Stream::new(samples, from, to)?;
    let mut blocks = 0;
    while stream.advance()? {
        blocks += 1;
        if blocks % BLOCKS_PER_PAUSE == 0 {
            observer.check().await?;
        }
    }
    Ok(stream.output)
}

/// A sound on its way through the resampler, block by block.
struct Stream<'a> {
    input: &'a [f32],
    resampler: Fft<f32>,
    block: Vec<f32>,
    /// Output samples that are still the filter's delay.
    skip: usize,
    wanted: usize,
    output: Vec<f32>,
}

impl<'a> Stream<'a> {
    fn new(input: &'a [f32], from: u32, to: u32) -> Result<Self> {
        for rate in [from, to] {
            if rate == 0 || rate > MAX_RATE {
                return Err(Error::input(format!("{rate} Hz is not a sampling rate of audio"))
                    .hint(format!("use a rate between 1 and {MAX_RATE} Hz")));
            }
        }
        let wanted = (input.len() as u128 * u128::from(to) + u128::from(from / 2)) / u128::from(from);
        if wanted > MAX_OUTPUT {
            return Err(Error::input(format!(
                "{} samples at {from} Hz are too many at {to} Hz",
                input.len()
            ))
            .hint("use a shorter sound"));
        }
        let wanted = wanted as usize;
        let divisor = gcd(from, to);
        let (step_in, step_out) = ((from / divisor) as usize, (to / divisor) as usize);
        // An even number of steps makes both block lengths even, and the delay, which is half
        // a block, a whole number of samples.
        let steps = MIN_BLOCK.div_ceil(step_in.min(step_out)).next_multiple_of(2);
        let resampler = Fft::new_custom(
            from as usize,
            to as usize,
            steps * step_in,
            1,
            1,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|error| Error::internal(format!("resampling from {from} to {to} Hz: {error}")))?;
        Ok(Self {
            input,
            block: vec![0.0; resampler.output_frames_max()],
            skip: resampler.output_delay(),
            resampler,
            wanted,
            output: Vec::with_capacity(wanted),
        })
    }

    /// Makes one more block; false when the output is complete.
    fn advance(&mut self) -> Result<bool> {
        if self.output.len() >= self.wanted {
            return Ok(false);
        }
        let failed = |error: String| Error::internal(format!("resampling: {error}"));
        let take = self.resampler.input_frames_next().min(self.input.len());
        let (now, rest) = self.input.split_at(take);
        // Past the end of the input, silence is fed in until the delayed rest has come out.
        let indexing = Indexing::new().partial_len(take);
        let source = InterleavedSlice::new(now, 1, take).map_err(|error| failed(error.to_string()))?;
        let capacity = self.block.len();
        let mut target = InterleavedSlice::new_mut(&mut self.block, 1, capacity)
            .map_err(|error| failed(error.to_string()))?;
        let (_, made) = self
            .resampler
            .process_into_buffer(&source, &mut target, Some(&indexing))
            .map_err(|error| failed(error.to_string()))?;
        self.input = rest;
        let skipped = self.skip.min(made);
        self.skip -= skipped;
        let missing = self.wanted - self.output.len();
        let fresh = &self.block[skipped..made];
        self.output.extend_from_slice(&fresh[..fresh.len().min(missing)]);
        Ok(self.output.len() < self.wanted)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::testing::Watch;
    use crate::{ErrorKind, Quiet, Stage};
    use proptest::prelude::*;
    use std::f64::consts::TAU;

    fn sine(rate: u32, hertz: f64, count: usize) -> Vec<f32> {
        (0..count).map(|i| (TAU * hertz * i as f64 / f64::from(rate)).sin() as f32).collect()
    }

    const RATES: [(u32, u32); 8] = [
        (44_100, 16_000),
        (48_000, 16_000),
        (96_000, 44_100),
        (8000, 16_000),
        (22_050, 44_100),
        (16_000, 44_100),
        (44_100, 48_000),
        (44_101, 16_000),
    ];

    #[test]
    fn a_sine_stays_the_same_sine() {
        for (from, to) in RATES {
            let made = resample(&sine(from, 997.0, from as usize), from, to).unwrap();
            let expected = sine(to, 997.0, to as usize);
            assert_eq!(made.len(), expected.len());
            // Near the ends the filter sees the silence around the sound.
            let edge = to as usize / 5;
            let worst = (edge..made.len() - edge).map(|i| (made[i] - expected[i]).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-4, "{from} -> {to}: {worst}");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_removed() {
        for (from, to, hertz) in
            [(44_100, 16_000, 8200.0), (44_100, 16_000, 12_000.0), (96_000, 44_100, 30_000.0)]
        {
            let made = resample(&sine(from, hertz, from as usize), from, to).unwrap();
            let edge = to as usize / 5;
            let loudest = made[edge..made.len() - edge].iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!(loudest < 1e-3, "{hertz} Hz at {from} -> {to}: {loudest}");
        }
    }

    #[test]
    fn high_tones_below_the_limit_pass() {
        let made = resample(&sine(44_100, 7500.0, 44_100), 44_100, 16_000).unwrap();
        let energy: f32 = made[3200..12_800].iter().map(|s| s * s).sum::<f32>() / 9600.0;
        assert!((energy - 0.5).abs() < 1e-3, "{energy}");
    }

    #[test]
    fn the_same_rate_changes_nothing() {
        let samples = sine(44_100, 440.0, 1000);
        assert_eq!(resample(&samples, 44_100, 44_100).unwrap(), samples);
    }

    #[test]
    fn impossible_rates_are_errors() {
        for (from, to) in [(0, 16_000), (16_000, 0), (0, 0), (u32::MAX, 16_000), (16_000, u32::MAX)] {
            assert_eq!(resample(&[0.0; 10], from, to).unwrap_err().kind(), ErrorKind::Input);
        }
        assert_eq!(resample(&[0.0; 1000], 1, 1_000_000).unwrap_err().kind(), ErrorKind::Input);
        assert_eq!(resample(&[], 8000, 16_000).unwrap(), [0.0; 0]);
    }

    #[test]
    fn a_watched_song_is_the_same_and_can_be_stopped() {
        let samples = sine(44_100, 440.0, 500_000);
        let whole = pollster::block_on(resampled(&samples, 44_100, 16_000, &mut Quiet)).unwrap();
        assert_eq!(whole, resample(&samples, 44_100, 16_000).unwrap());
        let stopped =
            pollster::block_on(resampled(&samples, 44_100, 16_000, &mut Watch::stopping(Stage::Decode, 2)));
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Cancelled);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn sums_stay_sums(
            a in prop::collection::vec(-1.0f32..1.0, 0..6000),
            pair in prop::sample::select(RATES.to_vec()),
        ) {
            let (from, to) = pair;
            let b: Vec<f32> = a.iter().rev().map(|s| s * 0.5).collect();
            let sum: Vec<f32> = a.iter().zip(&b).map(|(x, y)| x + y).collect();
            let [a, b, sum] = [a, b, sum].map(|samples| resample(&samples, from, to).unwrap());
            for i in 0..sum.len() {
                prop_assert!((a[i] + b[i] - sum[i]).abs() < 1e-5);
            }
        }

        #[test]
        fn lengths(count in 0usize..3000, from in 1000u32..50_000, to in 1000u32..50_000) {
            let made = resample(&vec![0.25; count], from, to).unwrap();
            let exact = count as f64 * f64::from(to) / f64::from(from);
            prop_assert!((made.len() as f64 - exact).abs() <= 0.5);
            prop_assert!(made.iter().all(|sample| sample.is_finite()));
        }
    }
}
