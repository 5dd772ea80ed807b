//! Drawing masks: seeded, and the same to the bit on every platform and for every number of
//! rows.
//!
//! Row `r` is drawn from ChaCha8, keyed with the seed's eight bytes (little-endian) followed
//! by [`DOMAIN`], on stream `r`; no other row's draws matter to it. The cipher's 32-bit words
//! are then used in order:
//! - [`Sampling::Bernoulli`]: feature `i` is bit `i % 32`, counted from the lowest, of word
//!   `i / 32`; 1 = on.
//! - [`Sampling::LimeText`]: the number of features to switch off is `1 + below(n)`; then a
//!   partial Fisher–Yates shuffle of `0..n` brings `i + below(n - i)` to place `i`, and the
//!   features that came to the first places are off.
//!
//! `below(n)` takes the high half of word × n and draws again where the low half falls under
//! `2³² mod n` (Lemire's unbiased rejection). Nothing here goes through another crate's
//! distributions, whose use of bits may change from one release to the next.

use super::mask::{Layout, Mask};
use super::settings::{Modality, Sampling, Settings, check_size};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::ops::Range;

/// Keeps this use of a seed apart from any other; a changed use of bits counts it up.
const DOMAIN: &[u8; 24] = b"musiclime masks 1\0\0\0\0\0\0\0";

/// All rows of the design that `settings` describe, row 0 (all ones) first.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for settings out of range, and when the
/// modality leaves nothing to switch off.
pub fn masks(layout: Layout, settings: &Settings) -> Result<Vec<Mask>> {
    Ok(Draws::new(layout, settings)?.take(settings.samples).collect())
}

/// The features that vary, after checking that there are some.
pub(super) fn varying(layout: Layout, modality: Modality) -> Result<Range<usize>> {
    let features = modality.features(layout);
    if features.is_empty() {
        let message = match modality {
            Modality::Both => "there are neither stems nor words to explain with",
            Modality::Audio => "there are no stems to explain with",
            Modality::Lyrics => "there are no words to explain with",
        };
        return Err(Error::input(message).hint("give lyrics, or choose another modality"));
    }
    Ok(features)
}

/// An endless stream of rows.
struct Draws {
    rng: ChaCha8Rng,
    sampling: Sampling,
    len: usize,
    features: Range<usize>,
    row: u64,
}

impl Draws {
    fn new(layout: Layout, settings: &Settings) -> Result<Self> {
        settings.validate()?;
        let features = varying(layout, settings.modality)?;
        // What is kept whole costs memory too, so it counts.
        check_size(settings.samples, layout.features())?;
        let mut key = [0; 32];
        let (seed, domain) = key.split_at_mut(8);
        seed.copy_from_slice(&settings.seed.to_le_bytes());
        domain.copy_from_slice(DOMAIN);
        let rng = ChaCha8Rng::from_seed(key);
        Ok(Self { rng, sampling: settings.sampling, len: layout.features(), features, row: 0 })
    }
}

impl Iterator for Draws {
    type Item = Mask;

    fn next(&mut self) -> Option<Mask> {
        let mut on = vec![true; self.len];
        if self.row > 0 {
            let mut rng = self.rng.clone();
            rng.set_stream(self.row);
            let varying = &mut on[self.features.clone()];
            match self.sampling {
                Sampling::Bernoulli => bernoulli(&mut rng, varying),
                Sampling::LimeText => lime_text(&mut rng, varying),
            }
        }
        self.row += 1;
        Some(Mask::from(on))
    }
}

/// Every feature by the toss of a coin.
fn bernoulli(rng: &mut impl Rng, on: &mut [bool]) {
    for word in on.chunks_mut(32) {
        let bits = rng.next_u32();
        for (i, on) in word.iter_mut().enumerate() {
            *on = bits >> i & 1 == 1;
        }
    }
}

/// LIME's text sampling: how many are off is uniform, which ones are too.
fn lime_text(rng: &mut impl Rng, on: &mut [bool]) {
    // `check_size` has bounded the number of features far below 2³².
    let n = on.len() as u32;
    let mut order: Vec<u32> = (0..n).collect();
    let off = 1 + below(rng, n);
    for i in 0..off {
        order.swap(i as usize, (i + below(rng, n - i)) as usize);
        on[order[i as usize] as usize] = false;
    }
}

/// A number uniform in `0..n`; `n` is not 0.
fn below(rng: &mut impl Rng, n: u32) -> u32 {
    let reject = n.wrapping_neg() % n;
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(n);
        if product as u32 >= reject {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Preset;
    use super::*;
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    fn settings(sampling: Sampling, samples: usize, seed: u64) -> Settings {
        Settings { sampling, samples, seed, ..Settings::preset(Preset::Default) }
    }

    fn draw(layout: Layout, settings: &Settings) -> Vec<Mask> {
        masks(layout, settings).expect("a valid design")
    }

    fn digest(masks: &[Mask]) -> String {
        let mut hash = Sha256::new();
        for mask in masks {
            hash.update(mask.as_slice().iter().map(|&on| u8::from(on)).collect::<Vec<_>>());
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The digests come from an independent implementation of this file's documentation.
    /// Whoever changes these values changes every published explanation's masks: count
    /// [`DOMAIN`] up and say so in the release notes.
    #[test]
    fn the_streams_never_change_silently() {
        let layout = Layout { audio: 40, words: 100 };
        assert_eq!(digest(&draw(layout, &settings(Sampling::Bernoulli, 64, 7))), "a27b6e84cd269ec8");
        assert_eq!(digest(&draw(layout, &settings(Sampling::LimeText, 64, 7))), "effe95d5d300d161");
    }

    #[test]
    fn coins_are_fair_and_independent() {
        let n = 70;
        let rows = draw(Layout { audio: 40, words: 30 }, &settings(Sampling::Bernoulli, 4_001, 1));
        let share = |f: &dyn Fn(&[bool]) -> bool| {
            rows[1..].iter().filter(|mask| f(mask.as_slice())).count() as f64 / 4_000.0
        };
        for i in 0..n {
            // Five standard errors of a proportion of 4,000: one in two million per feature.
            assert!((share(&|on| on[i]) - 0.5).abs() < 0.04, "feature {i}");
            let next = (i + 1) % n;
            assert!((share(&|on| on[i] && on[next]) - 0.25).abs() < 0.035, "features {i} and {next}");
        }
    }

    #[test]
    fn lime_switches_off_a_uniform_number_of_uniform_features() {
        let n = 10;
        let rows = draw(Layout { audio: 4, words: 6 }, &settings(Sampling::LimeText, 20_001, 1));
        let mut counts = [0usize; 11];
        let mut off = [0usize; 10];
        for mask in &rows[1..] {
            counts[n - mask.count_on()] += 1;
            for (off, on) in off.iter_mut().zip(mask.as_slice()) {
                *off += usize::from(!on);
            }
        }
        assert_eq!(counts[0], 0, "at least one is off");
        for count in &counts[1..] {
            assert!((*count as f64 / 2_000.0 - 1.0).abs() < 0.11, "{counts:?}");
        }
        for off in off {
            assert!((off as f64 / 20_000.0 - 0.55).abs() < 0.02, "{off}");
        }
    }

    #[test]
    fn a_kept_modality_stays_on() {
        let layout = Layout { audio: 8, words: 5 };
        for (modality, fixed) in [(Modality::Audio, 8..13), (Modality::Lyrics, 0..8)] {
            let rows = draw(layout, &Settings { modality, ..settings(Sampling::Bernoulli, 50, 3) });
            assert!(rows.iter().all(|mask| mask.part(fixed.clone()).count_on() == fixed.len()));
            assert!(rows.iter().any(|mask| mask.count_on() < 13));
        }
    }

    #[test]
    fn nothing_and_too_much_to_switch_off_are_the_users_errors() {
        for (modality, layout) in [
            (Modality::Lyrics, Layout { audio: 40, words: 0 }),
            (Modality::Audio, Layout { audio: 0, words: 3 }),
            (Modality::Both, Layout { audio: 0, words: 0 }),
            (Modality::Both, Layout { audio: usize::MAX, words: 3 }),
            (Modality::Lyrics, Layout { audio: usize::MAX, words: 0 }),
        ] {
            let settings = Settings { modality, ..settings(Sampling::Bernoulli, 10, 0) };
            let error = masks(layout, &settings).expect_err("refused");
            assert_eq!(error.kind(), crate::ErrorKind::Input);
        }
    }

    proptest! {
        #[test]
        fn the_first_rows_do_not_depend_on_how_many_follow(
            audio in 0usize..50, words in 1usize..90, seed: u64, few in 2usize..20, more in 0usize..40, lime: bool,
        ) {
            let layout = Layout { audio, words };
            let sampling = if lime { Sampling::LimeText } else { Sampling::Bernoulli };
            let short = draw(layout, &settings(sampling, few, seed));
            let long = draw(layout, &settings(sampling, few + more, seed));
            prop_assert_eq!(short.len(), few);
            prop_assert_eq!(&long[..few], &short[..]);
            prop_assert_eq!(&short[0], &Mask::ones(audio + words));
            let other = draw(layout, &settings(sampling, 20, seed ^ 1));
            prop_assert!(audio + words < 20 || other[1..] != draw(layout, &settings(sampling, 20, seed))[1..]);
        }
    }
}
