//! `musiclime surrogate`: the surrogate alone, from masks and scores as JSON to its line as
//! JSON. It lets anyone hold this implementation against another one, with any model.

use super::fit::fit;
use super::mask::Mask;
use super::settings::{FeatureSelection, Preset, Settings, check_size};
use crate::{Error, Result};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What to fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Where the kernel, the alphas and the selection come from.
    pub preset: Preset,
    /// How many features at most; all when absent.
    pub num_features: Option<usize>,
    /// Another selection than the preset's.
    pub feature_selection: Option<FeatureSelection>,
}

impl Options {
    fn settings(self) -> Settings {
        let mut settings = Settings { num_features: self.num_features, ..Settings::preset(self.preset) };
        if let Some(selection) = self.feature_selection {
            settings.feature_selection = selection;
        }
        settings
    }
}

/// Masks and the scores of one label.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// One row per score; row 0 is the instance.
    pub masks: Vec<Mask>,
    /// One finite score per row.
    pub scores: Vec<f64>,
}

/// What is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Output {
    /// The line's value with every feature off.
    pub intercept: f64,
    /// The weighted R².
    pub score: f64,
    /// The line's value at row 0.
    pub local_prediction: f64,
    /// Feature (counted from 0) and coefficient, largest magnitude first.
    pub weights: Vec<(usize, f64)>,
}

/// From `{"masks": [[0|1, ...], ...], "scores": [...]}` to
/// `{"intercept", "score", "local_prediction", "weights": [[feature, weight], ...]}`.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) as [`Input::parse`] and [`fit`] say.
pub fn surrogate(json: &[u8], options: Options) -> Result<String> {
    let output = solve(&Input::parse(json)?, options)?;
    serde_json::to_string(&output)
        .map_err(|error| Error::internal(format!("can't write the surrogate: {error}")))
}

/// Fits the line.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) as [`fit`] says.
pub fn solve(input: &Input, options: Options) -> Result<Output> {
    let line = fit(&input.masks, &input.scores, &options.settings())?;
    Ok(Output {
        intercept: line.intercept,
        score: line.score,
        local_prediction: line.local_prediction,
        weights: line.weights,
    })
}

impl Input {
    /// Reads and checks masks and scores. Rows and columns in messages count from 0, as in the
    /// file's own order.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for what is no JSON of this form, empty or
    /// ragged masks, values that are not 0 or 1, scores that are no finite numbers, and numbers
    /// of rows that differ.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let file: File = serde_json::from_slice(json).map_err(|error| {
            Error::input(format!("masks and scores can't be read: {error}"))
                .hint("write {\"masks\": [[0 or 1, ...], ...], \"scores\": [numbers]}")
        })?;
        let features = file.masks.first().map_or(0, Vec::len);
        if features == 0 {
            let what =
                if file.masks.is_empty() { "there are no masks" } else { "row 0 of the masks is empty" };
            return Err(Error::input(what).hint("row 0 is the instance, with one value per feature"));
        }
        check_size(file.masks.len(), features)?;
        let masks = file.masks.iter().enumerate().map(|(row, cells)| mask(row, cells, features));
        let masks = masks.collect::<Result<Vec<Mask>>>()?;
        let scores = file.scores.iter().enumerate().map(|(row, cell)| match cell {
            Cell::Number(score) if score.is_finite() => Ok(*score),
            other => Err(Error::input(format!("score {row} is {other}, not a finite number"))),
        });
        let scores = scores.collect::<Result<Vec<f64>>>()?;
        if masks.len() != scores.len() {
            return Err(Error::input(format!("there are {} masks and {} scores", masks.len(), scores.len()))
                .hint("give one score per mask"));
        }
        Ok(Self { masks, scores })
    }
}

/// One checked row.
fn mask(row: usize, cells: &[Cell], features: usize) -> Result<Mask> {
    if cells.len() != features {
        let message = format!("row {row} of the masks has {} values, row 0 has {features}", cells.len());
        return Err(Error::input(message).hint("every row has one value per feature"));
    }
    let cells = cells.iter().enumerate().map(|(column, cell)| match cell {
        Cell::Number(0.0) => Ok(false),
        Cell::Number(1.0) => Ok(true),
        other => Err(Error::input(format!("row {row}, column {column} of the masks is {other}, not 0 or 1"))),
    });
    cells.collect()
}

#[derive(Deserialize)]
struct File {
    masks: Vec<Vec<Cell>>,
    scores: Vec<Cell>,
}

/// Any JSON value, as small as a number: so that a wrong one can be named by row and column,
/// which serde's own message (line and column of the text) does not do.
enum Cell {
    Number(f64),
    Other(&'static str),
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Number(number) => write!(f, "{number}"),
            Cell::Other(what) => f.write_str(what),
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
        Ok(Cell::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Number(value))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Other(if value { "true" } else { "false" }))
    }

    fn visit_str<E>(self, _: &str) -> Result<Cell, E> {
        Ok(Cell::Other("a text"))
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Other("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Other("an object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    const LIME: Options = Options { preset: Preset::Lime, num_features: None, feature_selection: None };

    #[test]
    fn a_file_becomes_a_line() {
        let json = br#"{"masks": [[1, 1], [1.0, 0], [0, 1], [0, 0.0]], "scores": [1, 0.75, 0.25, 0], "note": "more is welcome"}"#;
        let text = surrogate(json, LIME).expect("a line");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["intercept", "score", "local_prediction", "weights"]);
        assert_eq!(value["weights"][0][0], 0);
        assert_eq!(value["weights"][1][0], 1);
        assert!(value["weights"][0][1].as_f64() > value["weights"][1][1].as_f64());
    }

    #[test]
    fn options_replace_the_presets_choices() {
        let json = br#"{"masks": [[1, 1, 1], [1, 0, 1], [0, 1, 1], [0, 0, 0]], "scores": [1, 0.7, 0.2, 0]}"#;
        let input = Input::parse(json).expect("valid");
        let one = Options { num_features: Some(1), ..LIME };
        assert_eq!(solve(&input, one).expect("a line").weights.len(), 1);
        let all = Options { feature_selection: Some(FeatureSelection::None), ..one };
        assert_eq!(solve(&input, all).expect("a line").weights.len(), 3);
        let none = Options { num_features: Some(0), ..LIME };
        assert_eq!(solve(&input, none).expect_err("no features").kind(), ErrorKind::Input);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (json, words) in [
            ("", "can't be read"),
            ("[]", "can't be read"),
            (r#"{"masks": [[1]]}"#, "missing field `scores`"),
            (r#"{"masks": [[1], [0]], "scores": [1, NaN]}"#, "can't be read"),
            (r#"{"masks": [[1], [0]], "scores": [1, 1e999]}"#, "can't be read"),
            (r#"{"masks": [], "scores": []}"#, "there are no masks"),
            (r#"{"masks": [[], []], "scores": [1, 2]}"#, "row 0 of the masks is empty"),
            (r#"{"masks": [[1, 1], [1]], "scores": [1, 2]}"#, "row 1 of the masks has 1 values, row 0 has 2"),
            (
                r#"{"masks": [[1, 1], [1, 2]], "scores": [1, 2]}"#,
                "row 1, column 1 of the masks is 2, not 0 or 1",
            ),
            (r#"{"masks": [[1, 1], [-1, 1]], "scores": [1, 2]}"#, "row 1, column 0 of the masks is -1"),
            (r#"{"masks": [[1, 0.5], [1, 1]], "scores": [1, 2]}"#, "row 0, column 1 of the masks is 0.5"),
            (r#"{"masks": [[1, true], [1, 1]], "scores": [1, 2]}"#, "row 0, column 1 of the masks is true"),
            (r#"{"masks": [[1, null], [1, 1]], "scores": [1, 2]}"#, "row 0, column 1 of the masks is null"),
            (r#"{"masks": [[1, "1"], [1, 1]], "scores": [1, 2]}"#, "row 0, column 1 of the masks is a text"),
            (r#"{"masks": [[1, [1]], [1, 1]], "scores": [1, 2]}"#, "row 0, column 1 of the masks is a list"),
            (
                r#"{"masks": [[1, {"a": 1}], [1, 1]], "scores": [1, 2]}"#,
                "row 0, column 1 of the masks is an object",
            ),
            (r#"{"masks": [[1, 1], [1, 0]], "scores": [1, null]}"#, "score 1 is null, not a finite number"),
            (r#"{"masks": [[1, 1], [1, 0]], "scores": [1]}"#, "there are 2 masks and 1 scores"),
            (r#"{"masks": [[1, 1]], "scores": [1]}"#, "fewer than two rows"),
        ] {
            let error = surrogate(json.as_bytes(), LIME).expect_err(json);
            assert_eq!(error.kind(), ErrorKind::Input, "{json}");
            assert!(error.message().contains(words), "{json}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_read_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), json in r#"\{"masks":\[(\[[01,]{0,6}\],?){0,4}\],"scores":\[[0-9,.e-]{0,9}\]\}"#) {
            let _ = surrogate(&bytes, LIME);
            let _ = surrogate(json.as_bytes(), LIME);
        }

        #[test]
        fn what_is_printed_is_json_without_nan(
            masks in prop::collection::vec(prop::collection::vec(0u8..2, 3), 2..9), scores in prop::collection::vec(-1e3f64..1e3, 9), which in 0usize..5,
        ) {
            let scores = &scores[..masks.len()];
            let json = serde_json::json!({ "masks": masks, "scores": scores }).to_string();
            for &preset in Preset::ALL {
                let options = Options { preset, num_features: Some(2), feature_selection: Some(FeatureSelection::ALL[which]) };
                let text = surrogate(json.as_bytes(), options).expect("a line");
                prop_assert!(!text.contains("null"), "{}", text);
            }
        }
    }
}
