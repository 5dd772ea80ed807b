//! What the user asks for.

use crate::lime::{self, FeatureSelection, Modality, Preset};
use crate::{Error, Result};
use serde::Deserialize;

/// What to explain and how. Absent fields take the preset's values.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// Where the defaults come from.
    pub preset: Preset,
    /// The classes to explain; empty for the most probable ones.
    pub labels: Vec<String>,
    /// How many of the most probable classes, where `labels` is empty.
    pub top_labels: usize,
    /// Rows of perturbations.
    pub samples: Option<usize>,
    /// Time segments.
    pub segments: usize,
    /// Seed of the perturbations.
    pub seed: u64,
    /// What is perturbed.
    pub modality: Modality,
    /// Start of the explained stretch in seconds; absent for the preset's rule.
    pub window_start: Option<f64>,
    /// How many features to keep; absent for all.
    pub num_features: Option<usize>,
    /// How they are chosen.
    pub feature_selection: Option<FeatureSelection>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            preset: Preset::Default,
            labels: Vec::new(),
            top_labels: 1,
            samples: None,
            segments: 10,
            seed: 0,
            modality: Modality::Both,
            window_start: None,
            num_features: None,
            feature_selection: None,
        }
    }
}

/// More rows than anybody waits for; also bounds the memory that masks take.
const MAX_SAMPLES: usize = 100_000;

/// Segments shorter than some tens of milliseconds can't be told apart by ear or by the model.
const MAX_SEGMENTS: usize = 200;

impl Request {
    /// The settings of the LIME engine.
    ///
    /// # Errors
    /// If a number is out of its range.
    pub(super) fn lime_settings(&self) -> Result<lime::Settings> {
        let mut settings = lime::Settings::preset(self.preset);
        settings.seed = self.seed;
        settings.modality = self.modality;
        if let Some(samples) = self.samples {
            if !(2..=MAX_SAMPLES).contains(&samples) {
                return Err(Error::input(format!("{samples} samples were asked for"))
                    .hint(format!("choose between 2 and {MAX_SAMPLES}")));
            }
            settings.samples = samples;
        }
        if let Some(n) = self.num_features {
            if n == 0 {
                return Err(Error::input("0 features were asked for").hint("choose at least 1"));
            }
            settings.num_features = Some(n);
        }
        if let Some(selection) = self.feature_selection {
            settings.feature_selection = selection;
        }
        Ok(settings)
    }

    /// The number of time segments.
    pub(super) fn checked_segments(&self) -> Result<usize> {
        if (1..=MAX_SEGMENTS).contains(&self.segments) {
            Ok(self.segments)
        } else {
            Err(Error::input(format!("{} segments were asked for", self.segments))
                .hint(format!("choose between 1 and {MAX_SEGMENTS}")))
        }
    }

    /// The indices of the named classes, or `None` where none is named.
    pub(super) fn label_indices(&self, labels: &[String]) -> Result<Option<Vec<usize>>> {
        if self.labels.is_empty() {
            return if self.top_labels == 0 {
                Err(Error::input("0 labels were asked for").hint("choose at least 1"))
            } else {
                Ok(None)
            };
        }
        let mut indices = Vec::new();
        for wanted in &self.labels {
            let found = labels
                .iter()
                .position(|l| l == wanted)
                .or_else(|| labels.iter().position(|l| l.to_lowercase() == wanted.to_lowercase()));
            match found {
                Some(index) if indices.contains(&index) => {}
                Some(index) => indices.push(index),
                None => {
                    return Err(Error::input(format!("the model has no label \"{wanted}\""))
                        .hint(format!("its labels are {}", labels.join(", "))));
                }
            }
        }
        Ok(Some(indices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["hip hop", "Sad"].map(String::from).to_vec()
    }

    #[test]
    fn labels_are_found_by_name_whatever_their_case() {
        let named = |names: &[&str]| Request {
            labels: names.iter().map(|n| n.to_string()).collect(),
            ..Request::default()
        };
        assert_eq!(named(&["sad", "Hip Hop", "Sad"]).label_indices(&labels()), Ok(Some(vec![1, 0])));
        assert_eq!(named(&[]).label_indices(&labels()), Ok(None));
        let error = named(&["punk"]).label_indices(&labels()).map_err(|e| e.to_string());
        assert_eq!(error, Err("the model has no label \"punk\" (its labels are hip hop, Sad)".into()));
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for samples in [0, 1, MAX_SAMPLES + 1] {
            assert!(Request { samples: Some(samples), ..Request::default() }.lime_settings().is_err());
        }
        assert!(Request { num_features: Some(0), ..Request::default() }.lime_settings().is_err());
        assert!(Request { segments: 0, ..Request::default() }.checked_segments().is_err());
        assert!(Request { top_labels: 0, ..Request::default() }.label_indices(&labels()).is_err());
    }
}
