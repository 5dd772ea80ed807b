//! The surrogate against the `lime` package and scikit-learn; see `tests/golden/lime/README.md`.

use musiclime::lime::{FeatureSelection, Mask, Preset, Settings, Surrogate, fit};
use serde::Deserialize;
use std::path::Path;

/// Promised for every coefficient, intercept, score and local prediction.
const TOLERANCE: f64 = 1e-6;

#[derive(Deserialize)]
struct Family {
    features: usize,
    masks: Vec<String>,
    scores: Vec<f64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    preset: Preset,
    selection: FeatureSelection,
    num_features: usize,
    determined: bool,
    #[serde(flatten)]
    answer: Option<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    intercept: f64,
    score: f64,
    local_prediction: f64,
    weights: Vec<(usize, f64)>,
}

impl Family {
    fn read(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/lime").join(name).with_extension("json");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn masks(&self) -> Vec<Mask> {
        let bits = |row: &String| -> Mask {
            let digits = row.chars().map(|digit| digit.to_digit(16).expect("a hexadecimal digit"));
            digits
                .flat_map(|digit| (0..4).rev().map(move |bit| digit >> bit & 1 == 1))
                .take(self.features)
                .collect()
        };
        self.masks.iter().map(bits).collect()
    }
}

impl Case {
    fn fit(&self, masks: &[Mask], scores: &[f64]) -> Surrogate {
        let settings = Settings {
            feature_selection: self.selection,
            num_features: Some(self.num_features),
            ..Settings::preset(self.preset)
        };
        fit(masks, scores, &settings).unwrap_or_else(|error| panic!("{}: {error}", self.name()))
    }

    fn name(&self) -> String {
        format!("{}/{}/{}", self.preset, self.selection, self.num_features)
    }
}

/// The largest difference of any number, after checking that the same features were selected.
fn difference(name: &str, ours: &Surrogate, theirs: &Answer) -> f64 {
    let sorted = |weights: &[(usize, f64)]| {
        let mut weights = weights.to_vec();
        weights.sort_by_key(|(feature, _)| *feature);
        weights
    };
    let (a, b) = (sorted(&ours.weights), sorted(&theirs.weights));
    let features = |weights: &[(usize, f64)]| weights.iter().map(|(feature, _)| *feature).collect::<Vec<_>>();
    assert_eq!(features(&a), features(&b), "{name}: selected features");
    // Where two coefficients differ by more than rounding, their order must be the same too.
    for (place, (ours, theirs)) in ours.weights.iter().zip(&theirs.weights).enumerate() {
        assert!((ours.1.abs() - theirs.1.abs()).abs() <= TOLERANCE, "{name}: order at place {place}");
    }
    let coefficients = a.iter().zip(&b).map(|((_, a), (_, b))| (a - b).abs());
    let others = [
        (ours.intercept - theirs.intercept).abs(),
        (ours.score - theirs.score).abs(),
        (ours.local_prediction - theirs.local_prediction).abs(),
    ];
    coefficients.chain(others).fold(0.0, f64::max)
}

/// Runs a family of cases and returns how many had a determined answer.
fn check(name: &str) -> usize {
    let family = Family::read(name);
    let masks = family.masks();
    let mut worst = (0.0, String::from("none"));
    let mut compared = 0;
    for case in &family.cases {
        let ours = case.fit(&masks, &family.scores);
        let numbers = ours.weights.iter().map(|(_, weight)| *weight).chain(ours.std_errors.iter().copied());
        assert!(numbers.chain([ours.intercept, ours.score, ours.local_prediction]).all(f64::is_finite));
        let Some(theirs) = &case.answer else {
            assert!(!case.determined);
            continue;
        };
        let difference = difference(&format!("{name}: {}", case.name()), &ours, theirs);
        if difference > worst.0 {
            worst = (difference, case.name());
        }
        compared += 1;
    }
    println!(
        "{name}: {} x {}, {compared} of {} cases determined, largest difference {:.1e} ({})",
        masks.len(),
        family.features,
        family.cases.len(),
        worst.0,
        worst.1
    );
    assert!(worst.0 <= TOLERANCE, "{name}: {} differs by {:e}", worst.1, worst.0);
    compared
}

#[test]
fn coins() {
    assert_eq!(check("coins"), 50);
}

#[test]
fn lime_text() {
    assert_eq!(check("lime_text"), 50);
}

#[test]
fn song() {
    assert_eq!(check("song"), 10);
}

#[test]
fn repeated_rows() {
    assert_eq!(check("repeated_rows"), 50);
}

#[test]
fn zero_rows() {
    assert_eq!(check("zero_rows"), 42);
}

#[test]
fn dependent_columns() {
    assert_eq!(check("dependent_columns"), 37);
}

#[test]
fn constant_columns() {
    assert_eq!(check("constant_columns"), 43);
}

#[test]
fn wide() {
    assert_eq!(check("wide"), 50);
}

#[test]
fn partial_instance() {
    assert_eq!(check("partial_instance"), 42);
}

#[test]
fn constant_scores() {
    assert_eq!(check("constant_scores"), 26);
}

#[test]
fn tiny_scores() {
    assert_eq!(check("tiny_scores"), 26);
}
