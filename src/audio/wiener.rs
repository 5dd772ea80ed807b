//! From the magnitudes that a network estimates to the stems' complex spectra: the multichannel
//! Wiener filter of the `openunmix` package, and the plain ratio mask.
//!
//! The filter takes a mix for a sum of Gaussian sources, each with a loudness `v` of its own at
//! every place of the spectrogram, and with a spatial covariance `R` of its own at every
//! frequency, that is how it is spread over the channels (Duong, Vincent and Gribonval 2010).
//! An iteration of the simplified expectation maximisation (Nugraha, Liutkus and Vincent 2016)
//! takes both from the present estimate, `v` as the mean power over the channels and `R` as the
//! weighted mean covariance over a window of frames, and makes a new estimate
//! `v_j R_j (sum_k v_k R_k + e I)^-1 x` of stem `j` from the mix `x`.
//!
//! Frequencies have nothing to do with each other, and an estimate is a function of the mix, the
//! first magnitudes and one `R` per iteration. So the estimates of earlier iterations are computed
//! anew, frame by frame, whenever they are needed: that is cheaper than to hold them.

use crate::{Error, Result};
use realfft::num_complex::Complex;
use serde::{Deserialize, Serialize};

/// Frames that share their spatial covariances: 7 seconds at 44.1 kHz. The package's default.
pub const WINDOW: usize = 300;
/// Added to whatever is divided by: the package's `eps`.
const EPSILON: f64 = 1e-10;
/// Added to the mix's modelled covariance: the square root of the package's `eps`.
const REGULARISATION: f64 = 1e-5;
/// Mixes whose spectrum is louder than this are made as quiet as this for the filter, so that
/// [`REGULARISATION`] stays in proportion: the package's `scale_factor`.
const LOUDEST: f32 = 10.0;
/// The work grows with the square of the iterations, and more than two improve nothing.
const MAX_ITERATIONS: usize = 8;

/// How magnitudes become spectra.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The multichannel Wiener filter. Without an iteration, the estimated magnitudes are taken as
    /// they are, with the phases of the mix.
    Wiener {
        /// Iterations of expectation maximisation.
        iterations: usize,
    },
    /// Each stem gets its share of the sum of the estimated magnitudes, so that the stems sum to
    /// the mix.
    RatioMask,
}

impl Default for Filter {
    /// The package's default: one iteration.
    fn default() -> Self {
        Self::Wiener { iterations: 1 }
    }
}

impl Filter {
    /// Checks that the work is of a reasonable amount.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if it is not.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Self::Wiener { iterations } if iterations > MAX_ITERATIONS => {
                Err(Error::input(format!("{iterations} iterations of the Wiener filter are too many"))
                    .hint(format!("use at most {MAX_ITERATIONS}; 1 is usual")))
            }
            _ => Ok(()),
        }
    }

    fn iterations(&self) -> usize {
        match *self {
            Self::Wiener { iterations } => iterations,
            Self::RatioMask => 0,
        }
    }
}

/// A frame of a mix with what a network makes of it. All slices are rows of bins, one row per
/// channel.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The mix's spectrum.
    pub mix: &'a [Complex<f32>],
    /// The magnitudes of each stem.
    pub magnitudes: [&'a [f32]; 4],
}

/// A filter for a window of frames of `C` channels, on its way from its first pass over them to
/// its result.
///
/// For each of the [`passes`](Self::passes) every frame is [learnt](Self::learn), and the pass
/// [ended](Self::end_pass); then the frames can be [filtered](Self::apply).
pub struct Wiener<const C: usize> {
    filter: Filter,
    scale: f64,
    /// The covariances that ended passes found, for each pass and each bin.
    known: Vec<Vec<[Covariance; 4]>>,
    /// Sums of the pass that runs: of the sources' covariances, and of their loudness.
    sums: Vec<[(Covariance, f64); 4]>,
}

/// A Hermitian matrix of two channels; of one channel, only its first element is used.
#[derive(Debug, Clone, Copy, Default)]
struct Covariance {
    left: f64,
    right: f64,
    /// Of the left with the right.
    cross: Complex<f64>,
}

/// The estimated spectra of the four stems in one bin.
type Sources<const C: usize> = [[Complex<f64>; C]; 4];

impl<const C: usize> Wiener<C> {
    /// A filter for frames of `bins` bins and `C` channels, which is 1 or 2, whose loudest value
    /// in the mix's spectrum is `loudest`.
    pub fn new(filter: Filter, bins: usize, loudest: f32) -> Self {
        const { assert!(C == 1 || C == 2, "covariances are of one or two channels") };
        let sums = if filter.iterations() > 0 { vec![Default::default(); bins] } else { Vec::new() };
        Self { filter, scale: f64::from((loudest / LOUDEST).max(1.0)), known: Vec::new(), sums }
    }

    /// How often all frames have to be learnt.
    pub fn passes(&self) -> usize {
        self.filter.iterations()
    }

    /// Takes a frame into account.
    pub fn learn(&mut self, frame: &Frame<'_>) {
        let bins = self.sums.len();
        let mut sums = std::mem::take(&mut self.sums);
        for (bin, sums) in sums.iter_mut().enumerate() {
            let sources = self.estimate(frame, bin, bins).0;
            for ((covariance, loudness), source) in sums.iter_mut().zip(&sources) {
                covariance.add(source);
                *loudness += power(source);
            }
        }
        self.sums = sums;
    }

    /// Ends a pass.
    pub fn end_pass(&mut self) {
        let means = self.sums.iter_mut().map(|sums| {
            std::mem::take(sums).map(|(covariance, loudness)| covariance.times(1.0 / (EPSILON + loudness)))
        });
        self.known.push(means.collect());
    }

    /// Writes the stems' spectra of a frame to `out`: for each stem and each channel, a row of bins.
    pub fn apply(&self, frame: &Frame<'_>, out: &mut [Complex<f32>]) {
        let bins = frame.mix.len() / C;
        for bin in 0..bins {
            let (sources, scale) = self.estimate(frame, bin, bins);
            for (row, value) in sources.iter().flatten().enumerate() {
                let value = value * scale;
                out[row * bins + bin] = Complex::new(value.re as f32, value.im as f32);
            }
        }
    }

    /// The present estimate in one bin, and what it has to be multiplied by to be as loud as the
    /// mix.
    #[inline(always)]
    fn estimate(&self, frame: &Frame<'_>, bin: usize, bins: usize) -> (Sources<C>, f64) {
        let mut x: [Complex<f64>; C] = std::array::from_fn(|c| {
            let value = frame.mix[c * bins + bin];
            Complex::new(f64::from(value.re), f64::from(value.im))
        });
        let magnitudes: [[f64; C]; 4] =
            std::array::from_fn(|j| std::array::from_fn(|c| f64::from(frame.magnitudes[j][c * bins + bin])));
        if self.filter == Filter::RatioMask {
            let sums: [f64; C] =
                std::array::from_fn(|c| magnitudes.iter().map(|m| m[c]).sum::<f64>() + EPSILON);
            return (magnitudes.map(|m| std::array::from_fn(|c| x[c] * (m[c] / sums[c]))), 1.0);
        }
        let scale = if self.passes() == 0 { 1.0 } else { self.scale };
        let phases = x.map(|x| {
            let norm = x.norm_sqr().sqrt();
            if norm > 0.0 { x / (norm * scale) } else { Complex::new(1.0 / scale, 0.0) }
        });
        let mut sources: Sources<C> = magnitudes.map(|m| std::array::from_fn(|c| phases[c] * m[c]));
        x = x.map(|x| x / scale);
        for covariances in &self.known {
            sources = filtered(&x, &sources, &covariances[bin]);
        }
        (sources, scale)
    }
}

/// The mean power over the channels.
#[inline(always)]
fn power<const C: usize>(source: &[Complex<f64>; C]) -> f64 {
    source.iter().map(|value| value.norm_sqr()).sum::<f64>() / C as f64
}

/// The next estimate: `v_j R_j (sum_k v_k R_k + e I)^-1 x`.
#[inline(always)]
fn filtered<const C: usize>(
    x: &[Complex<f64>; C],
    sources: &Sources<C>,
    covariances: &[Covariance; 4],
) -> Sources<C> {
    let loudness = sources.each_ref().map(power);
    let mut mix = Covariance { left: REGULARISATION, right: REGULARISATION, cross: Complex::default() };
    for (covariance, v) in covariances.iter().zip(loudness) {
        let part = covariance.times(v);
        mix.left += part.left;
        if C == 2 {
            mix.right += part.right;
            mix.cross += part.cross;
        }
    }
    let white = if C == 2 {
        let determinant = mix.left * mix.right - mix.cross.norm_sqr();
        let share = 1.0 / determinant;
        [(x[0] * mix.right - mix.cross * x[1]) * share, (x[1] * mix.left - mix.cross.conj() * x[0]) * share]
    } else {
        [x[0] / mix.left, Complex::default()]
    };
    std::array::from_fn(|j| {
        let Covariance { left, right, cross } = covariances[j];
        std::array::from_fn(|c| {
            let value = match (C, c) {
                (1, _) => white[0] * left,
                (_, 0) => white[0] * left + cross * white[1],
                _ => cross.conj() * white[0] + white[1] * right,
            };
            value * loudness[j]
        })
    })
}

impl Covariance {
    #[inline(always)]
    fn add<const C: usize>(&mut self, source: &[Complex<f64>; C]) {
        self.left += source[0].norm_sqr();
        if C == 2 {
            self.right += source[C - 1].norm_sqr();
            self.cross += source[0] * source[C - 1].conj();
        }
    }

    #[inline(always)]
    fn times(&self, factor: f64) -> Self {
        Self { left: self.left * factor, right: self.right * factor, cross: self.cross * factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BINS: usize = 3;

    /// Values in [0, 1) without a pattern.
    fn noise(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32)
            .map(|n| (n ^ seed << 16).wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B))
            .map(|n| (n >> 8) as f32 / (1 << 24) as f32)
            .collect()
    }

    fn complex(count: usize, seed: u32) -> Vec<Complex<f32>> {
        noise(2 * count, seed).chunks(2).map(|pair| Complex::new(pair[0] - 0.5, pair[1] - 0.5)).collect()
    }

    /// Filters frames of `C` channels; gives, for each frame, each stem and channel, a row of bins.
    fn run<const C: usize>(
        filter: Filter,
        mix: &[Complex<f32>],
        magnitudes: &[Vec<f32>; 4],
    ) -> Vec<Complex<f32>> {
        let row = C * BINS;
        let frame = |n: usize| Frame {
            mix: &mix[n * row..][..row],
            magnitudes: magnitudes.each_ref().map(|m| &m[n * row..][..row]),
        };
        let loudest = mix.iter().map(|value| value.norm()).fold(0.0, f32::max);
        let mut wiener = Wiener::<C>::new(filter, BINS, loudest);
        let frames = mix.len() / row;
        for _ in 0..wiener.passes() {
            (0..frames).for_each(|n| wiener.learn(&frame(n)));
            wiener.end_pass();
        }
        let mut out = vec![Complex::default(); frames * 4 * row];
        out.chunks_mut(4 * row).enumerate().for_each(|(n, out)| wiener.apply(&frame(n), out));
        out
    }

    /// The magnitudes of a mix, by shares.
    fn shares(mix: &[Complex<f32>], shares: [f32; 4]) -> [Vec<f32>; 4] {
        shares.map(|share| mix.iter().map(|value| share * value.norm()).collect())
    }

    fn all_filters() -> impl Iterator<Item = Filter> {
        (0..4).map(|iterations| Filter::Wiener { iterations }).chain([Filter::RatioMask])
    }

    #[test]
    fn what_belongs_to_one_stem_alone_stays_whole() {
        let mix = complex(5 * 2 * BINS, 1);
        let magnitudes = shares(&mix, [0.0, 1.0, 0.0, 0.0]);
        for filter in all_filters() {
            let out = run::<2>(filter, &mix, &magnitudes);
            for (frame, out) in mix.chunks(2 * BINS).zip(out.chunks(8 * BINS)) {
                let [vocals, drums] = [&out[..2 * BINS], &out[2 * BINS..4 * BINS]];
                assert!(vocals.iter().all(|value| value.norm() == 0.0));
                assert!(frame.iter().zip(drums).all(|(a, b)| (a - b).norm() < 2e-3), "{filter:?}");
            }
        }
    }

    #[test]
    fn the_ratio_mask_leaves_nothing_of_the_mix() {
        let mix = complex(4 * BINS, 1);
        let magnitudes = std::array::from_fn(|j| noise(mix.len(), j as u32));
        let out = run::<1>(Filter::RatioMask, &mix, &magnitudes);
        for (frame, out) in mix.chunks(BINS).zip(out.chunks(4 * BINS)) {
            for (bin, mix) in frame.iter().enumerate() {
                let sum: Complex<f32> = out.iter().skip(bin).step_by(BINS).sum();
                assert!((sum - mix).norm() < 1e-6);
            }
        }
    }

    #[test]
    fn without_iterations_the_magnitudes_are_kept() {
        let mix = complex(2 * BINS, 1);
        let magnitudes = std::array::from_fn(|j| noise(mix.len(), j as u32));
        let out = run::<2>(Filter::Wiener { iterations: 0 }, &mix, &magnitudes);
        for (row, out) in out.chunks(2 * BINS).enumerate() {
            for (i, value) in out.iter().enumerate() {
                assert!((value - mix[i] / mix[i].norm() * magnitudes[row][i]).norm() < 1e-6);
            }
        }
    }

    #[test]
    fn two_equal_channels_are_twice_the_one() {
        // The covariances are singular then, and only double precision tells their mix's
        // determinant from nothing.
        let one: Vec<_> = complex(6 * BINS, 2).into_iter().map(|value| value * 60.0).collect();
        let magnitudes: [Vec<f32>; 4] = std::array::from_fn(|j| {
            noise(one.len(), j as u32).into_iter().map(|value| value * 20.0).collect()
        });
        let twice =
            |values: &[f32]| values.chunks(BINS).flat_map(|row| [row, row].concat()).collect::<Vec<_>>();
        let two: Vec<_> = one.chunks(BINS).flat_map(|row| [row, row].concat()).collect();
        for filter in all_filters() {
            let alone = run::<1>(filter, &one, &magnitudes);
            let both = run::<2>(filter, &two, &magnitudes.each_ref().map(|m| twice(m)));
            for (alone, both) in alone.chunks(BINS).zip(both.chunks(2 * BINS)) {
                for bin in 0..BINS {
                    assert_eq!(both[bin], both[BINS + bin]);
                    // Half the regularisation is all the difference.
                    assert!((alone[bin] - both[bin]).norm() < 2e-3, "{filter:?}");
                }
            }
        }
    }

    #[test]
    fn silence_stays_silent() {
        // In one channel, in one frame, or everywhere.
        let mut mix = complex(3 * 2 * BINS, 1);
        mix[..BINS].fill(Complex::default());
        mix[2 * BINS..4 * BINS].fill(Complex::default());
        let silence = vec![Complex::default(); mix.len()];
        for mix in [mix, silence] {
            for filter in all_filters() {
                let out = run::<2>(filter, &mix, &shares(&mix, [0.7, 0.1, 0.1, 0.1]));
                assert!(out.iter().all(|value| value.is_finite()));
                // The filter may put into a silent channel what correlates with the other one, but
                // nothing comes of nothing.
                for (frame, mix) in out.chunks(8 * BINS).zip(mix.chunks(2 * BINS)) {
                    for (i, value) in frame.iter().enumerate() {
                        let bin = i % BINS;
                        if mix[bin].norm() == 0.0 && mix[BINS + bin].norm() == 0.0 {
                            assert_eq!(value.norm(), 0.0);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn too_many_iterations_are_an_error() {
        assert!(Filter::Wiener { iterations: MAX_ITERATIONS }.validate().is_ok());
        let error = Filter::Wiener { iterations: 1000 }.validate().unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Input);
        assert!(error.to_string().contains("1000"));
    }

    #[test]
    fn settings_are_written_as_words() {
        assert_eq!(serde_json::to_string(&Filter::default()).unwrap(), r#"{"wiener":{"iterations":1}}"#);
        assert_eq!(serde_json::to_string(&Filter::RatioMask).unwrap(), r#""ratio_mask""#);
    }

    proptest! {
        #[test]
        fn any_estimate_gives_numbers(seed: u32, scale in -30i32..30, quiet in -30i32..1, iterations in 0usize..4) {
            let (scale, quiet) = (2f32.powi(scale), 2f32.powi(quiet));
            let mix: Vec<_> = complex(4 * 2 * BINS, seed).into_iter().map(|value| value * scale).collect();
            let magnitudes: [Vec<f32>; 4] = std::array::from_fn(|j| {
                noise(mix.len(), seed ^ j as u32).into_iter().map(|value| value * scale * quiet).collect()
            });
            for filter in [Filter::Wiener { iterations }, Filter::RatioMask] {
                prop_assert!(run::<2>(filter, &mix, &magnitudes).iter().all(|value| value.is_finite()));
                prop_assert!(run::<1>(filter, &mix, &magnitudes).iter().all(|value| value.is_finite()));
            }
        }
    }
}
