//! Chunks into which a long song is cut for a network that hears a stretch at a time, and how
//! they are cross-faded.

use std::ops::Range;

/// How a song is cut into chunks of equal length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    /// Frames of each.
    pub(super) frames: usize,
    /// Where each begins.
    pub(super) starts: Vec<usize>,
}

impl Chunks {
    /// Cuts `total` frames into as few chunks of at most `longest` as overlap by `overlap` at
    /// least. That is at most a quarter of `longest`, so that no more than two chunks overlap.
    pub(super) fn new(total: usize, longest: usize, overlap: usize) -> Self {
        if total <= longest {
            return Self { frames: total, starts: vec![0] };
        }
        let count = (total - overlap).div_ceil(longest - overlap);
        let frames = (total + (count - 1) * overlap).div_ceil(count);
        // In 64 bits, since WebAssembly's usize has 32.
        let start = |i: usize| i as u64 * (total - frames) as u64 / (count as u64 - 1);
        let starts = (0..count).map(|i| start(i) as usize).collect();
        Self { frames, starts }
    }

    /// The frames of a chunk.
    pub(super) fn range(&self, chunk: usize) -> Range<usize> {
        self.starts[chunk]..self.starts[chunk] + self.frames
    }

    /// How much a chunk counts in a frame of its: the weights of all chunks sum to 1.
    pub(super) fn weight(&self, chunk: usize, frame: usize) -> f32 {
        // How far into the stretch that begins with a chunk and ends with the one before it.
        let into = |later: usize| -> f32 {
            let stretch = self.starts[later]..self.starts[later - 1] + self.frames;
            if frame < stretch.start {
                0.0
            } else if frame >= stretch.end {
                1.0
            } else {
                (frame - stretch.start + 1) as f32 / (stretch.len() + 1) as f32
            }
        };
        let fade_in = if chunk > 0 { into(chunk) } else { 1.0 };
        let fade_out = if chunk + 1 < self.starts.len() { into(chunk + 1) } else { 0.0 };
        fade_in - fade_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn chunks_cover_a_song_and_their_weights_sum_to_one(
            total in 1usize..3000, overlap in 1usize..60, more in 0usize..100,
        ) {
            let longest = 4 * overlap + more;
            let chunks = Chunks::new(total, longest, overlap);
            prop_assert!(chunks.frames <= longest && chunks.frames >= 1);
            let count = chunks.starts.len();
            prop_assert_eq!(chunks.starts[0], 0);
            prop_assert_eq!(chunks.range(count - 1).end, total);
            for pair in chunks.starts.windows(2) {
                prop_assert!(pair[0] < pair[1] && pair[0] + chunks.frames >= pair[1] + overlap);
            }
            for frame in 0..total {
                let there = (0..count).filter(|&chunk| chunks.range(chunk).contains(&frame));
                let weights: Vec<f32> = there.map(|chunk| chunks.weight(chunk, frame)).collect();
                prop_assert!((1..=2).contains(&weights.len()));
                prop_assert!(weights.iter().all(|&weight| weight > 0.0));
                prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            }
        }
    }
}
