//! Measurements of the designs and of the standard errors. The documentation of
//! `musiclime::lime` quotes what these tests print and hold.

use musiclime::lime::{
    Layout, Mask, Modality, Preset, Rows, Sampling, Score, Settings, cosine_distances, effective_sample_size,
    fit, kernel, masks, run,
};
use musiclime::{Quiet, Result};

/// SplitMix64 (Steele, Lea, Flood 2014): a well-mixed number from any number.
fn mix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Practically normal noise of variance 1: the sum of 12 uniform numbers, less 6.
fn noise(key: u64) -> f64 {
    (0..12).map(|k| (mix(key ^ mix(k)) >> 11) as f64 / (1u64 << 53) as f64).sum::<f64>() - 6.0
}

fn settings(sampling: Sampling, distance_scale: f64, samples: usize, seed: u64) -> Settings {
    Settings { sampling, distance_scale, samples, seed, ..Settings::preset(Preset::Default) }
}

/// A song of 40 stem segments and 100 words.
const SONG: Layout = Layout { audio: 40, words: 100 };

/// For both samplings and both distance scales: the share of rows that Kish's effective sample
/// size counts, and how the coefficients' errors compare with those of fair coins with a flat
/// kernel, for a score that is noise of one variance everywhere.
#[test]
fn what_the_kernel_and_the_sampling_cost() {
    let rows = 1_000;
    let measure = |sampling, scale| {
        let (mut share, mut squares, seeds) = (0.0, 0.0, 4);
        for seed in 0..seeds {
            let settings = settings(sampling, scale, rows, seed);
            let masks = masks(SONG, &settings).expect("a design");
            let weights: Vec<f64> =
                cosine_distances(&masks).iter().map(|d| kernel(d * scale, settings.kernel_width)).collect();
            share += effective_sample_size(&weights) / rows as f64 / seeds as f64;
            let scores: Vec<f64> = (0..rows as u64).map(|row| noise(mix(seed) ^ row)).collect();
            let line = fit(&masks, &scores, &settings).expect("a line");
            squares += line.weights.iter().map(|(_, weight)| weight * weight).sum::<f64>() / seeds as f64;
        }
        (share, (squares / SONG.features() as f64).sqrt())
    };
    let flat = measure(Sampling::Bernoulli, 1.0);
    let scaled = measure(Sampling::Bernoulli, 100.0);
    let lime_flat = measure(Sampling::LimeText, 1.0);
    let lime = measure(Sampling::LimeText, 100.0);
    for (name, (share, error)) in [
        ("coins x 1", flat),
        ("coins x 100", scaled),
        ("lime text x 1", lime_flat),
        ("lime text x 100", lime),
    ] {
        println!(
            "{name}: effective rows {:.1} %, error {:.2} times that of coins",
            share * 100.0,
            error / flat.1
        );
    }
    assert!(flat.0 > 0.999);
    assert!(scaled.0 > 0.9);
    assert!(lime.0 < 0.75);
    assert!(lime.1 > 1.2 * flat.1);
}

/// A model with main effects, interactions, and a roughness that depends on the whole mask.
struct Synthetic {
    features: usize,
    interactions: usize,
}

impl Synthetic {
    fn main(&self, feature: usize) -> f64 {
        noise(feature as u64) * 0.1
    }

    /// The `k`-th interaction: two features and how much having both of them adds.
    fn pair(&self, k: usize) -> (usize, usize, f64) {
        let draw = mix(1_000 + k as u64) as usize;
        let i = draw % self.features;
        let j = (i + 1 + (draw >> 32) % (self.features - 1)) % self.features;
        (i, j, 0.2 * noise(2_000 + k as u64))
    }

    fn value(&self, mask: &Mask) -> f64 {
        let on = mask.as_slice();
        let main: f64 = (0..self.features).filter(|&i| on[i]).map(|i| self.main(i)).sum();
        let pairs = (0..self.interactions).map(|k| self.pair(k));
        let pairs: f64 = pairs.filter(|&(i, j, _)| on[i] && on[j]).map(|(_, _, c)| c).sum();
        let key = on.iter().fold(0, |key, &on| mix(key ^ u64::from(on)));
        main + pairs + 0.1 * noise(key)
    }

    /// What the coefficient converges to with ever more coin-toss masks: the main effect plus
    /// half of each interaction (the best line through `x·y` is `x/2 + y/2 - 1/4`).
    fn truth(&self, feature: usize) -> f64 {
        let halves = (0..self.interactions).map(|k| self.pair(k));
        let halves = halves.filter(|&(i, j, _)| i == feature || j == feature).map(|(_, _, c)| c / 2.0);
        self.main(feature) + halves.sum::<f64>()
    }
}

impl Score for Synthetic {
    async fn score(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        Ok(masks.iter().map(|mask| vec![self.value(mask)]).collect())
    }
}

fn scored(model: &mut Synthetic, settings: &Settings) -> Rows {
    let layout = Layout { audio: model.features, words: 0 };
    pollster::block_on(run(model, layout, settings, &mut Quiet)).expect("scored")
}

/// The share of 90 % intervals that hold the truth, over seeds and features.
fn coverage(features: usize, samples: usize, seeds: u64) -> f64 {
    let mut model = Synthetic { features, interactions: features };
    let mut held = 0;
    for seed in 0..seeds {
        let settings = settings(Sampling::Bernoulli, 1.0, samples, seed);
        let rows = scored(&mut model, &settings);
        let line = &rows.explain(&[0], &settings).expect("a line")[0];
        held += (0..features)
            .filter(|&place| {
                let (low, high) = line.interval(place).expect("an interval");
                (low..=high).contains(&model.truth(line.weights[place].0))
            })
            .count();
    }
    held as f64 / (features * seeds as usize) as f64
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    for (features, samples, seeds) in [(20, 300, 300), (60, 200, 200)] {
        let held = coverage(features, samples, seeds);
        println!("{features} features, {samples} rows: {:.1} % of the 90 % intervals", held * 100.0);
        // 6,000 and more intervals: their share is known to within half a percentage point.
        assert!((0.87..0.93).contains(&held), "{held}");
    }
    let held = coverage(140, 64, 30);
    println!("140 features, 64 rows: {:.1} % of the 90 % intervals", held * 100.0);
    let held = coverage(140, 1_000, 5);
    println!("140 features, 1,000 rows: {:.1} % of the 90 % intervals", held * 100.0);
}

#[test]
fn one_modality_is_explained_with_its_own_features_only() {
    struct Sum;
    impl Score for Sum {
        async fn score(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
            Ok(masks.iter().map(|mask| vec![0.0, 0.01 * mask.count_on() as f64]).collect())
        }
    }
    let settings = Settings { modality: Modality::Lyrics, ..settings(Sampling::Bernoulli, 1.0, 80, 1) };
    let layout = Layout { audio: 8, words: 5 };
    let rows = pollster::block_on(run(&mut Sum, layout, &settings, &mut Quiet)).expect("scored");
    assert!(rows.distinct <= 32, "five words have 32 masks, not {}", rows.distinct);
    assert_eq!(rows.top_labels(1), [1]);
    let line = &rows.explain(&[1], &settings).expect("a line")[0];
    let mut features: Vec<usize> = line.weights.iter().map(|(feature, _)| *feature).collect();
    features.sort_unstable();
    assert_eq!(features, [8, 9, 10, 11, 12]);
    // The penalty of 1 against about 20 = 80 rows / 4 pulls by 5 %.
    assert!(line.weights.iter().all(|(_, weight)| (weight - 0.0095).abs() < 0.0005), "{line:?}");
}
