//! Which tensors a model needs, by name and shape.

use super::{ModelConfig, ast, classifier, roberta};

/// The name and the shape of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The canonical name: that of the authors' published checkpoints, whose encoders have the
    /// names of transformers 4 below `audio_model.` and `text_model.`, and whose head is
    /// `classifier.`. Models of one modality use the same roots.
    pub name: String,
    /// The shape, in PyTorch's layout.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    pub(super) fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), shape: shape.into() }
    }

    /// Number of values.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// Every tensor that a model of this configuration is made of, in the order of a checkpoint, and
/// no other: what transformers stores but this model never reads (RoBERTa's pooler) is not listed.
///
/// The configuration has to be [valid](ModelConfig::validate), or the list may be absurdly long.
pub fn schema(config: &ModelConfig) -> Vec<TensorSpec> {
    let mut out = Vec::new();
    if let Some(audio) = &config.audio {
        ast::schema(&mut out, audio);
    }
    if let Some(text) = &config.text {
        roberta::schema(&mut out, text);
    }
    classifier::schema(&mut out, config);
    out
}
