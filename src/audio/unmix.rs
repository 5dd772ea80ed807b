//! Takes a whole song apart with a network that estimates magnitudes, as Open-Unmix does.
//!
//! The way of a song: its spectrum, the network's estimate of how much of each magnitude belongs
//! to each stem, the [filter](Filter) that makes spectra of them, and the spectra's sound. A song
//! is heard in chunks, and its spectra exist only for the filter's present window, so that the
//! memory that it takes beyond the stems themselves does not grow with its length. A song of one
//! chunk comes out as from the `openunmix` package, which always takes whole songs. What chunks
//! change of longer ones was measured on four minutes of music, cut into ten chunks, with a trained
//! network of 96 hidden units: it is 44 dB below the stem, or less.

use super::chunks::Chunks;
use super::require_usable;
use super::stft::{Scratch, Stft};
use super::wiener::{Filter, Frame, WINDOW, Wiener};
use crate::{Error, Flow, Observer, Result, Stage};
use realfft::num_complex::Complex;
use std::collections::VecDeque;
use std::ops::Range;

/// The longest chunk. Networks are trained on excerpts of some 6 s, so that what lies further
/// back hardly moves their state; a GPU hears all chunks at once, and needs several to be busy.
const CHUNK_SECONDS: f64 = 30.0;
/// The least that two chunks share, and over which they are cross-faded: as long as an excerpt
/// of the training, so that a chunk has most of its context where it begins to count.
const OVERLAP_SECONDS: f64 = 5.0;
/// Values of spectra that are computed between two pauses: some milliseconds of work natively,
/// some tens in WebAssembly.
const WORK_PER_PAUSE: usize = 1 << 20;
/// Frames whose gains a network is asked for at once: enough for its last product to be efficient,
/// few enough for a large network not to keep a page waiting.
const FRAMES_PER_GAINS: usize = 100;

/// The spectrogram that a network works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Samples per second.
    pub rate: u32,
    /// Channels, 1 or 2.
    pub channels: usize,
    /// Samples of a window; even.
    pub size: usize,
    /// Samples from one window to the next, at most half a window.
    pub hop: usize,
}

/// Equally long excerpts for a network to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excerpts {
    /// How many; at least one.
    pub count: usize,
    /// Frames of each; at least one.
    pub frames: usize,
}

/// A network that estimates, from the magnitudes of a mix, how much of them belongs to each stem.
pub trait MagnitudeEstimator {
    /// What it knows of excerpts that it has heard: much less than their spectrograms.
    type Heard;

    /// The spectrogram that it works on.
    fn format(&self) -> Format;

    /// How many excerpts of so many frames it hears best at once; at least one.
    fn together(&self, frames: usize) -> usize;

    /// Listens to excerpts, which know nothing of each other. `magnitudes` gives those of some
    /// frames of an excerpt: for each frame and each channel, a row of bins.
    ///
    /// Reports how far it is, in whatever stage and units.
    ///
    /// # Errors
    /// If the device fails, or when stopped.
    fn listen(
        &self,
        excerpts: Excerpts,
        magnitudes: impl FnMut(usize, Range<usize>) -> Vec<f32>,
        observer: &mut impl Observer,
    ) -> impl Future<Output = Result<Self::Heard>>;

    /// For every stem, what the mix's magnitudes have to be multiplied by in some frames of an
    /// excerpt: for each frame and each channel, a row of bins; none negative.
    ///
    /// # Errors
    /// If the device fails.
    fn gains(
        &self,
        heard: &Self::Heard,
        excerpt: usize,
        frames: Range<usize>,
    ) -> impl Future<Output = Result<[Vec<f32>; 4]>>;
}

/// How a song is taken apart, where there is a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnmixSettings {
    /// What makes spectra of magnitudes.
    pub filter: Filter,
}

/// Splits a song of one or two channels at the network's rate into the four stems, in the order
/// of [`Stem::ALL`](super::Stem::ALL), with as many channels as the song.
///
/// A stereo network hears a mono song twice, and the mean of its channels is taken. A mono network
/// hears the channels of a stereo song one by one; the filter has them together. (The package
/// takes the mean of both magnitudes there, and gives both channels the same estimate.)
///
/// Reports [`Stage::Separate`] in thousandths.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for other numbers of channels, channels of
/// different lengths, no samples, samples that aren't finite or are absurdly loud, and impossible
/// settings; [`ErrorKind::Bundle`](crate::ErrorKind::Bundle) if what comes out is not finite;
/// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) when stopped; and the network's own.
pub async fn separate<E: MagnitudeEstimator>(
    estimator: &E,
    channels: &[impl AsRef<[f32]>],
    settings: &UnmixSettings,
    observer: &mut impl Observer,
) -> Result<[Vec<Vec<f32>>; 4]> {
    settings.filter.validate()?;
    let channels: Vec<&[f32]> = channels.iter().map(AsRef::as_ref).collect();
    let length = channels.first().map_or(0, |channel| channel.len());
    if length == 0 {
        return Err(Error::input("there is no sound to separate").hint("use a longer sound"));
    }
    if channels.len() > 2 || channels.iter().any(|channel| channel.len() != length) {
        return Err(Error::input(format!(
            "the sound has {} channels, but only mono and stereo can be separated",
            channels.len()
        ))
        .hint("mix it down to stereo"));
    }
    for channel in &channels {
        require_usable(channel)?;
    }
    if channels.len().max(estimator.format().channels) == 2 {
        Separation::<2, E>::new(estimator, channels, settings.filter).run(observer).await
    } else {
        Separation::<1, E>::new(estimator, channels, settings.filter).run(observer).await
    }
}

/// A song that is taken apart with `C` channels: the more of its own and the network's.
struct Separation<'a, const C: usize, E: MagnitudeEstimator> {
    estimator: &'a E,
    filter: Filter,
    /// The song's own channels, of which a mono one may stand for two.
    channels: Vec<&'a [f32]>,
    stft: Stft,
    scratch: Scratch,
    chunks: Chunks,
    /// The first chunk that was not heard yet.
    next: usize,
    /// What was heard and is still needed, by the chunks it is of.
    heard: VecDeque<(Range<usize>, E::Heard)>,
}

impl<'a, const C: usize, E: MagnitudeEstimator> Separation<'a, C, E> {
    fn new(estimator: &'a E, channels: Vec<&'a [f32]>, filter: Filter) -> Self {
        let format = estimator.format();
        let stft = Stft::new(format.size, format.hop);
        let frames = |seconds: f64| ((seconds * f64::from(format.rate) / format.hop as f64) as usize).max(1);
        // However slow the frames are, a chunk has some.
        let overlap = frames(OVERLAP_SECONDS);
        let longest = frames(CHUNK_SECONDS).max(4 * overlap);
        let chunks = Chunks::new(stft.frames(channels[0].len()), longest, overlap);
        Self {
            estimator,
            filter,
            channels,
            scratch: stft.scratch(),
            stft,
            chunks,
            next: 0,
            heard: VecDeque::new(),
        }
    }

    async fn run(mut self, observer: &mut impl Observer) -> Result<[Vec<Vec<f32>>; 4]> {
        let length = self.channels[0].len();
        let mut tracks: [Vec<Vec<f32>>; 4] =
            std::array::from_fn(|_| vec![vec![0.0; length]; self.channels.len()]);
        let total = self.stft.frames(length);
        let mut progress = Progress { observer, frames: total, heard: 0.0, filtered: 0, work: 0 };
        for start in (0..total).step_by(WINDOW) {
            let frames = start..(start + WINDOW).min(total);
            self.hear(&frames, &mut progress).await?;
            self.filter(frames, &mut tracks, &mut progress).await?;
        }
        for track in tracks.iter_mut().flatten() {
            self.stft.normalise(track);
            progress.pause().await?;
            if !track.iter().all(|sample| sample.is_finite()) {
                return Err(Error::bundle("the separator's stems are too loud to be numbers")
                    .hint("its weights are damaged; convert or download them again"));
            }
        }
        progress.observer.report(Stage::Separate, 1000, 1000);
        Ok(tracks)
    }

    /// Excerpts that a chunk is for the network: a mono network hears two channels as two.
    fn excerpts_per_chunk(&self) -> usize {
        C / self.estimator.format().channels
    }

    /// Forgets the chunks that lie before these frames, and hears those that reach into them.
    async fn hear(
        &mut self,
        frames: &Range<usize>,
        progress: &mut Progress<'_, impl Observer>,
    ) -> Result<()> {
        while self.heard.front().is_some_and(|(part, _)| self.chunks.range(part.end - 1).end <= frames.start)
        {
            self.heard.pop_front();
        }
        let count = self.chunks.starts.len();
        let per_chunk = self.excerpts_per_chunk();
        let together = (self.estimator.together(self.chunks.frames) / per_chunk).max(1);
        while self.next < count && self.chunks.starts[self.next] < frames.end {
            let part = self.next..(self.next + together).min(count);
            let excerpts = Excerpts { count: part.len() * per_chunk, frames: self.chunks.frames };
            let share = |chunk: usize| chunk as f64 / count as f64;
            let mut observer = Part { progress, share: share(part.start)..share(part.end) };
            let estimator = self.estimator;
            let magnitudes = |excerpt: usize, frames: Range<usize>| {
                let start = self.chunks.starts[part.start + excerpt / per_chunk];
                let channels = if per_chunk == 2 { excerpt % 2..excerpt % 2 + 1 } else { 0..C };
                self.mix_magnitudes(start + frames.start..start + frames.end, channels)
            };
            let heard = estimator.listen(excerpts, magnitudes, &mut observer).await?;
            progress.heard = share(part.end);
            progress.pause().await?;
            self.next = part.end;
            self.heard.push_back((part, heard));
        }
        Ok(())
    }

    /// The magnitudes of some frames and some of the `C` channels of the mix.
    fn mix_magnitudes(&mut self, frames: Range<usize>, channels: Range<usize>) -> Vec<f32> {
        let bins = self.stft.bins();
        let mut spectrum = vec![Complex::default(); bins];
        let mut out = Vec::with_capacity(frames.len() * channels.len() * bins);
        for frame in frames {
            for channel in channels.clone() {
                match self.channels.get(channel) {
                    Some(samples) => {
                        self.stft.analyse(samples, frame, &mut self.scratch, &mut spectrum);
                        out.extend(spectrum.iter().map(|value| value.norm_sqr().sqrt()));
                    }
                    // The only channel stands for both.
                    None => out.extend_from_within(out.len() - bins..),
                }
            }
        }
        out
    }

    /// Filters a window of frames and adds their stems to the tracks.
    async fn filter(
        &mut self,
        frames: Range<usize>,
        tracks: &mut [Vec<Vec<f32>>; 4],
        progress: &mut Progress<'_, impl Observer>,
    ) -> Result<()> {
        let row = C * self.stft.bins();
        let mut mix = vec![Complex::default(); frames.len() * row];
        for (frame, rows) in frames.clone().zip(mix.chunks_mut(row)) {
            self.analyse(frame, rows);
            progress.work(row).await?;
        }
        let magnitudes = self.magnitudes(&frames, &mix, progress).await?;
        let loudest = mix.iter().map(|value| value.norm_sqr()).fold(0.0, f32::max).sqrt();
        let mut wiener = Wiener::<C>::new(self.filter, self.stft.bins(), loudest);
        let frame = |n: usize| Frame {
            mix: &mix[n * row..][..row],
            magnitudes: magnitudes.each_ref().map(|rows| &rows[n * row..][..row]),
        };
        for _ in 0..wiener.passes() {
            for n in 0..frames.len() {
                wiener.learn(&frame(n));
                progress.work(row).await?;
            }
            wiener.end_pass();
        }
        let mut stems = vec![Complex::default(); 4 * row];
        for n in 0..frames.len() {
            wiener.apply(&frame(n), &mut stems);
            for (spectra, tracks) in stems.chunks_mut(row).zip(tracks.iter_mut()) {
                self.synthesise(spectra, frames.start + n, tracks);
            }
            progress.filtered += 1;
            progress.work(6 * row).await?;
        }
        Ok(())
    }

    /// The spectra of a frame of the mix, one row per channel.
    fn analyse(&mut self, frame: usize, rows: &mut [Complex<f32>]) {
        let bins = self.stft.bins();
        for (channel, row) in self.channels.iter().zip(rows.chunks_mut(bins)) {
            self.stft.analyse(channel, frame, &mut self.scratch, row);
        }
        if self.channels.len() < C {
            rows.copy_within(..bins, bins);
        }
    }

    /// Adds the spectra of a frame of a stem, one row per channel, to its tracks.
    fn synthesise(&mut self, spectra: &mut [Complex<f32>], frame: usize, tracks: &mut [Vec<f32>]) {
        let bins = self.stft.bins();
        if tracks.len() < C {
            let (left, right) = spectra.split_at_mut(bins);
            left.iter_mut().zip(right).for_each(|(left, right)| *left = (*left + *right) * 0.5);
        }
        for (track, row) in tracks.iter_mut().zip(spectra.chunks(bins)) {
            self.stft.add(row, frame, &mut self.scratch, track);
        }
    }

    /// The magnitudes of the stems in a window of frames: for each stem, rows as in `mix`.
    async fn magnitudes(
        &self,
        frames: &Range<usize>,
        mix: &[Complex<f32>],
        progress: &mut Progress<'_, impl Observer>,
    ) -> Result<[Vec<f32>; 4]> {
        let bins = self.stft.bins();
        let channels = self.estimator.format().channels;
        let per_chunk = self.excerpts_per_chunk();
        let mut out: [Vec<f32>; 4] = std::array::from_fn(|_| vec![0.0; mix.len()]);
        for (part, heard) in &self.heard {
            for excerpt in 0..part.len() * per_chunk {
                let chunk = part.start + excerpt / per_chunk;
                let range = self.chunks.range(chunk);
                let there = range.start.max(frames.start)..range.end.min(frames.end);
                if there.is_empty() {
                    continue;
                }
                let first = if per_chunk == 2 { excerpt % 2 } else { 0 };
                for start in there.clone().step_by(FRAMES_PER_GAINS) {
                    let part = start..(start + FRAMES_PER_GAINS).min(there.end);
                    let inner = part.start - range.start..part.end - range.start;
                    let gains = self.estimator.gains(heard, excerpt, inner).await?;
                    for (gains, out) in gains.iter().zip(&mut out) {
                        for (frame, gains) in part.clone().zip(gains.chunks(channels * bins)) {
                            let weight = self.chunks.weight(chunk, frame);
                            let start = ((frame - frames.start) * C + first) * bins;
                            let values = out[start..].iter_mut().zip(&mix[start..]);
                            for ((out, mix), gain) in values.zip(gains) {
                                *out += weight * gain * mix.norm_sqr().sqrt();
                            }
                        }
                    }
                    progress.pause().await?;
                }
            }
        }
        Ok(out)
    }
}

/// How far a song is, and when it is time for a pause.
struct Progress<'a, O> {
    observer: &'a mut O,
    frames: usize,
    /// The part of the song that was heard.
    heard: f64,
    /// The frames that came out.
    filtered: usize,
    work: usize,
}

/// How much of the progress hearing is; the rest is filtering.
const HEARING: f64 = 0.5;

impl<O: Observer> Progress<'_, O> {
    fn report(&mut self, heard: f64) {
        let share = HEARING * heard + (1.0 - HEARING) * self.filtered as f64 / self.frames as f64;
        self.observer.report(Stage::Separate, ((share * 1000.0) as usize).min(1000), 1000);
    }

    async fn pause(&mut self) -> Result<()> {
        self.work = 0;
        self.report(self.heard);
        self.observer.check().await
    }

    async fn work(&mut self, values: usize) -> Result<()> {
        self.work += values;
        if self.work < WORK_PER_PAUSE {
            return Ok(());
        }
        self.pause().await
    }
}

/// Makes of a network's progress with its excerpts a progress of the song.
struct Part<'a, 'b, O> {
    progress: &'a mut Progress<'b, O>,
    share: Range<f64>,
}

impl<O: Observer> Observer for Part<'_, '_, O> {
    fn report(&mut self, _: Stage, done: usize, total: usize) {
        let part = done as f64 / total.max(1) as f64;
        self.progress.report(self.share.start + (self.share.end - self.share.start) * part.min(1.0));
    }

    async fn pause(&mut self) -> Flow {
        self.progress.observer.pause().await
    }
}

/// Where the energy of a mix went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energies {
    /// Each stem's share of the sum of the stems' energies, in the order of
    /// [`Stem::ALL`](super::Stem::ALL); nothing for silent stems.
    pub shares: [f64; 4],
    /// The energy of what the stems' sum leaves of the mix, by the mix's; nothing for a silent
    /// mix.
    pub residual: f64,
}

/// Compares stems with their mix, both with the same channels of the same length.
pub fn energies<S: AsRef<[f32]>>(mix: &[impl AsRef<[f32]>], stems: [&[S]; 4]) -> Energies {
    let mut parts = [0.0f64; 4];
    let (mut left, mut all) = (0.0f64, 0.0f64);
    for (n, channel) in mix.iter().enumerate() {
        let tracks = stems.map(|stem| stem.get(n).map_or(&[][..], AsRef::as_ref));
        for (i, &sample) in channel.as_ref().iter().enumerate() {
            let samples = tracks.map(|track| track.get(i).map_or(0.0, |&sample| f64::from(sample)));
            parts.iter_mut().zip(samples).for_each(|(part, sample)| *part += sample * sample);
            let sample = f64::from(sample);
            all += sample * sample;
            left += (sample - samples.iter().sum::<f64>()).powi(2);
        }
    }
    let sum: f64 = parts.iter().sum();
    Energies {
        shares: parts.map(|part| if sum > 0.0 { part / sum } else { 0.0 }),
        residual: if all > 0.0 { left / all } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::testing::Watch;
    use crate::{ErrorKind, Quiet};

    /// A network whose gains are known functions of the magnitudes that it heard of the same
    /// place, so that whatever is mixed up shows.
    struct Known {
        channels: usize,
        together: usize,
    }

    const BINS: usize = 33;

    impl MagnitudeEstimator for Known {
        type Heard = (usize, Vec<Vec<f32>>);

        fn format(&self) -> Format {
            Format { rate: 1000, channels: self.channels, size: 64, hop: 16 }
        }

        fn together(&self, _: usize) -> usize {
            self.together
        }

        async fn listen(
            &self,
            excerpts: Excerpts,
            mut magnitudes: impl FnMut(usize, Range<usize>) -> Vec<f32>,
            observer: &mut impl Observer,
        ) -> Result<Self::Heard> {
            assert!(excerpts.count <= self.together.max(2));
            let row = self.channels * BINS;
            let mut heard = Vec::new();
            for excerpt in 0..excerpts.count {
                // In two pieces.
                let middle = excerpts.frames / 3;
                let mut all = magnitudes(excerpt, 0..middle);
                all.extend(magnitudes(excerpt, middle..excerpts.frames));
                assert_eq!(all.len(), excerpts.frames * row);
                heard.push(all);
                observer.report(Stage::Separate, excerpt + 1, excerpts.count);
                observer.check().await?;
            }
            Ok((row, heard))
        }

        async fn gains(
            &self,
            (row, heard): &Self::Heard,
            excerpt: usize,
            frames: Range<usize>,
        ) -> Result<[Vec<f32>; 4]> {
            let part = &heard[excerpt][frames.start * row..frames.end * row];
            let loud = |magnitude: f32| magnitude / (1.0 + magnitude);
            Ok(std::array::from_fn(|stem| {
                let gain = |magnitude: &f32| match stem {
                    0 => loud(*magnitude),
                    1 => 1.0 - loud(*magnitude),
                    _ => 0.0,
                };
                part.iter().map(gain).collect()
            }))
        }
    }

    fn noise(length: usize, seed: u32) -> Vec<f32> {
        (0..length as u32)
            .map(|n| (n ^ seed << 20).wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B))
            .map(|n| (n >> 8) as f32 / (1 << 24) as f32 - 0.5)
            .collect()
    }

    fn run(network: &Known, channels: &[Vec<f32>], filter: Filter) -> [Vec<Vec<f32>>; 4] {
        pollster::block_on(separate(network, channels, &UnmixSettings { filter }, &mut Quiet)).unwrap()
    }

    fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
        let pairs = a.iter().flatten().zip(b.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// What [`Known`] and the ratio mask make of one channel, without chunks and windows.
    fn expected(samples: &[f32]) -> [Vec<f32>; 2] {
        let stft = Stft::new(64, 16);
        let mut scratch = stft.scratch();
        let mut spectrum = vec![Complex::default(); BINS];
        let mut tracks = [vec![0.0; samples.len()], vec![0.0; samples.len()]];
        for frame in 0..stft.frames(samples.len()) {
            stft.analyse(samples, frame, &mut scratch, &mut spectrum);
            for (stem, track) in tracks.iter_mut().enumerate() {
                let mask = |value: &Complex<f32>| {
                    let loud = value.norm() / (1.0 + value.norm());
                    value * if stem == 0 { loud } else { 1.0 - loud }
                };
                let masked: Vec<_> = spectrum.iter().map(mask).collect();
                stft.add(&masked, frame, &mut scratch, track);
            }
        }
        tracks.each_mut().map(|track| {
            stft.normalise(track);
            std::mem::take(track)
        })
    }

    #[test]
    fn chunks_windows_and_channels_find_their_places() {
        // 100 s are four chunks and 21 windows; 2 s are one of each.
        for length in [2000, 100_000] {
            let (left, right) = (noise(length, 1), noise(length, 2));
            let truth = [expected(&left), expected(&right)];
            for channels in [1, 2] {
                for together in [1, 3, 100] {
                    let network = Known { channels, together };
                    let mono = run(&network, std::slice::from_ref(&left), Filter::RatioMask);
                    let stereo = run(&network, &[left.clone(), right.clone()], Filter::RatioMask);
                    for stem in 0..2 {
                        assert_eq!((mono[stem].len(), stereo[stem].len()), (1, 2));
                        for (track, truth) in [(&mono[stem][0], &truth[0]), (&stereo[stem][1], &truth[1])] {
                            let worst =
                                difference(std::slice::from_ref(track), std::slice::from_ref(&truth[stem]));
                            assert!(worst < 1e-5, "{length} {channels} {together} {stem}: {worst}");
                        }
                    }
                    assert!(mono[2..].iter().flatten().flatten().all(|&sample| sample == 0.0));
                }
            }
        }
    }

    #[test]
    fn the_filter_has_both_channels_together() {
        let network = Known { channels: 1, together: 4 };
        let channels = [noise(3000, 1), noise(3000, 2)];
        let together = run(&network, &channels, Filter::default());
        let alone = run(&network, &channels[..1], Filter::default());
        assert!(difference(&together[0][..1], &alone[0]) > 1e-3);
    }

    #[test]
    fn every_length_from_one_sample_on_is_separated() {
        for length in [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 200] {
            for channels in [1, 2] {
                let mix = vec![noise(length, 3); channels];
                let stems = run(&Known { channels, together: 1 }, &mix, Filter::RatioMask);
                let sum: Vec<Vec<f32>> = (0..channels)
                    .map(|c| (0..length).map(|i| stems.iter().map(|stem| stem[c][i]).sum()).collect())
                    .collect();
                assert!(difference(&sum, &mix) < 1e-5, "{length} {channels}");
            }
        }
    }

    #[test]
    fn unusable_sounds_are_errors() {
        let kind = |channels: &[Vec<f32>]| {
            let network = Known { channels: 1, together: 1 };
            let settings = UnmixSettings::default();
            pollster::block_on(separate(&network, channels, &settings, &mut Quiet)).unwrap_err().kind()
        };
        assert_eq!(kind(&[]), ErrorKind::Input);
        assert_eq!(kind(&[vec![]]), ErrorKind::Input);
        assert_eq!(kind(&[vec![0.5], vec![0.5, 0.5]]), ErrorKind::Input);
        assert_eq!(kind(&[vec![0.5], vec![0.5], vec![0.5]]), ErrorKind::Input);
        assert_eq!(kind(&[vec![0.5, f32::NAN]]), ErrorKind::Input);
        assert_eq!(kind(&[vec![0.5], vec![f32::INFINITY]]), ErrorKind::Input);
        assert_eq!(kind(&[vec![0.5], vec![1e30]]), ErrorKind::Input);
    }

    #[test]
    fn progress_only_grows_and_a_stop_is_obeyed() {
        let network = Known { channels: 1, together: 2 };
        let mix = [noise(100_000, 1)];
        let run = |watch: &mut Watch| {
            pollster::block_on(separate(&network, &mix, &UnmixSettings::default(), watch))
        };
        let mut watch = Watch::new(Stage::Separate);
        run(&mut watch).unwrap();
        assert_eq!(watch.last, 1000);
        let pauses = watch.pauses;
        assert!(pauses > 20, "{pauses}");
        for stop in [1, 2, pauses / 2, pauses] {
            let error = run(&mut Watch::stopping(Stage::Separate, stop)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled);
        }
    }

    #[test]
    fn energies_are_shared_out() {
        let mix = [vec![1.0, 2.0, 0.0], vec![0.0, 0.0, 2.0]];
        let none = [vec![0.0; 3], vec![0.0; 3]];
        let stems = [
            [vec![1.0, 0.0, 0.0], vec![0.0; 3]],
            [vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0]],
            none.clone(),
            none.clone(),
        ];
        let found = energies(&mix, stems.each_ref().map(|stem| stem.as_slice()));
        assert_eq!(found.shares, [1.0 / 3.0, 2.0 / 3.0, 0.0, 0.0]);
        assert_eq!(found.residual, 2.0 / 9.0);
        let silent = energies(&none, [&none[..]; 4]);
        assert_eq!(silent, Energies { shares: [0.0; 4], residual: 0.0 });
    }
}
