//! `musiclime surrogate`: the surrogate alone, from masks and scores as JSON to its line as
//! JSON. It lets anyone hold this implementation against another one, with any model.

use super::fit::fit;
use super::mask::Mask;
use super::settings::{FeatureSelection, MAX_FEATURES, MAX_SAMPLES, Preset, Settings};
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
        if file.masks.len() > MAX_SAMPLES || features > MAX_FEATURES {
            return Err(Error::input(format!("{} rows of {features} masks are too many", file.masks.len()))
                .hint(format!("at most {MAX_SAMPLES} rows of {MAX_FEATURES}")));
        }
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
