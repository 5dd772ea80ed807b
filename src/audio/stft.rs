//! The short-time Fourier transform and its inverse, frame by frame, as PyTorch's `stft` and
//! `istft` do them for Open-Unmix: centred frames, reflected edges, a periodic Hann window, the
//! lower half of the spectrum, and a division by the overlapping windows' squares on the way back.
//!
//! Frames are taken and added one at a time, so that nobody has to hold the spectra of a whole
//! song, which are many times larger than the song.

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};
use std::sync::Arc;

/// Where the squared windows sum to less than this, they are taken to sum to this: a sample that
/// only the very foot of a window reaches is faded and not amplified a thousandfold. Up to a hop
/// of three eighths of a window this never comes to pass.
const LEAST_ENVELOPE: f32 = 1e-3;

/// The transform for one window length and one hop.
pub struct Stft {
    hop: usize,
    window: Vec<f32>,
    /// For every place within a hop, the sum of the squares of all windows that reach it.
    envelope: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

/// Memory that the transforms use again and again.
pub struct Scratch {
    frame: Vec<f32>,
    spectrum: Vec<Complex<f32>>,
    fft: Vec<Complex<f32>>,
}

impl Stft {
    /// A transform of windows of `size` samples (even, at least 2), `hop` samples apart (at least
    /// 1, at most half a window).
    pub fn new(size: usize, hop: usize) -> Self {
        debug_assert!(size >= 2 && size.is_multiple_of(2) && (1..=size / 2).contains(&hop));
        let mut planner = RealFftPlanner::new();
        let window: Vec<f32> = (0..size)
            .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / size as f64).cos()) as f32)
            .collect();
        let envelope =
            (0..hop).map(|place| window[place..].iter().step_by(hop).map(|w| w * w).sum()).collect();
        Self {
            hop,
            window,
            envelope,
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
        }
    }

    /// Samples of a window.
    pub fn size(&self) -> usize {
        self.window.len()
    }

    /// Values of a spectrum.
    pub fn bins(&self) -> usize {
        self.size() / 2 + 1
    }

    /// Frames of a sound of `length` samples. The middle of the first one is the first sample.
    pub fn frames(&self, length: usize) -> usize {
        1 + length / self.hop
    }

    /// Memory for the transforms.
    pub fn scratch(&self) -> Scratch {
        let fft = self.forward.get_scratch_len().max(self.inverse.get_scratch_len());
        Scratch {
            frame: vec![0.0; self.size()],
            spectrum: vec![Complex::default(); self.bins()],
            fft: vec![Complex::default(); fft],
        }
    }

    /// Writes the spectrum of a frame of `samples` to `out`, which has room for
    /// [`bins`](Self::bins) values.
    ///
    /// Beyond its ends the sound goes on in reverse, without its outermost sample being repeated.
    /// PyTorch refuses a sound that is shorter than what it has to reflect; here it is reflected
    /// to and fro for as long as it takes. Silence is what there is beyond no sound at all.
    pub fn analyse(&self, samples: &[f32], frame: usize, scratch: &mut Scratch, out: &mut [Complex<f32>]) {
        let half = self.size() / 2;
        let start = frame * self.hop;
        match start.checked_sub(half).and_then(|start| samples.get(start..start + self.size())) {
            Some(inside) => {
                for ((to, from), window) in scratch.frame.iter_mut().zip(inside).zip(&self.window) {
                    *to = from * window;
                }
            }
            None => {
                for (i, (to, window)) in scratch.frame.iter_mut().zip(&self.window).enumerate() {
                    *to = reflected(samples, start + i, half) * window;
                }
            }
        }
        // Only wrong lengths make this fail.
        let done = self.forward.process_with_scratch(&mut scratch.frame, out, &mut scratch.fft);
        debug_assert!(done.is_ok());
    }

    /// Adds a frame of that spectrum to `track`, where the frame lies.
    ///
    /// When all frames are added, [`normalise`](Self::normalise) makes a sound of the track.
    pub fn add(&self, spectrum: &[Complex<f32>], frame: usize, scratch: &mut Scratch, track: &mut [f32]) {
        scratch.spectrum.copy_from_slice(spectrum);
        // A real signal has no imaginary part there; what a filter left is dropped, as in PyTorch.
        for edge in [0, self.size() / 2] {
            scratch.spectrum[edge].im = 0.0;
        }
        let done =
            self.inverse.process_with_scratch(&mut scratch.spectrum, &mut scratch.frame, &mut scratch.fft);
        debug_assert!(done.is_ok());
        let half = self.size() / 2;
        let start = frame * self.hop;
        let skipped = half.saturating_sub(start);
        let Some(track) = track.get_mut((start + skipped) - half..) else { return };
        let scale = 1.0 / self.size() as f32;
        let parts = scratch.frame[skipped..].iter().zip(&self.window[skipped..]);
        for (to, (from, window)) in track.iter_mut().zip(parts) {
            *to += from * window * scale;
        }
    }

    /// Divides a track, to which all its frames were added, by its overlapping windows.
    pub fn normalise(&self, track: &mut [f32]) {
        let half = self.size() / 2;
        let last = (self.frames(track.len()) - 1) * self.hop;
        for (i, sample) in track.iter_mut().enumerate() {
            let place = i + half;
            // All windows that could reach this place are there, except near the ends.
            let sum = if place + self.hop >= self.size() && place < last + self.hop {
                self.envelope[place % self.hop]
            } else {
                let offsets = (place % self.hop..self.size()).step_by(self.hop);
                let there = offsets.filter(|&offset| offset <= place && place - offset <= last);
                there.map(|offset| self.window[offset] * self.window[offset]).sum()
            };
            *sample /= sum.max(LEAST_ENVELOPE);
        }
    }
}

/// The sample at `place` of a sound before which `before` reflected ones were put.
fn reflected(samples: &[f32], place: usize, before: usize) -> f32 {
    match samples {
        [] => 0.0,
        [only] => *only,
        _ => {
            // To and back is one period.
            let period = 2 * (samples.len() - 1);
            let distance = (place % period + period - before % period) % period;
            samples[distance.min(period - distance)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(length: usize) -> Vec<f32> {
        (0..length as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 23) as f32 - 1.0)
            .collect()
    }

    fn there_and_back(size: usize, hop: usize, samples: &[f32]) -> Vec<f32> {
        let stft = Stft::new(size, hop);
        let mut scratch = stft.scratch();
        let mut spectrum = vec![Complex::default(); stft.bins()];
        let mut track = vec![0.0; samples.len()];
        for frame in 0..stft.frames(samples.len()) {
            stft.analyse(samples, frame, &mut scratch, &mut spectrum);
            stft.add(&spectrum, frame, &mut scratch, &mut track);
        }
        stft.normalise(&mut track);
        track
    }

    #[test]
    fn the_first_frame_is_centred_on_the_first_sample() {
        let stft = Stft::new(8, 2);
        let samples: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let frame: Vec<f32> = (0..8).map(|i| reflected(&samples, i, 4)).collect();
        assert_eq!(frame, [4.0, 3.0, 2.0, 1.0, 0.0, 1.0, 2.0, 3.0]);
        let end: Vec<f32> = (0..5).map(|i| reflected(&samples, 4 + 17 + i, 4)).collect();
        assert_eq!(end, [17.0, 18.0, 19.0, 18.0, 17.0]);
        assert_eq!(stft.frames(20), 11);
    }

    #[test]
    fn short_sounds_are_reflected_to_and_fro() {
        let all = |samples: &[f32]| -> Vec<f32> { (0..9).map(|i| reflected(samples, i, 4)).collect() };
        assert_eq!(all(&[1.0, 2.0, 3.0]), [1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        assert_eq!(all(&[7.0]), [7.0; 9]);
        assert_eq!(all(&[]), [0.0; 9]);
    }

    #[test]
    fn a_tone_is_a_peak() {
        let stft = Stft::new(64, 16);
        let samples: Vec<f32> =
            (0..640).map(|i| (std::f32::consts::TAU * 5.0 * i as f32 / 64.0).cos()).collect();
        let mut spectrum = vec![Complex::default(); stft.bins()];
        stft.analyse(&samples, 10, &mut stft.scratch(), &mut spectrum);
        // Half the sum of the window.
        assert!((spectrum[5].norm() - 16.0).abs() < 1e-3);
        assert!(spectrum[8..].iter().all(|value| value.norm() < 1e-3));
    }

    proptest! {
        #[test]
        fn every_sound_comes_back(half in 1usize..40, hop in 1usize..40, length in 0usize..300) {
            // Where hardly a window reaches, sounds fade; see LEAST_ENVELOPE.
            let hop = hop.min((half * 3 / 4).max(1));
            let samples = noise(length);
            let back = there_and_back(2 * half, hop, &samples);
            prop_assert_eq!(back.len(), length);
            for (a, b) in samples.iter().zip(&back) {
                prop_assert!((a - b).abs() < 1e-4, "{} {}", a, b);
            }
        }

        #[test]
        fn the_widest_hop_amplifies_nothing(half in 1usize..40, length in 0usize..300) {
            let back = there_and_back(2 * half, half, &noise(length));
            prop_assert!(back.iter().all(|sample| sample.abs() <= 1.01));
        }
    }
}
