//! Cutting stems into equal segments, and putting the chosen ones together again.
//!
//! A feature is one stem within one segment. Features are numbered segment by segment, and
//! within a segment in the order of [`Stem::ALL`]: vocals0 drums0 bass0 other0 vocals1 ...,
//! as in the paper's published code.

use super::{Stem, Stems};
use crate::{Error, Result};
use std::ops::Range;

/// What becomes of the samples that are left when the length isn't a multiple of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tail {
    /// They belong to no segment, as in the paper's published code.
    Drop,
    /// Segments differ by a sample where they must, and nothing is dropped.
    Spread,
}

/// `parts` consecutive segments of a sound of `samples` samples.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for no parts, or more parts than samples.
pub fn segments(samples: usize, parts: usize, tail: Tail) -> Result<Vec<Range<usize>>> {
    if parts == 0 {
        return Err(Error::input("a song can't be cut into 0 segments").hint("ask for 1 or more"));
    }
    if parts > samples {
        return Err(Error::input(format!("a song of {samples} samples can't be cut into {parts} segments"))
            .hint("ask for fewer segments"));
    }
    let edge = |i: usize| match tail {
        Tail::Drop => samples / parts * i,
        // 128 bits, since samples x parts may pass 32 bits, which is all that wasm's usize has.
        Tail::Spread => (samples as u128 * i as u128 / parts as u128) as usize,
    };
    Ok((0..parts).map(|i| edge(i)..edge(i + 1)).collect())
}

/// The index of the feature "`stem` within segment number `segment`".
pub fn feature(segment: usize, stem: Stem) -> usize {
    segment * Stem::ALL.len() + stem as usize
}

/// Whether every segment begins where the one before it ends.
pub(super) fn are_consecutive(segments: &[Range<usize>]) -> bool {
    segments.iter().all(|segment| segment.start <= segment.end)
        && segments.windows(2).all(|pair| pair[0].end == pair[1].start)
}

/// The sum of the features that are on; what is off is silent.
///
/// `segments` are consecutive ranges within the window of the stems that starts at sample
/// `offset`; `on` has one flag per [`feature`]. `out` is overwritten, and as long as the
/// segments cover; it is handed in so that thousands of mixes can share one buffer.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the arguments don't fit together.
pub fn compose(
    stems: &Stems,
    offset: usize,
    segments: &[Range<usize>],
    on: &[bool],
    out: &mut Vec<f32>,
) -> Result<()> {
    if on.len() != segments.len() * Stem::ALL.len() {
        return Err(Error::internal(format!(
            "{} flags for {} segments of {} stems",
            on.len(),
            segments.len(),
            Stem::ALL.len()
        )));
    }
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(Error::internal("there are no segments to compose"));
    };
    if !are_consecutive(segments) {
        return Err(Error::internal("the segments are not consecutive"));
    }
    let available = stems.tracks.iter().map(Vec::len).min().unwrap_or(0);
    if offset.checked_add(last.end).is_none_or(|end| end > available) {
        return Err(Error::internal(format!(
            "segments up to sample {} of a window at {offset} reach past the stems' {available} samples",
            last.end
        )));
    }
    out.clear();
    out.resize(last.end - first.start, 0.0);
    for (segment, flags) in segments.iter().zip(on.chunks_exact(Stem::ALL.len())) {
        let target = &mut out[segment.start - first.start..segment.end - first.start];
        for (track, _) in stems.tracks.iter().zip(flags).filter(|(_, flag)| **flag) {
            let source = &track[offset + segment.start..offset + segment.end];
            for (sum, sample) in target.iter_mut().zip(source) {
                *sum += sample;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    #[test]
    fn the_tail_is_dropped_or_spread() {
        assert_eq!(segments(11, 3, Tail::Drop).unwrap(), [0..3, 3..6, 6..9]);
        assert_eq!(segments(11, 3, Tail::Spread).unwrap(), [0..3, 3..7, 7..11]);
        assert_eq!(segments(3, 3, Tail::Drop).unwrap(), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn impossible_cuts_are_the_users_error() {
        for (samples, parts) in [(10, 0), (0, 0), (0, 1), (9, 10)] {
            for tail in [Tail::Drop, Tail::Spread] {
                let error = segments(samples, parts, tail).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Input);
                assert!(error.next_step().is_some());
            }
        }
    }

    #[test]
    fn huge_lengths_do_not_overflow() {
        let cut = segments(usize::MAX, 3, Tail::Spread).unwrap();
        assert_eq!(cut[2].end, usize::MAX);
    }

    #[test]
    fn features_are_numbered_segment_by_segment() {
        let numbers: Vec<usize> =
            (0..2).flat_map(|segment| Stem::ALL.map(|stem| feature(segment, stem))).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
        let stems = Stems { rate: 1, tracks: [vec![1.0; 4], vec![2.0; 4], vec![4.0; 4], vec![8.0; 4]] };
        let cut = segments(4, 2, Tail::Drop).unwrap();
        let mut on = vec![false; 8];
        on[feature(1, Stem::Drums)] = true;
        on[feature(0, Stem::Other)] = true;
        let mut mix = Vec::new();
        compose(&stems, 0, &cut, &on, &mut mix).unwrap();
        assert_eq!(mix, [8.0, 8.0, 2.0, 2.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let stems = Stems { rate: 1, tracks: [vec![0.0; 8], vec![0.0; 8], vec![0.0; 7], vec![0.0; 8]] };
        let mut out = Vec::new();
        let mut kind = |offset, cut: &[Range<usize>], flags: usize| {
            compose(&stems, offset, cut, &vec![true; flags], &mut out).map_err(|error| error.kind())
        };
        assert_eq!(kind(0, &[0..3, 3..7], 8), Ok(()));
        let internal = Err(ErrorKind::Internal);
        assert_eq!(kind(0, &[0..3, 3..7], 7), internal);
        assert_eq!(kind(0, &[0..3, 3..8], 8), internal);
        assert_eq!(kind(1, &[0..3, 3..7], 8), internal);
        assert_eq!(kind(usize::MAX, &[0..3, 3..7], 8), internal);
        assert_eq!(kind(0, &[0..3, 4..7], 8), internal);
        assert_eq!(kind(0, &[3..7, 0..3], 8), internal);
        assert_eq!(kind(0, &[], 0), internal);
        #[expect(clippy::reversed_empty_ranges)]
        let reversed = [3..1, 1..5];
        assert_eq!(kind(0, &reversed, 8), internal);
    }

    /// Stems whose samples are multiples of 2^-10, so that their sums are exact in any order.
    fn exact_stems(length: usize) -> impl Strategy<Value = Stems> {
        let track = move || {
            prop::collection::vec(-1024i16..1024, length)
                .prop_map(|track| track.into_iter().map(|n| f32::from(n) / 1024.0).collect::<Vec<_>>())
        };
        [track(), track(), track(), track()].prop_map(|tracks| Stems { rate: 100, tracks })
    }

    fn case() -> impl Strategy<Value = (Stems, usize, usize, usize, bool, Vec<bool>)> {
        (1usize..120, 0usize..40).prop_flat_map(|(length, offset)| {
            (1..=length).prop_flat_map(move |parts| {
                let flags = prop::collection::vec(any::<bool>(), parts * 4);
                (
                    exact_stems(length + offset + 3),
                    Just(length),
                    Just(offset),
                    Just(parts),
                    any::<bool>(),
                    flags,
                )
            })
        })
    }

    proptest! {
        #[test]
        fn segments_partition(samples in 1usize..100_000, parts in 1usize..200) {
            prop_assume!(parts <= samples);
            for tail in [Tail::Drop, Tail::Spread] {
                let cut = segments(samples, parts, tail).unwrap();
                prop_assert_eq!(cut.len(), parts);
                prop_assert_eq!(cut[0].start, 0);
                for pair in cut.windows(2) {
                    prop_assert_eq!(pair[0].end, pair[1].start);
                }
                let shortest = cut.iter().map(Range::len).min().unwrap();
                let longest = cut.iter().map(Range::len).max().unwrap();
                prop_assert!(shortest >= 1);
                let end = cut[parts - 1].end;
                match tail {
                    Tail::Drop => {
                        prop_assert_eq!(shortest, longest);
                        prop_assert!(samples - end < parts);
                    }
                    Tail::Spread => {
                        prop_assert!(longest - shortest <= 1);
                        prop_assert_eq!(end, samples);
                    }
                }
            }
        }

        #[test]
        fn composing_is_what_the_mask_says((stems, length, offset, parts, spread, on) in case()) {
            let tail = if spread { Tail::Spread } else { Tail::Drop };
            let cut = segments(length, parts, tail).unwrap();
            let covered = cut[parts - 1].end;
            let at = |stem: usize, i: usize| stems.tracks[stem][offset + i];
            let mut mix = vec![7.0; 3];
            let render = |on: &[bool], mix: &mut Vec<f32>| compose(&stems, offset, &cut, on, mix).unwrap();

            render(&vec![true; parts * 4], &mut mix);
            prop_assert_eq!(mix.len(), covered);
            let whole = mix.clone();
            for (i, &sample) in mix.iter().enumerate() {
                prop_assert_eq!(sample, (0..4).map(|stem| at(stem, i)).sum::<f32>());
            }

            render(&vec![false; parts * 4], &mut mix);
            prop_assert!(mix.iter().all(|&sample| sample == 0.0));

            render(&on, &mut mix);
            for (number, range) in cut.iter().enumerate() {
                for i in range.clone() {
                    let expected: f32 = (0..4).filter(|stem| on[number * 4 + stem]).map(|stem| at(stem, i)).sum();
                    prop_assert_eq!(mix[i], expected);
                }
            }

            let complement: Vec<bool> = on.iter().map(|flag| !flag).collect();
            let mut rest = Vec::new();
            render(&complement, &mut rest);
            prop_assert_eq!(rest.len(), covered);
            for i in 0..covered {
                prop_assert_eq!(mix[i] + rest[i], whole[i]);
            }
        }
    }
}
