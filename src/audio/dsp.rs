//! A separator without weights: plain signal processing, for when no trained one is at hand.
//!
//! Three old ideas on one short-time spectrum, each as a soft mask:
//!
//! 1. *Harmonic-percussive separation* (FitzGerald 2010): a drum stroke is a vertical line in
//!    the spectrogram, a note a horizontal one; medians along time and along frequency tell
//!    them apart. What is percussive is `drums`.
//! 2. *A low band*: what is harmonic below some 200 Hz is `bass`.
//! 3. *A repeating background* (REPET-SIM, Rafii and Pardo 2012): an accompaniment repeats, a
//!    voice rarely does. The median over the frames that sound most alike is the background;
//!    what stands out against it, in the range of voices, is `vocals`.
//!
//! What is left of the mix is `other`, by subtraction, so the four stems sum to the mix.
//! The song is taken in blocks that are cross-faded: memory doesn't grow with the square of
//! its length, and a background has to repeat within half a minute.

use super::{Sound, Stem, Stems, require_usable};
use crate::{Error, Observer, Result, Stage};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};
use std::ops::Range;
use std::sync::Arc;

/// Length of an analysis window in seconds, before rounding to a power of two samples: long
/// enough to part the harmonics of a voice, short enough to keep its syllables.
const WINDOW_SECONDS: f64 = 0.064;
/// Windows per window length: with a squared Hann window, 4 is the least that overlaps smoothly.
const OVERLAP: usize = 4;
/// A block; a background pattern of a few bars fits several times.
const BLOCK_SECONDS: f64 = 30.0;
/// Cross-fade of two blocks; longer than every filter reaches in time.
const FADE_SECONDS: f64 = 1.0;
/// Reach of the harmonic median in time. FitzGerald uses 17 frames of 23 ms.
const HARMONIC_SECONDS: f64 = 0.4;
/// Reach of the percussive median in frequency. FitzGerald uses 17 bins of 11 Hz; twice that
/// keeps the closely spaced harmonics of low voices from looking like a stroke.
const PERCUSSIVE_HERTZ: f64 = 350.0;
/// The bass fades out between these, from the top string of a bass guitar (98 Hz) up to where
/// its overtones and the lowest voices mix.
const BASS_HERTZ: Range<f64> = 140.0..260.0;
/// Voices fade in over the first range and out over the second.
const VOICE_LOW_HERTZ: Range<f64> = 90.0..180.0;
const VOICE_HIGH_HERTZ: Range<f64> = 7000.0..10_000.0;
/// Frames that make up the background of a frame; odd, so that the median is one of them.
const SIMILAR: usize = 15;
/// Two of those are at least this far apart, and from the frame itself: a note that is held
/// must not vouch for itself.
const APART_SECONDS: f64 = 0.5;
/// Bands in which frames are compared. Comparing all frequencies takes sixteen times as long
/// and prefers frames with the same noise to frames with the same chord.
const BANDS: usize = 48;
/// Frames between two pauses: some milliseconds natively, some tens in WebAssembly.
const FRAMES_PER_PAUSE: usize = 128;

/// Splits a mix into vocals, drums, bass and other, which sum to it within rounding.
///
/// Reports [`Stage::Separate`] in thousandths.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for a mix without samples, without a rate, or
/// with a sample that isn't finite or absurdly loud; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) when
/// stopped.
pub async fn separate(mix: &Sound, observer: &mut impl Observer) -> Result<Stems> {
    let length = mix.samples.len();
    if length == 0 || mix.rate == 0 {
        return Err(Error::input("there is no sound to separate").hint("use a longer sound"));
    }
    require_usable(&mix.samples)?;
    let plan = Plan::new(mix.rate);
    let mut tracks: [Vec<f32>; 4] = std::array::from_fn(|_| vec![0.0; length]);
    let blocks = blocks(length, &plan);
    let mut progress = Progress { observer, done: 0, total: blocks.len() * STEPS };
    for (index, block) in blocks.iter().enumerate() {
        let parts = separate_block(&mix.samples[block.clone()], &plan, &mut progress).await?;
        let before = index.checked_sub(1).map_or(0, |i| blocks[i].end.saturating_sub(block.start));
        let after = blocks.get(index + 1).map_or(0, |next| block.end.saturating_sub(next.start));
        for (stem, part) in PARTS.into_iter().zip(&parts) {
            add_faded(&mut tracks[stem as usize][block.clone()], part, before, after);
        }
    }
    let [vocals, drums, bass, other] = &mut tracks;
    for (i, other) in other.iter_mut().enumerate() {
        *other = mix.samples[i] - (vocals[i] + drums[i] + bass[i]);
    }
    Ok(Stems { rate: mix.rate, tracks })
}

/// The stems that are masked out; `other` is the rest.
const PARTS: [Stem; 3] = [Stem::Vocals, Stem::Drums, Stem::Bass];

/// Steps of a block, for the progress: spectrum, medians, background, and three syntheses.
const STEPS: usize = 6;

/// Counts steps, and pauses within them.
struct Progress<'a, O> {
    observer: &'a mut O,
    done: usize,
    total: usize,
}

impl<O: Observer> Progress<'_, O> {
    /// Called after every item of a step, of which `part` of 1 is done then; reports and
    /// pauses now and then.
    async fn within(&mut self, item: usize, part: f64) -> Result<()> {
        if item % FRAMES_PER_PAUSE != FRAMES_PER_PAUSE - 1 {
            return Ok(());
        }
        let share = (self.done as f64 + part) / self.total as f64;
        self.observer.report(Stage::Separate, (share * 1000.0) as usize, 1000);
        self.observer.check().await
    }

    async fn finish_step(&mut self) -> Result<()> {
        self.done += 1;
        self.observer.report(Stage::Separate, self.done * 1000 / self.total, 1000);
        self.observer.check().await
    }
}

/// Sizes in samples, frames and bins for one sampling rate, and the planned FFTs.
struct Plan {
    size: usize,
    hop: usize,
    bins: usize,
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    harmonic: usize,
    percussive: usize,
    apart: usize,
    block: usize,
    fade: usize,
    /// Share of the bass in what is harmonic, per bin.
    bass: Vec<f32>,
    /// Share of a possible voice in what is harmonic and no bass, per bin.
    voice: Vec<f32>,
    /// The first bin of every band, and the end of the last.
    edges: Vec<usize>,
}

impl Plan {
    fn new(rate: u32) -> Self {
        let rate = f64::from(rate);
        // At least 16, so that absurdly low rates still have a spectrum; at most 2^16.
        let size = 1usize << (WINDOW_SECONDS * rate).log2().round().clamp(4.0, 16.0) as u32;
        let hop = size / OVERLAP;
        let bins = size / 2 + 1;
        let hertz = |bin: usize| bin as f64 * rate / size as f64;
        let frames = |seconds: f64| (seconds * rate / hop as f64).round() as usize;
        let mut planner = RealFftPlanner::new();
        let bass: Vec<f32> = (0..bins).map(|bin| 1.0 - ramp(hertz(bin), &BASS_HERTZ)).collect();
        let voice = (0..bins)
            .map(|bin| ramp(hertz(bin), &VOICE_LOW_HERTZ) * (1.0 - ramp(hertz(bin), &VOICE_HIGH_HERTZ)))
            .collect();
        Self {
            size,
            hop,
            bins,
            window: (0..size)
                .map(|i| (0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / size as f64).cos()) as f32)
                .collect(),
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
            harmonic: frames(HARMONIC_SECONDS) | 1,
            percussive: (PERCUSSIVE_HERTZ * size as f64 / rate).round() as usize | 1,
            apart: frames(APART_SECONDS).max(1),
            block: (BLOCK_SECONDS * rate) as usize,
            fade: (FADE_SECONDS * rate) as usize,
            bass,
            voice,
            edges: band_edges(bins),
        }
    }

    /// Frames that cover `length` samples so that every sample lies in [`OVERLAP`] windows.
    fn frames(&self, length: usize) -> usize {
        length.div_ceil(self.hop) + OVERLAP - 1
    }
}

/// 0 below the range, 1 above it, a raised cosine between.
fn ramp(hertz: f64, range: &Range<f64>) -> f32 {
    let place = ((hertz - range.start) / (range.end - range.start)).clamp(0.0, 1.0);
    (0.5 - 0.5 * (std::f64::consts::PI * place).cos()) as f32
}

/// Edges of up to [`BANDS`] bands of geometrically growing width, of one bin at least.
fn band_edges(bins: usize) -> Vec<usize> {
    let mut edges = vec![1];
    for band in 1..=BANDS {
        let edge = (bins as f64).powf(band as f64 / BANDS as f64).round() as usize;
        let last = edges[edges.len() - 1];
        if last < bins {
            edges.push(edge.clamp(last + 1, bins));
        }
    }
    edges
}

/// Overlapping blocks of nearly equal length that cover `length` samples.
fn blocks(length: usize, plan: &Plan) -> Vec<Range<usize>> {
    let stride = (plan.block - plan.fade).max(1);
    let count = length.saturating_sub(plan.fade).div_ceil(stride).max(1);
    let stride = length.saturating_sub(plan.fade).div_ceil(count);
    (0..count).map(|i| i * stride..(i * stride + stride + plan.fade).min(length)).collect()
}

/// Adds a block, fading in over its first `before` and out over its last `after` samples; the
/// weights of two neighbours sum to one.
fn add_faded(target: &mut [f32], part: &[f32], before: usize, after: usize) {
    let length = part.len();
    for (i, (target, sample)) in target.iter_mut().zip(part).enumerate() {
        let rise = if i < before { (i as f32 + 0.5) / before as f32 } else { 1.0 };
        let left = length - i;
        let fall = if left <= after { (left as f32 - 0.5) / after as f32 } else { 1.0 };
        *target += rise * fall * sample;
    }
}

/// Vocals, drums and bass of one block.
async fn separate_block<O: Observer>(
    samples: &[f32],
    plan: &Plan,
    progress: &mut Progress<'_, O>,
) -> Result<[Vec<f32>; 3]> {
    let frames = plan.frames(samples.len());
    let spectrum = analyse(samples, plan, progress).await?;
    let magnitude: Vec<f32> = spectrum.iter().map(|value| value.norm()).collect();
    progress.finish_step().await?;

    let drums = percussive_mask(&magnitude, frames, plan, progress).await?;
    progress.finish_step().await?;

    let mut vocals = foreground_mask(&magnitude, frames, plan, progress).await?;
    drop(magnitude);
    for (row, drums) in vocals.chunks_exact_mut(plan.bins).zip(drums.chunks_exact(plan.bins)) {
        for bin in 0..plan.bins {
            row[bin] *= (1.0 - drums[bin]) * (1.0 - plan.bass[bin]) * plan.voice[bin];
        }
    }
    progress.finish_step().await?;

    let mut bass = drums.clone();
    for row in bass.chunks_exact_mut(plan.bins) {
        for (mask, share) in row.iter_mut().zip(&plan.bass) {
            *mask = (1.0 - *mask) * share;
        }
    }
    let mut parts: [Vec<f32>; 3] = Default::default();
    for (part, mask) in parts.iter_mut().zip([vocals, drums, bass]) {
        *part = synthesise(&spectrum, &mask, samples.len(), plan, progress).await?;
        progress.finish_step().await?;
    }
    Ok(parts)
}

/// The short-time spectrum, frame by frame; frame `f` starts (OVERLAP - 1 - f) hops before the
/// first sample.
async fn analyse<O: Observer>(
    samples: &[f32],
    plan: &Plan,
    progress: &mut Progress<'_, O>,
) -> Result<Vec<Complex<f32>>> {
    let frames = plan.frames(samples.len());
    let mut spectrum = vec![Complex::default(); frames * plan.bins];
    let mut input = plan.forward.make_input_vec();
    let mut scratch = plan.forward.make_scratch_vec();
    for (frame, row) in spectrum.chunks_exact_mut(plan.bins).enumerate() {
        for (i, (value, weight)) in input.iter_mut().zip(&plan.window).enumerate() {
            let place = (frame * plan.hop + i).checked_sub((OVERLAP - 1) * plan.hop);
            *value = place.and_then(|place| samples.get(place)).map_or(0.0, |sample| sample * weight);
        }
        plan.forward.process_with_scratch(&mut input, row, &mut scratch).map_err(fft_failed)?;
        progress.within(frame, frame as f64 / frames as f64).await?;
    }
    Ok(spectrum)
}

/// The sound of the masked spectrum: overlapping windows added, weighted by the window again,
/// and divided by the sum of the squared windows, which is the same everywhere.
async fn synthesise<O: Observer>(
    spectrum: &[Complex<f32>],
    mask: &[f32],
    length: usize,
    plan: &Plan,
    progress: &mut Progress<'_, O>,
) -> Result<Vec<f32>> {
    let frames = plan.frames(length);
    let mut sound = vec![0.0; length];
    let mut row = plan.inverse.make_input_vec();
    let mut output = plan.inverse.make_output_vec();
    let mut scratch = plan.inverse.make_scratch_vec();
    let squares: f32 = plan.window.iter().map(|weight| weight * weight).sum();
    let scale = plan.hop as f32 / (squares * plan.size as f32);
    for frame in 0..frames {
        let range = frame * plan.bins..(frame + 1) * plan.bins;
        for ((target, value), mask) in row.iter_mut().zip(&spectrum[range.clone()]).zip(&mask[range]) {
            *target = value * mask;
        }
        // The spectrum of a real signal is real at 0 Hz and at Nyquist; the mask is real too,
        // so only a sign of zero could be off, which the inverse FFT would complain about.
        row[0].im = 0.0;
        row[plan.bins - 1].im = 0.0;
        plan.inverse.process_with_scratch(&mut row, &mut output, &mut scratch).map_err(fft_failed)?;
        for (i, (value, weight)) in output.iter().zip(&plan.window).enumerate() {
            let place = (frame * plan.hop + i).checked_sub((OVERLAP - 1) * plan.hop);
            if let Some(sample) = place.and_then(|place| sound.get_mut(place)) {
                *sample += value * weight * scale;
            }
        }
        progress.within(frame, frame as f64 / frames as f64).await?;
    }
    Ok(sound)
}

fn fft_failed(error: realfft::FftError) -> Error {
    Error::internal(format!("FFT: {error}"))
}

/// How percussive each point of the spectrum is, from 0 to 1.
async fn percussive_mask<O: Observer>(
    magnitude: &[f32],
    frames: usize,
    plan: &Plan,
    progress: &mut Progress<'_, O>,
) -> Result<Vec<f32>> {
    let bins = plan.bins;
    let mut harmonic = vec![0.0; magnitude.len()];
    let mut line = vec![0.0; frames];
    let mut filtered = vec![0.0; frames];
    let mut median = SlidingMedian::new(plan.harmonic);
    for bin in 0..bins {
        for (frame, value) in line.iter_mut().enumerate() {
            *value = magnitude[frame * bins + bin];
        }
        median.filter(&line, &mut filtered);
        for (frame, value) in filtered.iter().enumerate() {
            harmonic[frame * bins + bin] = *value;
        }
        progress.within(bin, 0.5 * bin as f64 / bins as f64).await?;
    }
    let mut mask = harmonic;
    let mut percussive = vec![0.0; bins];
    let mut median = SlidingMedian::new(plan.percussive);
    for (frame, row) in mask.chunks_exact_mut(bins).enumerate() {
        median.filter(&magnitude[frame * bins..(frame + 1) * bins], &mut percussive);
        for (harmonic, percussive) in row.iter_mut().zip(&percussive) {
            *harmonic = share(*percussive, *harmonic);
        }
        progress.within(frame, 0.5 + 0.5 * frame as f64 / frames as f64).await?;
    }
    Ok(mask)
}

/// The share of `part` in power beside `rest`; nothing where there is neither.
fn share(part: f32, rest: f32) -> f32 {
    let (part, rest) = (part * part, rest * rest);
    let sum = part + rest;
    if sum > f32::MIN_POSITIVE { part / sum } else { 0.0 }
}

/// How much each point of the spectrum stands out against its repeating background, 0 to 1.
async fn foreground_mask<O: Observer>(
    magnitude: &[f32],
    frames: usize,
    plan: &Plan,
    progress: &mut Progress<'_, O>,
) -> Result<Vec<f32>> {
    let bins = plan.bins;
    let bands = plan.edges.len() - 1;
    let features = band_features(magnitude, frames, plan);
    let mut mask = vec![0.0; magnitude.len()];
    let mut similarity = vec![0.0f32; frames];
    let mut order: Vec<u32> = Vec::with_capacity(frames);
    let mut similar: Vec<usize> = Vec::with_capacity(SIMILAR);
    let mut values = [0.0f32; SIMILAR];
    for frame in 0..frames {
        let own = &features[frame * bands..(frame + 1) * bands];
        for (value, other) in similarity.iter_mut().zip(features.chunks_exact(bands)) {
            *value = dot(own, other);
        }
        pick_similar(frame, &similarity, plan.apart, &mut order, &mut similar);
        let row = frame * bins..(frame + 1) * bins;
        for (bin, (mask, &own)) in mask[row.clone()].iter_mut().zip(&magnitude[row]).enumerate() {
            if plan.voice[bin] == 0.0 {
                continue;
            }
            for (value, &other) in values.iter_mut().zip(&similar) {
                *value = magnitude[other * bins + bin];
            }
            let background = median_of(&mut values[..similar.len()]).min(own);
            *mask = share(own - background, background);
        }
        progress.within(frame, frame as f64 / frames as f64).await?;
    }
    Ok(mask)
}

/// Root energies in bands, scaled to length 1; frames of silence are all zeros.
fn band_features(magnitude: &[f32], frames: usize, plan: &Plan) -> Vec<f32> {
    let bands = plan.edges.len() - 1;
    let mut features = Vec::with_capacity(frames * bands);
    for row in magnitude.chunks_exact(plan.bins) {
        let start = features.len();
        for edge in plan.edges.windows(2) {
            let energy: f32 = row[edge[0]..edge[1]].iter().map(|value| value * value).sum();
            // The fourth root of the energy: loud bands shouldn't decide alone.
            features.push(energy.sqrt().sqrt());
        }
        let feature = &mut features[start..];
        let norm = feature.iter().map(|value| value * value).sum::<f32>().sqrt();
        if norm > f32::MIN_POSITIVE {
            feature.iter_mut().for_each(|value| *value /= norm);
        }
    }
    features
}

/// A sum of products in eight lanes, which compilers turn into SIMD.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a8.zip(b8) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The frames most like `frame`: itself first, then the most similar ones, none nearer than
/// `apart` frames to another. Only one is left in a block shorter than that.
fn pick_similar(
    frame: usize,
    similarity: &[f32],
    apart: usize,
    order: &mut Vec<u32>,
    similar: &mut Vec<usize>,
) {
    similar.clear();
    similar.push(frame);
    // Every pick rules out 2 apart - 1 frames at most, so the best SIMILAR x that many suffice.
    order.clear();
    order.extend(0..similarity.len() as u32);
    let enough = (SIMILAR * (2 * apart - 1)).min(order.len());
    let by_similarity =
        |a: &u32, b: &u32| similarity[*b as usize].total_cmp(&similarity[*a as usize]).then(a.cmp(b));
    if enough < order.len() {
        order.select_nth_unstable_by(enough, by_similarity);
    }
    order[..enough].sort_unstable_by(by_similarity);
    for &candidate in &order[..enough] {
        let candidate = candidate as usize;
        if similar.iter().all(|chosen| chosen.abs_diff(candidate) >= apart) {
            similar.push(candidate);
            if similar.len() == SIMILAR {
                return;
            }
        }
    }
}

/// The middle value, the lower one of two.
fn median_of(values: &mut [f32]) -> f32 {
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// A running median: the window is kept sorted, and each step replaces one value in it.
struct SlidingMedian {
    reach: usize,
    sorted: Vec<f32>,
}

impl SlidingMedian {
    /// A median over `length` values, odd; at the ends over those that are there.
    fn new(length: usize) -> Self {
        Self { reach: length / 2, sorted: Vec::with_capacity(length + 1) }
    }

    fn filter(&mut self, values: &[f32], out: &mut [f32]) {
        self.sorted.clear();
        for &value in &values[..self.reach.min(values.len())] {
            self.insert(value);
        }
        for (i, out) in out.iter_mut().enumerate() {
            let leaving = i.checked_sub(self.reach + 1).map(|place| values[place]);
            match (leaving, values.get(i + self.reach)) {
                (Some(old), Some(&new)) => self.replace(old, new),
                (None, Some(&new)) => self.insert(new),
                (Some(old), None) => {
                    let place = self.place(old);
                    self.sorted.remove(place);
                }
                (None, None) => {}
            }
            *out = self.sorted[(self.sorted.len() - 1) / 2];
        }
    }

    /// Where `value` is, or would be inserted.
    fn place(&self, value: f32) -> usize {
        self.sorted.partition_point(|&other| other < value)
    }

    fn insert(&mut self, value: f32) {
        let place = self.place(value);
        self.sorted.insert(place, value);
    }

    /// Takes one value out and puts another in, moving only what lies between.
    fn replace(&mut self, old: f32, new: f32) {
        let from = self.place(old);
        let to = self.place(new);
        if from < to {
            self.sorted.copy_within(from + 1..to, from);
            self.sorted[to - 1] = new;
        } else {
            self.sorted.copy_within(to..from, to + 1);
            self.sorted[to] = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::testing::Watch;
    use crate::{ErrorKind, Quiet};
    use proptest::prelude::*;
    use std::f32::consts::TAU;

    fn run(rate: u32, samples: Vec<f32>) -> Stems {
        pollster::block_on(separate(&Sound { rate, samples }, &mut Quiet)).unwrap()
    }

    /// Noise in [-1, 1) from a counter.
    fn noise(i: usize) -> f32 {
        ((i as u32).wrapping_mul(2_654_435_761) ^ 0x5bd1_e995).wrapping_mul(0x85eb_ca6b) as i32 as f32
            / 2_147_483_648.0
    }

    fn worst_sum(stems: &Stems, samples: &[f32]) -> f32 {
        let [vocals, drums, bass, other] = &stems.tracks;
        (0..samples.len())
            .map(|i| (vocals[i] + drums[i] + bass[i] + other[i] - samples[i]).abs())
            .fold(0.0, f32::max)
    }

    #[test]
    fn stems_sum_to_the_mix_at_any_length_and_rate() {
        for rate in [1, 100, 8000, 16_000, 44_100, u32::MAX] {
            for length in [1, 2, 3, 100, 1023, 5000] {
                let samples: Vec<f32> = (0..length).map(noise).collect();
                let stems = run(rate, samples.clone());
                assert_eq!(stems.rate, rate);
                assert!(stems.tracks.iter().all(|track| track.len() == length));
                let worst = worst_sum(&stems, &samples);
                assert!(worst <= 1e-5, "{length} samples at {rate} Hz: {worst}");
            }
        }
    }

    #[test]
    fn blocks_join_without_a_seam() {
        // 70 s are three blocks.
        let samples: Vec<f32> = (0..70_000).map(|i| 0.5 * (TAU * 60.0 * i as f32 / 1000.0).sin()).collect();
        let stems = run(1000, samples.clone());
        assert!(worst_sum(&stems, &samples) <= 1e-5);
        // The bass of a steady low tone is that tone, in the seams too.
        let bass = &stems.tracks[Stem::Bass as usize];
        let worst = (500..69_500).map(|i| (bass[i] - samples[i]).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn silence_separates_into_silence() {
        let stems = run(16_000, vec![0.0; 20_000]);
        assert!(stems.tracks.iter().flatten().all(|&sample| sample == 0.0));
    }

    #[test]
    fn unusable_sounds_are_errors() {
        let kind = |rate, samples| {
            pollster::block_on(separate(&Sound { rate, samples }, &mut Quiet)).unwrap_err().kind()
        };
        assert_eq!(kind(16_000, vec![]), ErrorKind::Input);
        assert_eq!(kind(0, vec![0.5]), ErrorKind::Input);
        assert_eq!(kind(16_000, vec![0.5, f32::NAN]), ErrorKind::Input);
        assert_eq!(kind(16_000, vec![0.5, f32::MAX]), ErrorKind::Input);
    }

    /// Twelve seconds at 16 kHz of four parts that are each typical of their stem.
    fn band() -> [Vec<f32>; 4] {
        let rate = 16_000.0;
        let count = 12 * 16_000;
        let time = |i: usize| i as f32 / rate;
        // A melody that never repeats, with vibrato and overtones: two notes a second.
        let mut phase = 0.0f32;
        let vocals = (0..count)
            .map(|i| {
                let note = 300.0 * (1.0 + 1.2 * (0.5 + 0.5 * noise(i / 8000 + 77)));
                phase += note * (1.0 + 0.02 * (TAU * 5.5 * time(i)).sin()) / rate;
                let envelope = (std::f32::consts::PI * (i % 8000) as f32 / 8000.0).sin();
                (1..=4).map(|h| (TAU * phase * h as f32).sin() / h as f32).sum::<f32>() * 0.15 * envelope
            })
            .collect();
        // Bursts of noise that die away within some 20 ms.
        let drums = (0..count).map(|i| noise(i) * 0.8 * (-((i % 4000) as f32) / 200.0).exp()).collect();
        let bass = (0..count).map(|i| 0.3 * (TAU * 65.0 * time(i)).sin()).collect();
        // Two chords that take turns.
        let chords = [[262.0, 330.0, 392.0], [294.0, 370.0, 440.0]];
        let other = (0..count)
            .map(|i| chords[i / 16_000 % 2].iter().map(|hertz| 0.08 * (TAU * hertz * time(i)).sin()).sum())
            .collect();
        [vocals, drums, bass, other]
    }

    #[test]
    fn each_part_goes_mostly_where_it_belongs() {
        let parts = band();
        let mix: Vec<f32> = (0..parts[0].len()).map(|i| parts.iter().map(|part| part[i]).sum()).collect();
        let stems = run(16_000, mix.clone());
        assert!(worst_sum(&stems, &mix) <= 1e-5);
        for (stem, part) in Stem::ALL.into_iter().zip(&parts) {
            let energy: f64 = part.iter().map(|&s| f64::from(s).powi(2)).sum();
            // How much of the part is found in each stem, by projection.
            let found = stems.tracks.each_ref().map(|track| {
                track.iter().zip(part).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() / energy
            });
            println!("{:>6} is found in vocals, drums, bass, other: {found:.2?}", stem.name());
            assert!(found[stem as usize] > 0.6, "{}: {found:.2?}", stem.name());
        }
    }

    #[test]
    fn progress_only_grows_and_a_stop_is_obeyed() {
        let sound = Sound { rate: 1000, samples: (0..70_000).map(noise).collect() };
        let mut watch = Watch::new(Stage::Separate);
        pollster::block_on(separate(&sound, &mut watch)).unwrap();
        assert_eq!(watch.last, 1000);
        let pauses = watch.pauses;
        assert!(pauses > 50);
        for stop in [1, 2, pauses / 2, pauses] {
            let mut watch = Watch::stopping(Stage::Separate, stop);
            let error = pollster::block_on(separate(&sound, &mut watch)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }

    #[test]
    fn similar_frames_keep_apart() {
        let similarity: Vec<f32> = (0..400).map(|i| if i % 40 < 3 { 1.0 } else { 0.1 }).collect();
        let (mut order, mut similar) = (Vec::new(), Vec::new());
        pick_similar(41, &similarity, 5, &mut order, &mut similar);
        assert_eq!(similar[0], 41);
        assert_eq!(similar[1..10], [0, 80, 120, 160, 200, 240, 280, 320, 360]);
        assert_eq!(similar.len(), SIMILAR);
        pick_similar(0, &similarity[..4], 5, &mut order, &mut similar);
        assert_eq!(similar, [0]);
    }

    proptest! {
        #[test]
        fn the_running_median_is_the_median(
            values in prop::collection::vec(0u8..20, 1..60),
            reach in 0usize..40,
        ) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let mut out = vec![0.0; values.len()];
            SlidingMedian::new(2 * reach + 1).filter(&values, &mut out);
            for (i, &median) in out.iter().enumerate() {
                let mut window = values[i.saturating_sub(reach)..(i + reach + 1).min(values.len())].to_vec();
                prop_assert_eq!(median, median_of(&mut window));
            }
        }

        #[test]
        fn blocks_cover_everything(length in 1usize..2_000_000, rate in 1u32..48_000) {
            let plan = Plan::new(rate);
            let cut = blocks(length, &plan);
            prop_assert_eq!(cut[0].start, 0);
            prop_assert_eq!(cut[cut.len() - 1].end, length);
            for block in &cut {
                prop_assert!(!block.is_empty() && block.len() <= plan.block.max(1));
            }
            for pair in cut.windows(2) {
                prop_assert!(pair[1].start < pair[0].end && pair[0].start < pair[1].start);
            }
        }
    }
}
