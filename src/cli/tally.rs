//! What `predict` hands out for a list of songs: the predictions, and how many are as expected.

use crate::explanation::Prediction;
use serde::Serialize;
use serde_json::{Map, Value};

/// The predictions for a list of songs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// In the order of the list; those that were not reached when the work was stopped are missing.
    pub(super) songs: Vec<Entry>,
    pub(super) summary: Summary,
}

/// One song of the list.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) title: Option<String>,
    /// The class that the list gives it, in the model's spelling.
    pub(super) expected: Option<String>,
    /// Most probable first; empty if the song failed.
    pub(super) predictions: Vec<Prediction>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Entry {
    fn right(&self) -> Option<bool> {
        Some(self.expected.as_ref()? == &self.predictions.first()?.label)
    }
}

/// How many songs there are and how many were told right.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Summary {
    /// All that were tried.
    songs: usize,
    failed: usize,
    /// Those with an expected class that did not fail; the figures below are about them.
    labelled: usize,
    right: usize,
    /// Absent where nothing is labelled.
    accuracy: Option<f64>,
    /// In the order of the model's classes, without those that no song is expected to be.
    per_label: Vec<PerLabel>,
    /// Expected class to predicted class to number of songs.
    confusion: Map<String, Value>,
    /// Whether the work was stopped before the end of the list.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stopped: bool,
}

/// Of the songs of one class, how many were told right.
#[derive(Debug, PartialEq, Serialize)]
struct PerLabel {
    label: String,
    songs: usize,
    right: usize,
    recall: f64,
}

/// Counts; `labels` are the model's classes.
pub(super) fn report(songs: Vec<Entry>, labels: &[String], stopped: bool) -> Report {
    let mut counts = vec![vec![0_usize; labels.len()]; labels.len()];
    let place = |name: &str| labels.iter().position(|label| label == name);
    for song in &songs {
        let (expected, first) = (song.expected.as_deref(), song.predictions.first());
        if let (Some(row), Some(column)) = (expected.and_then(place), first.and_then(|p| place(&p.label))) {
            counts[row][column] += 1;
        }
    }
    let mut per_label = Vec::new();
    let mut confusion = Map::new();
    for (row, (label, counts)) in labels.iter().zip(&counts).enumerate() {
        let (songs, right) = (counts.iter().sum(), counts[row]);
        if songs == 0 {
            continue;
        }
        per_label.push(PerLabel { label: label.clone(), songs, right, recall: share(right, songs) });
        let counted = labels.iter().cloned().zip(counts.iter().map(|count| Value::from(*count)));
        confusion.insert(label.clone(), Value::Object(counted.collect()));
    }
    let labelled = per_label.iter().map(|label| label.songs).sum();
    let right = per_label.iter().map(|label| label.right).sum();
    let summary = Summary {
        songs: songs.len(),
        failed: songs.iter().filter(|song| song.error.is_some()).count(),
        labelled,
        right,
        accuracy: (labelled > 0).then(|| share(right, labelled)),
        per_label,
        confusion,
        stopped,
    };
    Report { songs, summary }
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

impl Report {
    /// The number of songs that failed.
    pub(super) fn failed(&self) -> usize {
        self.summary.failed
    }

    /// For reading: a line for each song, then the summary.
    pub(super) fn table(&self) -> String {
        let mut rows = vec![["id", "expected", "predicted", "", ""].map(String::from)];
        rows.extend(self.songs.iter().map(row));
        let mut lines = aligned(&rows);
        lines.push(String::new());
        let s = &self.summary;
        let mut songs = format!("{} songs", s.songs);
        if s.failed > 0 {
            songs += &format!(", {} failed", s.failed);
        }
        if s.stopped {
            songs += ", stopped before the end of the list";
        }
        lines.push(songs);
        if let Some(accuracy) = s.accuracy {
            lines.push(format!("{} of {} right ({})", s.right, s.labelled, percent(accuracy)));
            lines.push(String::new());
            lines.extend(aligned(&self.confusion_rows()));
        }
        lines.join("\n")
    }

    /// A row for each expected class, a column for each predicted one.
    fn confusion_rows(&self) -> Vec<Vec<String>> {
        let s = &self.summary;
        let columns = s.confusion.values().next().and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let head =
            ["expected", "right", ""].map(String::from).into_iter().chain(columns.map(|c| format!("as {c}")));
        let mut rows = vec![head.collect::<Vec<_>>()];
        for label in &s.per_label {
            let counts = s.confusion[&label.label].as_object().into_iter().flat_map(Map::values);
            let right = format!("{} of {}", label.right, label.songs);
            let first = [label.label.clone(), right, percent(label.recall)];
            rows.push(first.into_iter().chain(counts.map(Value::to_string)).collect());
        }
        rows
    }
}

fn row(song: &Entry) -> [String; 5] {
    let expected = song.expected.clone().unwrap_or_default();
    let mark = match song.right() {
        Some(true) => "right",
        Some(false) => "WRONG",
        None => "",
    };
    match (song.predictions.first(), &song.error) {
        (Some(first), _) => {
            [song.id.clone(), expected, first.label.clone(), percent(first.probability), mark.into()]
        }
        (None, error) => {
            let error = error.as_deref().unwrap_or_default();
            [song.id.clone(), expected, "FAILED".into(), String::new(), error.into()]
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Rows with their columns one below the other, two spaces apart.
fn aligned<R: AsRef<[String]>>(rows: &[R]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.as_ref().get(column));
        cells.map(|cell: &String| cell.chars().count()).max()
    };
    let line = |row: &R| {
        let cells = row.as_ref().iter().enumerate();
        let padded = cells.map(|(i, cell)| format!("{cell:<width$}", width = width(i).unwrap_or(0)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn song(id: &str, expected: Option<&str>, predicted: Option<(&str, f64)>) -> Entry {
        Entry {
            id: id.into(),
            title: None,
            expected: expected.map(str::to_owned),
            predictions: predicted
                .map(|(label, probability)| Prediction { label: label.into(), probability })
                .into_iter()
                .collect(),
            error: predicted.is_none().then(|| "gone".into()),
        }
    }

    fn labels() -> Vec<String> {
        ["sad", "calm", "angry"].map(String::from).to_vec()
    }

    #[test]
    fn only_songs_that_are_labelled_and_did_not_fail_count() {
        let songs = vec![
            song("a", Some("sad"), Some(("sad", 0.9))),
            song("b", Some("sad"), Some(("calm", 0.5))),
            song("c", Some("calm"), Some(("calm", 0.7))),
            song("d", None, Some(("angry", 0.4))),
            song("e", Some("sad"), None),
        ];
        let report = report(songs, &labels(), false);
        let summary = serde_json::to_value(&report.summary).unwrap();
        let expected = serde_json::json!({
            "songs": 5, "failed": 1, "labelled": 3, "right": 2, "accuracy": 2.0 / 3.0,
            "per_label": [
                {"label": "sad", "songs": 2, "right": 1, "recall": 0.5},
                {"label": "calm", "songs": 1, "right": 1, "recall": 1.0},
            ],
            "confusion": {
                "sad": {"sad": 1, "calm": 1, "angry": 0},
                "calm": {"sad": 0, "calm": 1, "angry": 0},
            },
        });
        assert_eq!(summary, expected);
        let table = "\
id  expected  predicted
a   sad       sad        90 %  right
b   sad       calm       50 %  WRONG
c   calm      calm       70 %  right
d             angry      40 %
e   sad       FAILED           gone

5 songs, 1 failed
2 of 3 right (67 %)

expected  right          as sad  as calm  as angry
sad       1 of 2  50 %   1       1        0
calm      1 of 1  100 %  0       1        0";
        assert_eq!(report.table(), table);
    }

    #[test]
    fn without_labels_there_is_no_accuracy() {
        let report = report(vec![song("a", None, Some(("sad", 0.9)))], &labels(), true);
        let summary = serde_json::to_value(&report.summary).unwrap();
        assert_eq!(summary["accuracy"], Value::Null);
        assert_eq!(summary["confusion"], serde_json::json!({}));
        assert_eq!(summary["stopped"], true);
        assert!(report.table().ends_with("1 songs, stopped before the end of the list"));
    }
}
