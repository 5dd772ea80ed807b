//! What the ear gets to hear of an explanation: any choice of stems in segments, without clicks.
//!
//! The model itself hears hard edges: [`compose`](super::compose) switches a stem from one sample
//! to the next, as the published code does, and what a segment weighs was measured that way. Such
//! a jump is a click, loud enough to distract from what the explanation is about, so people get
//! the same choice with its edges softened. Nothing but the few milliseconds around an edge differs.

use super::segments::are_consecutive;
use super::{Stem, Stems};
use crate::{Error, Result};
use std::f64::consts::PI;
use std::ops::Range;

/// How long a stem takes to come or to go, in seconds.
///
/// Ten milliseconds: a raised cosine of that length keeps a switch's own spectrum below some
/// 200 Hz, where the ear is dull, so no click is left; and it is still shorter than a drum's
/// attack or a consonant, so that a neighbouring segment's sounds do not leak in.
pub const FADE_SECONDS: f64 = 0.010;

/// The length of a fade in samples, at least 1.
pub fn fade_samples(rate: u32) -> usize {
    ((f64::from(rate) * FADE_SECONDS).round() as usize).max(1)
}

/// The gain of one stem, sample by sample, over `segments` of which `on` says whether it is heard.
///
/// Where two neighbours differ, the gain follows a raised cosine that is centred on the boundary;
/// where both are on it stays 1, so a stem that goes on has no dip. The gains of a choice and of
/// its complement sum to 1 everywhere but at the two ends, where what is on comes from silence and
/// goes back to it: a rendition may be cut out of its song, or be played in a loop. Fades are
/// shortened where segments are, so that no two of them meet.
///
/// The gain is equal-amplitude and not equal-power, because what is cross-faded is one and the
/// same signal with silence, and both parts together have to make the signal again.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the segments are not consecutive, or
/// there is not one flag for each.
pub fn envelope(segments: &[Range<usize>], on: &[bool], rate: u32) -> Result<Vec<f32>> {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(Error::internal("there are no segments to listen to"));
    };
    if !are_consecutive(segments) || on.len() != segments.len() {
        return Err(Error::internal(format!(
            "{} flags for {} segments that should be consecutive",
            on.len(),
            segments.len()
        )));
    }
    let longest = fade_samples(rate);
    let mut gain = Vec::with_capacity(last.end - first.start);
    for (segment, flag) in segments.iter().zip(on) {
        gain.resize(segment.end - first.start, if *flag { 1.0 } else { 0.0 });
    }
    for (pair, flags) in segments.windows(2).zip(on.windows(2)) {
        if flags[0] != flags[1] {
            let fade = longest.min(pair[0].len()).min(pair[1].len());
            let start = pair[1].start - first.start - fade / 2;
            ramp(&mut gain[start..start + fade], flags[1]);
        }
    }
    let length = gain.len();
    if on[0] {
        ramp(&mut gain[..longest.min(first.len() / 2)], true);
    }
    if on[on.len() - 1] {
        ramp(&mut gain[length - longest.min(last.len() / 2)..], false);
    }
    Ok(gain)
}

/// Fills in a raised cosine from 0 to 1, or from 1 to 0.
fn ramp(gain: &mut [f32], up: bool) {
    let steps = gain.len() as f64;
    for (i, value) in gain.iter_mut().enumerate() {
        let risen = (0.5 - 0.5 * (PI * (i as f64 + 0.5) / steps).cos()) as f32;
        *value = if up { risen } else { 1.0 - risen };
    }
}

/// The sum of the cells that are on, with soft edges; what is off is silent.
///
/// The arguments are those of [`compose`](super::compose): `segments` are consecutive ranges
/// within the window of the stems that starts at sample `offset`, and `on` has one flag per
/// [`feature`](super::segments::feature). The result is as long as the segments cover.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the arguments don't fit together.
pub fn render(stems: &Stems, offset: usize, segments: &[Range<usize>], on: &[bool]) -> Result<Vec<f32>> {
    let mut mix = Vec::new();
    if on.len() != segments.len() * Stem::ALL.len() {
        return Err(Error::internal(format!("{} flags for {} segments", on.len(), segments.len())));
    }
    for (number, track) in stems.tracks.iter().enumerate() {
        let flags: Vec<bool> = on.iter().skip(number).step_by(Stem::ALL.len()).copied().collect();
        let gain = envelope(segments, &flags, stems.rate)?;
        mix.resize(gain.len(), 0.0);
        let start = segments.first().and_then(|segment| offset.checked_add(segment.start));
        let source = start.and_then(|start| track.get(start..start.checked_add(gain.len())?));
        let Some(source) = source else {
            return Err(Error::internal(format!(
                "{} samples of a window at {offset} reach past the {} stem's {}",
                gain.len(),
                Stem::ALL[number].name(),
                track.len()
            )));
        };
        for ((sum, sample), gain) in mix.iter_mut().zip(source).zip(gain) {
            *sum += sample * gain;
        }
    }
    Ok(mix)
}

/// Lets a sound come from silence and go back to it, as [`render`] does at a window's two ends.
pub fn soften_ends(samples: &mut [f32], rate: u32) {
    let fade = fade_samples(rate).min(samples.len() / 2);
    let mut gain = vec![0.0; fade];
    ramp(&mut gain, true);
    for (sample, gain) in samples.iter_mut().zip(&gain) {
        *sample *= gain;
    }
    for (sample, gain) in samples.iter_mut().rev().zip(&gain) {
        *sample *= gain;
    }
}

/// Flags with only the given cells on; cells past the last segment are left out.
pub fn only(cells: impl IntoIterator<Item = (usize, Stem)>, segments: usize) -> Vec<bool> {
    let mut on = vec![false; segments * Stem::ALL.len()];
    for (segment, stem) in cells {
        if let Some(flag) = on.get_mut(super::segments::feature(segment, stem)) {
            *flag = true;
        }
    }
    on
}

/// Everything but that: the flags turned around.
pub fn complement(on: &[bool]) -> Vec<bool> {
    on.iter().map(|flag| !flag).collect()
}

/// Where a cell's sound is in a rendition: its segment with the halves of the fades that reach
/// beyond it, in samples from the rendition's start.
///
/// `None` for a segment that is not there.
pub fn reach(segments: &[Range<usize>], segment: usize, rate: u32) -> Option<Range<usize>> {
    let (first, last, range) = (segments.first()?, segments.last()?, segments.get(segment)?);
    let half = fade_samples(rate).div_ceil(2);
    let start = range.start.saturating_sub(half).max(first.start);
    let end = range.end.saturating_add(half).min(last.end);
    Some(start - first.start..end - first.start)
}

#[cfg(test)]
mod tests {
    use super::super::{Tail, compose, segments};
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    const RATE: u32 = 8000;

    /// Four constant tones, so that a rendition shows the gains themselves.
    fn flat(samples: usize) -> Stems {
        Stems { rate: RATE, tracks: [1.0, 0.5, 0.25, 0.125].map(|level| vec![level; samples]) }
    }

    #[test]
    fn an_edge_is_a_raised_cosine_around_the_boundary() {
        let cut = segments(8000, 2, Tail::Spread).unwrap();
        let gain = envelope(&cut, &[false, true], RATE).unwrap();
        let fade = fade_samples(RATE);
        assert_eq!(fade, 80);
        assert!(gain[..4000 - fade / 2].iter().all(|&g| g == 0.0));
        assert!(gain[4000 + fade / 2..8000 - fade].iter().all(|&g| g == 1.0));
        assert!((gain[3999] + gain[4000] - 1.0).abs() < 1e-6, "the middle is at the boundary");
        assert!(gain[4000 - fade / 2..4000 + fade / 2].is_sorted());
        assert!(gain[7999] < 1e-3, "the end goes back to silence");
    }

    #[test]
    fn neighbours_that_are_on_have_no_dip() {
        let cut = segments(8000, 4, Tail::Spread).unwrap();
        let gain = envelope(&cut, &[false, true, true, false], RATE).unwrap();
        assert!(gain[2040..5960].iter().all(|&g| g == 1.0));
    }

    #[test]
    fn away_from_edges_the_ear_hears_what_the_model_hears() {
        let (cut, stems) = (segments(8000, 5, Tail::Spread).unwrap(), flat(9000));
        let on = only([(1, Stem::Drums), (2, Stem::Vocals), (4, Stem::Other)], 5);
        let soft = render(&stems, 700, &cut, &on).unwrap();
        let mut hard = Vec::new();
        compose(&stems, 700, &cut, &on, &mut hard).unwrap();
        let edge = |i: usize| (0..=5).any(|b| i.abs_diff(b * 1600) <= fade_samples(RATE));
        for i in (0..8000).filter(|i| !edge(*i)) {
            assert_eq!(soft[i], hard[i], "sample {i}");
        }
        assert!(soft[..1500].iter().all(|&s| s == 0.0), "what is off is silent");
    }

    #[test]
    fn a_rendition_ends_as_softly_as_a_sound_does() {
        let cut = segments(2000, 1, Tail::Spread).unwrap();
        let rendered = render(&flat(2000), 0, &cut, &only([(0, Stem::Vocals)], 1)).unwrap();
        let mut tone = vec![1.0; 2000];
        soften_ends(&mut tone, RATE);
        for (a, b) in rendered.iter().zip(&tone) {
            assert!((a - b).abs() < 1e-6);
        }
        soften_ends(&mut [], RATE);
        let mut one = [0.7];
        soften_ends(&mut one, RATE);
        assert_eq!(one, [0.7], "too short to fade");
    }

    #[test]
    fn a_cells_reach_holds_all_of_its_sound() {
        let cut = segments(8000, 4, Tail::Spread).unwrap();
        assert_eq!(reach(&cut, 0, RATE), Some(0..2040));
        assert_eq!(reach(&cut, 2, RATE), Some(3960..6040));
        assert_eq!(reach(&cut, 4, RATE), None);
        let cell = render(&flat(8000), 0, &cut, &only([(2, Stem::Bass)], 4)).unwrap();
        let inside = reach(&cut, 2, RATE).unwrap();
        for (i, sample) in cell.iter().enumerate().filter(|(i, _)| !inside.contains(i)) {
            assert_eq!(*sample, 0.0, "sample {i}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (cut, stems) = (segments(80, 2, Tail::Spread).unwrap(), flat(90));
        let kind = |offset, cut: &[Range<usize>], flags: usize| {
            render(&stems, offset, cut, &vec![true; flags]).map(|mix| mix.len()).map_err(|e| e.kind())
        };
        assert_eq!(kind(10, &cut, 8), Ok(80));
        let internal = Err(ErrorKind::Internal);
        assert_eq!(kind(11, &cut, 8), internal);
        assert_eq!(kind(usize::MAX, &cut, 8), internal);
        assert_eq!(kind(0, &cut, 7), internal);
        assert_eq!(kind(0, &[], 0), internal);
        assert_eq!(kind(0, &[0..3, 4..7], 8), internal);
        assert_eq!(only([(7, Stem::Other)], 2), [false; 8]);
    }

    proptest! {
        #[test]
        fn a_choice_and_its_complement_make_the_whole(
            tracks in prop::collection::vec((-1.0f32..1.0, -1.0f32..1.0, -1.0f32..1.0, -1.0f32..1.0), 1..600),
            parts in 1usize..40,
            flags in prop::collection::vec(any::<bool>(), 160),
        ) {
            prop_assume!(parts <= tracks.len());
            let track = |of: fn(&(f32, f32, f32, f32)) -> f32| tracks.iter().map(of).collect::<Vec<_>>();
            let stems = Stems { rate: RATE, tracks: [track(|t| t.0), track(|t| t.1), track(|t| t.2), track(|t| t.3)] };
            let cut = segments(tracks.len(), parts, Tail::Spread).unwrap();
            let on = &flags[..parts * 4];
            let part = render(&stems, 0, &cut, on).unwrap();
            let rest = render(&stems, 0, &cut, &complement(on)).unwrap();
            let whole = render(&stems, 0, &cut, &vec![true; parts * 4]).unwrap();
            let mut hard = Vec::new();
            compose(&stems, 0, &cut, &vec![true; parts * 4], &mut hard).unwrap();
            let fade = fade_samples(RATE);
            for i in 0..whole.len() {
                prop_assert!((part[i] + rest[i] - whole[i]).abs() < 1e-6);
                if i >= fade && i + fade < whole.len() {
                    prop_assert_eq!(whole[i], hard[i]);
                }
            }
        }

        #[test]
        fn gains_never_jump(
            samples in 1usize..2000, parts in 1usize..60, flags in prop::collection::vec(any::<bool>(), 60),
        ) {
            prop_assume!(parts <= samples);
            let cut = segments(samples, parts, Tail::Spread).unwrap();
            let gain = envelope(&cut, &flags[..parts], RATE).unwrap();
            prop_assert_eq!(gain.len(), samples);
            // The steepest step of a raised cosine over n samples is below pi / 2n.
            let shortest = (samples / parts / 2).clamp(1, fade_samples(RATE));
            let steepest = (std::f32::consts::FRAC_PI_2 / shortest as f32).min(1.0) + 1e-6;
            for pair in gain.windows(2) {
                prop_assert!((pair[1] - pair[0]).abs() <= steepest);
            }
            prop_assert!(gain.iter().all(|g| (0.0..=1.0).contains(g)));
        }
    }
}
