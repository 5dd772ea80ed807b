//! The signal-to-distortion ratio against museval's.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it, in its helpers too")]

use musiclime::audio::sdr::{Channels, median, sdr};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    window: usize,
    hop: usize,
    references: Vec<Vec<Recipe>>,
    estimates: Vec<Vec<Recipe>>,
    sdr: Vec<Vec<Option<f64>>>,
    median: Vec<Option<f64>>,
}

/// How a channel is made; see `tests/reference/sdr.py`.
#[derive(Deserialize)]
struct Recipe {
    length: usize,
    terms: Vec<(u64, f32)>,
    silent: Vec<(usize, usize)>,
}

impl Recipe {
    fn render(&self) -> Vec<f32> {
        let mut samples: Vec<f32> = (0..self.length as u64)
            .map(|i| self.terms.iter().map(|(seed, gain)| noise(*seed, i) * gain).sum())
            .collect();
        for &(from, to) in &self.silent {
            samples[from..to].fill(0.0);
        }
        samples
    }
}

/// The upper 24 bits of splitmix64.
fn noise(seed: u64, i: u64) -> f32 {
    let z = ((seed << 32) + i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let z = z ^ (z >> 31);
    ((z >> 40) as i64 - (1 << 23)) as f32 / (1 << 23) as f32
}

fn stems(recipes: &[Vec<Recipe>]) -> Vec<Channels> {
    recipes.iter().map(|channels| channels.iter().map(Recipe::render).collect()).collect()
}

/// museval's filters leave some 1e-12 dB of rounding in what cancels exactly here.
const TOLERANCE: f64 = 1e-6;

fn agree(found: f64, wanted: Option<f64>) -> f64 {
    match wanted {
        Some(wanted) => (found - wanted).abs(),
        None if found.is_nan() => 0.0,
        None => f64::INFINITY,
    }
}

#[test]
fn agrees_with_museval_in_every_frame() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/sdr/sdr.json")).unwrap();
    assert!(cases.len() >= 10);
    let mut largest = 0f64;
    for case in cases {
        let truth = stems(&case.references);
        let mut estimate = stems(&case.estimates);
        // The comparison takes stems of one length; the command cuts and pads as museval does.
        estimate.iter_mut().flatten().for_each(|channel| channel.resize(truth[0][0].len(), 0.0));
        let found = sdr(&truth, &estimate, case.window, case.hop).unwrap();
        assert_eq!(found.len(), case.sdr.len(), "{}", case.name);
        for ((found, wanted), middle) in found.iter().zip(&case.sdr).zip(case.median) {
            assert_eq!(found.len(), wanted.len(), "{}", case.name);
            let differences = found.iter().zip(wanted).map(|(f, w)| agree(*f, *w));
            let most = differences.fold(agree(median(found), middle), f64::max);
            assert!(most <= TOLERANCE, "{}: {most:e} dB", case.name);
            largest = largest.max(most);
        }
    }
    println!("largest difference {largest:.1e} dB");
}
