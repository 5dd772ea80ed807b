//! The sizes of a model, in the words of transformers' own configuration files.

use serde::{Deserialize, Serialize};

/// What a model listens to, and so which of the three architectures it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// AST and RoBERTa under the paper's fusion head.
    Multimodal,
    /// `ASTForAudioClassification`.
    Audio,
    /// `RobertaForSequenceClassification`.
    Lyrics,
}

/// The Audio Spectrogram Transformer, by the field names of transformers' `ASTConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AstConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Activation of the feed-forward layer; `gelu` is the exact one.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Epsilon of every LayerNorm of the encoder.
    pub layer_norm_eps: f64,
    /// Side of a square patch, in mel bins and in frames.
    pub patch_size: usize,
    /// Whether the q, k and v projections have biases.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// Distance of two patches, in mel bins.
    pub frequency_stride: usize,
    /// Distance of two patches, in frames.
    pub time_stride: usize,
    /// Frames that the model hears.
    pub max_length: usize,
    /// Mel bins.
    pub num_mel_bins: usize,
}

/// RoBERTa, by the field names of transformers' `RobertaConfig`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RobertaConfig {
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Width of a token.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layer.
    pub intermediate_size: usize,
    /// Activation of the feed-forward layer; `gelu` is the exact one.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Rows of the position embedding: two more than the longest text, since positions start
    /// behind the padding id.
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding; texts only use the first.
    pub type_vocab_size: usize,
    /// Epsilon of every LayerNorm of the encoder.
    pub layer_norm_eps: f64,
    /// Id of the padding token.
    pub pad_token_id: usize,
}

/// How a waveform becomes the AST's input, by the names of transformers' `ASTFeatureExtractor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureExtractor {
    /// Samples per second that the model was trained on.
    pub sampling_rate: u32,
    /// Frames after cutting or padding.
    #[serde(alias = "max_length")]
    pub max_frames: usize,
    /// Mel bins.
    pub num_mel_bins: usize,
    /// Subtracted from the log mel energies.
    pub mean: f64,
    /// Half of what the difference is divided by.
    pub std: f64,
}

/// Everything that decides the shapes of a model's tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Which of the three architectures.
    pub task: Task,
    /// Number of classes.
    pub classes: usize,
    /// The audio encoder; present unless the task is [`Task::Lyrics`].
    pub audio: Option<AstConfig>,
    /// The text encoder; present unless the task is [`Task::Audio`].
    pub text: Option<RobertaConfig>,
}

fn gelu() -> String {
    "gelu".into()
}

fn yes() -> bool {
    true
}
