//! The spectrogram that the AST hears: Kaldi's log mel filter bank.
//!
//! Follows `torchaudio.compliance.kaldi.fbank` as transformers' `ASTFeatureExtractor` calls it
//! (`window_type="hanning"`, the rest at its defaults, samples in [-1, 1]) step by step: frames
//! of 25 ms every 10 ms, only those that lie wholly within the sound; each frame loses its
//! mean, is pre-emphasised, weighted with a symmetric Hann window, and padded to a power of
//! two; the power spectrum is summed under triangles on the mel scale from 20 Hz to Nyquist;
//! the logarithm is floored; missing frames are zeros; and all is normalised.
//!
//! Up to the power spectrum everything is computed in double precision. The floor of the
//! logarithm lies 110 dB below the peak of a loud tone, where single precision's rounding is
//! as large as what is measured: torchaudio itself, in single precision, is up to 0.009 away
//! from its own double precision there.

use super::require_finite;
use crate::{Error, Result};
use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};
use std::sync::Arc;

/// Length of a frame in milliseconds, Kaldi's default.
const FRAME_MILLISECONDS: f64 = 25.0;
/// Distance of two frames in milliseconds, Kaldi's default.
const SHIFT_MILLISECONDS: f64 = 10.0;
/// Kaldi's default pre-emphasis.
const PREEMPHASIS: f64 = 0.97;
/// Lower edge of the lowest mel triangle in Hz, Kaldi's default.
const LOW_HERTZ: f64 = 20.0;

/// What an extractor is asked for is kept below sizes that only a damaged bundle would name:
/// spectrograms of 20 minutes, and more mel bins than a frame has frequencies.
const MAX_FRAMES: usize = 120_000;
const MAX_BINS: usize = 1024;
const RATES: std::ops::RangeInclusive<u32> = 1000..=768_000;

/// How a waveform becomes a spectrogram, by the names of transformers' `ASTFeatureExtractor`.
#[derive(Debug, Clone, PartialEq)]
pub struct FbankSettings {
    /// Samples per second.
    pub sampling_rate: u32,
    /// Frames after cutting or padding.
    pub max_frames: usize,
    /// Mel bins of a frame; more than 3.
    pub num_mel_bins: usize,
    /// Subtracted from the log mel energies.
    pub mean: f64,
    /// Half of what the difference is divided by.
    pub std: f64,
}

/// A normalised log mel spectrogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// Frames, always the extractor's `max_frames`.
    pub frames: usize,
    /// Mel bins of a frame.
    pub bins: usize,
    /// Row-major, `frames` rows of `bins` values.
    pub values: Vec<f32>,
}

/// Weights of one mel bin on consecutive frequencies of the spectrum.
#[derive(Debug, Clone)]
struct Triangle {
    first: usize,
    weights: Vec<f32>,
}

/// An extractor, with its tables and its FFT planned once.
#[derive(Clone)]
pub struct Fbank {
    frame: usize,
    shift: usize,
    max_frames: usize,
    window: Vec<f64>,
    fft: Arc<dyn RealToComplex<f64>>,
    triangles: Vec<Triangle>,
    mean: f32,
    /// 1 / (2 std).
    scale: f32,
}

impl Fbank {
    /// Plans the extraction.
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`](crate::ErrorKind::Bundle) for settings that make no extractor;
    /// settings come from a model's bundle.
    pub fn new(settings: &FbankSettings) -> Result<Self> {
        validate(settings)?;
        let rate = f64::from(settings.sampling_rate);
        // In this order of operations, since torchaudio cuts the products down to whole samples.
        let samples = |milliseconds: f64| (rate * milliseconds * 0.001) as usize;
        let (frame, shift) = (samples(FRAME_MILLISECONDS), samples(SHIFT_MILLISECONDS));
        let padded = frame.next_power_of_two();
        Ok(Self {
            frame,
            shift,
            max_frames: settings.max_frames,
            window: hann(frame),
            fft: RealFftPlanner::new().plan_fft_forward(padded),
            triangles: triangles(settings.num_mel_bins, padded, rate),
            mean: settings.mean as f32,
            scale: (0.5 / settings.std) as f32,
        })
    }

    /// Samples of one frame: the shortest sound that has a spectrogram.
    pub fn frame_samples(&self) -> usize {
        self.frame
    }

    /// Samples that the model hears: those of `max_frames` frames. What comes after them
    /// changes nothing.
    pub fn window_samples(&self) -> usize {
        self.frame + (self.max_frames - 1) * self.shift
    }

    /// Frames of every spectrogram.
    pub fn frames(&self) -> usize {
        self.max_frames
    }

    /// Mel bins of every frame.
    pub fn bins(&self) -> usize {
        self.triangles.len()
    }

    /// The spectrogram of `samples`, which are at the settings' sampling rate.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for a sound shorter than one frame, or
    /// with a sample that isn't finite.
    pub fn extract(&self, samples: &[f32]) -> Result<Spectrogram> {
        let mut values = vec![0.0; self.max_frames * self.bins()];
        self.extract_into(samples, &mut values)?;
        Ok(Spectrogram { frames: self.max_frames, bins: self.bins(), values })
    }

    /// [`extract`](Self::extract) into a place that is there already, such as a batch's row;
    /// `values` has [`frames`](Self::frames) x [`bins`](Self::bins) elements.
    ///
    /// # Errors
    /// As [`extract`](Self::extract).
    pub fn extract_into(&self, samples: &[f32], values: &mut [f32]) -> Result<()> {
        if values.len() != self.max_frames * self.bins() {
            return Err(Error::internal(format!(
                "a spectrogram of {} x {} values doesn't fit into {}",
                self.max_frames,
                self.bins(),
                values.len()
            )));
        }
        if samples.len() < self.frame {
            return Err(Error::input(format!(
                "the sound has {} samples, fewer than the {} of one frame (25 ms)",
                samples.len(),
                self.frame
            ))
            .hint("use a longer sound"));
        }
        require_finite(samples)?;
        let mut input = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0; spectrum.len()];
        let frames = (1 + (samples.len() - self.frame) / self.shift).min(self.max_frames);
        let (heard, padding) = values.split_at_mut(frames * self.bins());
        for (index, row) in heard.chunks_exact_mut(self.bins()).enumerate() {
            let start = index * self.shift;
            self.prepare(&samples[start..start + self.frame], &mut input);
            self.fft
                .process_with_scratch(&mut input, &mut spectrum, &mut scratch)
                .map_err(|error| Error::internal(format!("FFT: {error}")))?;
            for (power, Complex { re, im }) in power.iter_mut().zip(&spectrum) {
                *power = (re * re + im * im) as f32;
            }
            for (value, triangle) in row.iter_mut().zip(&self.triangles) {
                let energy = triangle.apply(&power);
                *value = (energy.max(f32::EPSILON).ln() - self.mean) * self.scale;
            }
        }
        // Zeros are padded before the normalisation, as in transformers.
        padding.fill((0.0 - self.mean) * self.scale);
        Ok(())
    }

    /// One frame without its mean, pre-emphasised, under the window, padded with zeros.
    fn prepare(&self, frame: &[f32], input: &mut [f64]) {
        let mean = frame.iter().map(|&sample| f64::from(sample)).sum::<f64>() / frame.len() as f64;
        // Kaldi takes the sample before the first one to be the first one itself.
        let mut before = f64::from(frame[0]) - mean;
        let (head, tail) = input.split_at_mut(frame.len());
        for ((target, &sample), weight) in head.iter_mut().zip(frame).zip(&self.window) {
            let sample = f64::from(sample) - mean;
            *target = (sample - PREEMPHASIS * before) * weight;
            before = sample;
        }
        tail.fill(0.0);
    }
}

impl std::fmt::Debug for Fbank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fbank")
            .field("frame", &self.frame)
            .field("shift", &self.shift)
            .field("max_frames", &self.max_frames)
            .field("bins", &self.triangles.len())
            .finish_non_exhaustive()
    }
}

impl Triangle {
    fn apply(&self, power: &[f32]) -> f32 {
        // Eight sums instead of one, which compilers turn into SIMD.
        let power = &power[self.first..self.first + self.weights.len()];
        let (weights, powers) = (self.weights.chunks_exact(8), power.chunks_exact(8));
        let rest: f32 = weights.remainder().iter().zip(powers.remainder()).map(|(w, p)| w * p).sum();
        let mut lanes = [0.0f32; 8];
        for (weights, powers) in weights.zip(powers) {
            for (lane, (w, p)) in lanes.iter_mut().zip(weights.iter().zip(powers)) {
                *lane += w * p;
            }
        }
        lanes.iter().sum::<f32>() + rest
    }
}

fn validate(settings: &FbankSettings) -> Result<()> {
    let FbankSettings { sampling_rate, max_frames, num_mel_bins, mean, std } = settings;
    let wrong = |what: String| {
        Err(Error::bundle(format!("feature extractor: {what}"))
            .hint("convert the model again with the feature extractor that it was trained with"))
    };
    if !RATES.contains(sampling_rate) {
        return wrong(format!(
            "sampling_rate is {sampling_rate}, not between {} and {}",
            RATES.start(),
            RATES.end()
        ));
    }
    if !(1..=MAX_FRAMES).contains(max_frames) {
        return wrong(format!("max_frames is {max_frames}, not between 1 and {MAX_FRAMES}"));
    }
    // Kaldi itself refuses 3 and fewer.
    if !(4..=MAX_BINS).contains(num_mel_bins) {
        return wrong(format!("num_mel_bins is {num_mel_bins}, not between 4 and {MAX_BINS}"));
    }
    if !mean.is_finite() || !(*mean as f32).is_finite() {
        return wrong(format!("mean is {mean}, not a finite number"));
    }
    if !std.is_finite() || *std <= 0.0 || !((0.5 / std) as f32).is_finite() {
        return wrong(format!("std is {std}, not a positive number"));
    }
    Ok(())
}

/// The symmetric Hann window: its last value is 0 like its first.
fn hann(length: usize) -> Vec<f64> {
    let steps = (length - 1) as f64;
    (0..length).map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / steps).cos()).collect()
}

/// Kaldi's mel triangles, in single precision step by step as torchaudio computes them: the
/// weight of a frequency just inside a triangle's edge is a difference of nearly equal
/// numbers, and would come out visibly otherwise in double precision.
fn triangles(bins: usize, padded: usize, rate: f64) -> Vec<Triangle> {
    let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
    let low = mel(LOW_HERTZ);
    let delta = ((mel(0.5 * rate) - low) / (bins + 1) as f64) as f32;
    let low = low as f32;
    let width = (rate / padded as f64) as f32;
    // The Nyquist frequency itself has no weight in Kaldi.
    let mels: Vec<f32> = (0..padded / 2).map(|i| 1127.0 * (1.0 + width * i as f32 / 700.0).ln()).collect();
    (0..bins)
        .map(|bin| {
            let bin = bin as f32;
            let (left, center, right) =
                (low + bin * delta, low + (bin + 1.0) * delta, low + (bin + 2.0) * delta);
            let weight = |mel: f32| ((mel - left) / (center - left)).min((right - mel) / (right - center));
            // At low frequencies a triangle may lie between two frequencies and weigh none.
            let first = mels.partition_point(|&mel| weight(mel) <= 0.0 && mel <= center);
            let weights = mels[first..].iter().map(|&mel| weight(mel)).take_while(|&w| w > 0.0).collect();
            Triangle { first, weights }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn settings() -> FbankSettings {
        FbankSettings { sampling_rate: 16_000, max_frames: 10, num_mel_bins: 32, mean: -4.25, std: 4.5 }
    }

    #[test]
    fn sizes_are_kaldis() {
        let fbank = Fbank::new(&settings()).unwrap();
        assert_eq!((fbank.frame_samples(), fbank.window_samples()), (400, 400 + 9 * 160));
        let fbank =
            Fbank::new(&FbankSettings { sampling_rate: 44_100, max_frames: 1024, ..settings() }).unwrap();
        assert_eq!((fbank.frame_samples(), fbank.window_samples()), (1102, 1102 + 1023 * 441));
        assert_eq!((fbank.frames(), fbank.bins()), (1024, 32));
    }

    #[test]
    fn a_tone_is_loudest_in_its_bin() {
        let fbank = Fbank::new(&settings()).unwrap();
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
        for hertz in [300.0, 1000.0, 4000.0] {
            let tone: Vec<f32> = (0..1840)
                .map(|i| (std::f64::consts::TAU * hertz * f64::from(i) / 16_000.0).sin() as f32)
                .collect();
            let spectrogram = fbank.extract(&tone).unwrap();
            let row = &spectrogram.values[5 * 32..6 * 32];
            let loudest = (0..32).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
            let place = (mel(hertz) - mel(20.0)) / (mel(8000.0) - mel(20.0)) * 33.0 - 1.0;
            assert!((loudest as f64 - place).abs() <= 1.0, "{hertz} Hz: bin {loudest}, expected {place}");
        }
    }

    #[test]
    fn padding_is_zeros_before_normalisation() {
        let fbank = Fbank::new(&settings()).unwrap();
        let spectrogram = fbank.extract(&[0.0; 400 + 160]).unwrap();
        let silence = (f32::EPSILON.ln() + 4.25) / 9.0;
        for (index, value) in spectrogram.values.iter().enumerate() {
            let expected = if index < 2 * 32 { silence } else { 4.25 / 9.0 };
            assert!((value - expected).abs() < 1e-6, "{index}: {value}");
        }
    }

    #[test]
    fn what_comes_after_the_window_changes_nothing() {
        let fbank = Fbank::new(&settings()).unwrap();
        let mut samples: Vec<f32> = (0..5000).map(|i| ((i * i) % 201) as f32 / 100.0 - 1.0).collect();
        let whole = fbank.extract(&samples).unwrap();
        assert_eq!(fbank.extract(&samples[..fbank.window_samples()]).unwrap(), whole);
        samples[fbank.window_samples()..].fill(0.5);
        assert_eq!(fbank.extract(&samples).unwrap(), whole);
        samples[fbank.window_samples() - 20] += 0.5;
        assert_ne!(fbank.extract(&samples).unwrap(), whole);
    }

    #[test]
    fn short_and_damaged_sounds_are_the_users_error() {
        let fbank = Fbank::new(&settings()).unwrap();
        let error = fbank.extract(&[0.1; 399]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.message().contains("399") && error.message().contains("400"), "{error}");
        assert_eq!(fbank.extract(&[]).unwrap_err().kind(), ErrorKind::Input);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut samples = vec![0.1; 3000];
            samples[2999] = bad;
            let error = fbank.extract(&samples).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input);
            assert!(error.message().contains("2999"), "{error}");
        }
        let mut wrong = vec![0.0; 3];
        assert_eq!(fbank.extract_into(&[0.1; 400], &mut wrong).unwrap_err().kind(), ErrorKind::Internal);
    }

    #[test]
    fn settings_that_make_no_extractor_name_the_field() {
        let with = |change: fn(&mut FbankSettings)| {
            let mut settings = settings();
            change(&mut settings);
            let error = Fbank::new(&settings).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle);
            error.to_string()
        };
        assert!(with(|s| s.sampling_rate = 0).contains("sampling_rate"));
        assert!(with(|s| s.sampling_rate = u32::MAX).contains("sampling_rate"));
        assert!(with(|s| s.max_frames = 0).contains("max_frames"));
        assert!(with(|s| s.max_frames = usize::MAX).contains("max_frames"));
        assert!(with(|s| s.num_mel_bins = 3).contains("num_mel_bins"));
        assert!(with(|s| s.num_mel_bins = 100_000).contains("num_mel_bins"));
        assert!(with(|s| s.mean = f64::NAN).contains("mean"));
        assert!(with(|s| s.mean = 1e300).contains("mean"));
        assert!(with(|s| s.std = 0.0).contains("std"));
        assert!(with(|s| s.std = -1.0).contains("std"));
        assert!(with(|s| s.std = f64::INFINITY).contains("std"));
        assert!(with(|s| s.std = 1e-300).contains("std"));
    }

    #[test]
    fn every_rate_and_size_in_range_works() {
        for sampling_rate in [1000, 8000, 11_025, 22_050, 32_000, 48_000, 96_000, 768_000] {
            for num_mel_bins in [4, 128, 1024] {
                let fbank = Fbank::new(&FbankSettings { sampling_rate, num_mel_bins, ..settings() }).unwrap();
                let samples = vec![0.5; fbank.window_samples()];
                let spectrogram = fbank.extract(&samples).unwrap();
                assert!(spectrogram.values.iter().all(|value| value.is_finite()));
            }
        }
    }
}
