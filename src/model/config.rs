//! The sizes of a model, in the words of transformers' own configuration files.

use super::schema;
use crate::{Error, Result};
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

impl ModelConfig {
    /// Checks that a model of these sizes can exist, so that nothing that is computed from them
    /// overflows or needs memory out of all proportion.
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`](crate::ErrorKind::Bundle), naming the field.
    pub fn validate(&self) -> Result<()> {
        within("classes", self.classes, 1, 100_000)?;
        let (hears, reads) = match self.task {
            Task::Multimodal => (true, true),
            Task::Audio => (true, false),
            Task::Lyrics => (false, true),
        };
        for (part, is, ought) in
            [("audio", self.audio.is_some(), hears), ("text", self.text.is_some(), reads)]
        {
            if is != ought {
                let what = if ought { "lacks" } else { "has a superfluous" };
                return Err(Error::bundle(format!(
                    "the configuration of a model for the task {:?} {what} section \"{part}\"",
                    self.task
                )));
            }
        }
        if let Some(audio) = &self.audio {
            audio.validate().map_err(|e| e.context("audio"))?;
        }
        if let Some(text) = &self.text {
            text.validate().map_err(|e| e.context("text"))?;
        }
        // Every factor of every shape is bounded by now, so that f64 can't overflow, and neither
        // is the list of tensors absurdly long.
        let values: f64 =
            schema(self).iter().map(|tensor| tensor.shape.iter().map(|&n| n as f64).product::<f64>()).sum();
        if values > MAX_VALUES {
            return Err(Error::bundle(format!(
                "the configuration makes a model of {:.1} billion weights, but at most {:.1} billion are supported",
                values / 1e9,
                MAX_VALUES / 1e9
            )));
        }
        Ok(())
    }
}

/// The most weights of a model: what 32-bit WebAssembly could address if it held nothing else.
/// The paper's model has 0.44 billion.
const MAX_VALUES: f64 = (1u64 << 30) as f64;

/// The most tokens of one pass, since attention's memory grows with their square. The paper's
/// AST has 1,214.
const MAX_TOKENS: usize = 16_384;

impl AstConfig {
    fn validate(&self) -> Result<()> {
        encoder(
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            &self.hidden_act,
            self.layer_norm_eps,
        )?;
        within("num_mel_bins", self.num_mel_bins, 1, 4096)?;
        within("max_length", self.max_length, 1, 1 << 20)?;
        within("patch_size", self.patch_size, 1, 1024)?;
        within("frequency_stride", self.frequency_stride, 1, 4096)?;
        within("time_stride", self.time_stride, 1, 1 << 20)?;
        if self.patch_size > self.num_mel_bins.min(self.max_length) {
            return Err(Error::bundle(format!(
                "no patch of {0} x {0} fits into {1} mel bins and {2} frames",
                self.patch_size, self.num_mel_bins, self.max_length
            )));
        }
        within("the number of patches", self.patches(), 1, MAX_TOKENS)
    }
}

impl RobertaConfig {
    fn validate(&self) -> Result<()> {
        encoder(
            self.hidden_size,
            self.num_hidden_layers,
            self.num_attention_heads,
            self.intermediate_size,
            &self.hidden_act,
            self.layer_norm_eps,
        )?;
        within("vocab_size", self.vocab_size, 1, 1 << 24)?;
        within("max_position_embeddings", self.max_position_embeddings, 1, MAX_TOKENS)?;
        within("type_vocab_size", self.type_vocab_size, 1, 1024)?;
        if self.pad_token_id >= self.vocab_size {
            return Err(Error::bundle(format!(
                "pad_token_id is {}, which is not in a vocabulary of {}",
                self.pad_token_id, self.vocab_size
            )));
        }
        // <s> and </s> at least.
        within("max_position_embeddings less pad_token_id and one", self.max_tokens(), 2, MAX_TOKENS)
    }
}

/// Checks what both encoders have.
fn encoder(width: usize, layers: usize, heads: usize, inner: usize, act: &str, epsilon: f64) -> Result<()> {
    within("hidden_size", width, 1, 1 << 16)?;
    within("num_hidden_layers", layers, 1, 1024)?;
    within("num_attention_heads", heads, 1, 1 << 16)?;
    within("intermediate_size", inner, 1, 1 << 18)?;
    if !width.is_multiple_of(heads) {
        return Err(Error::bundle(format!(
            "hidden_size {width} can't be divided among {heads} attention heads"
        )));
    }
    if act != "gelu" {
        return Err(Error::bundle(format!("hidden_act is \"{act}\", but only \"gelu\" is supported")));
    }
    // The smallest positive f32 that is not subnormal: less is lost in f32, and an even row of
    // values would be divided by nothing.
    if !(f64::from(f32::MIN_POSITIVE)..1.0).contains(&epsilon) {
        return Err(Error::bundle(format!(
            "layer_norm_eps is {epsilon}, which is not a small positive number"
        )));
    }
    Ok(())
}

/// Refuses a number of a configuration that is out of its bounds.
pub(super) fn within(field: &str, value: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::bundle(format!("{field} is {value}, which is not between {least} and {most}")))
}

fn gelu() -> String {
    "gelu".into()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn paper() -> Value {
        json!({
            "task": "multimodal",
            "classes": 9,
            "audio": {
                "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
                "layer_norm_eps": 1e-12, "patch_size": 16, "frequency_stride": 10, "time_stride": 10,
                "max_length": 1024, "num_mel_bins": 128, "qkv_bias": true, "model_type": "audio-spectrogram-transformer"
            },
            "text": {
                "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
                "layer_norm_eps": 1e-5, "vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1,
                "pad_token_id": 1, "hidden_act": "gelu"
            }
        })
    }

    fn validate(config: Value) -> Result<()> {
        serde_json::from_value::<ModelConfig>(config).unwrap().validate()
    }

    #[test]
    fn the_papers_model_is_valid() {
        validate(paper()).unwrap();
        let config: ModelConfig = serde_json::from_value(paper()).unwrap();
        let weights: usize = schema(&config).iter().map(|tensor| tensor.size()).sum();
        // As transformers counts them: AST-base, RoBERTa-large without its pooler, fusion head.
        assert_eq!(weights, 86_187_264 + 354_310_144 + 19_721);
    }

    #[test]
    fn impossible_sizes_are_named() {
        for (path, value, message) in [
            ("/classes", json!(0), "classes"),
            ("/audio", Value::Null, "\"audio\""),
            ("/text", Value::Null, "\"text\""),
            ("/task", json!("audio"), "superfluous section \"text\""),
            ("/task", json!("lyrics"), "superfluous section \"audio\""),
            ("/audio/num_attention_heads", json!(7), "7 attention heads"),
            ("/audio/num_attention_heads", json!(0), "num_attention_heads"),
            ("/audio/hidden_size", json!(0), "hidden_size"),
            ("/audio/num_hidden_layers", json!(0), "num_hidden_layers"),
            ("/audio/num_hidden_layers", json!(1u64 << 60), "num_hidden_layers"),
            ("/audio/frequency_stride", json!(0), "frequency_stride"),
            ("/audio/time_stride", json!(0), "time_stride"),
            ("/audio/patch_size", json!(129), "129 x 129"),
            ("/audio/max_length", json!(15), "15 frames"),
            ("/audio/max_length", json!(1 << 20), "patches"),
            ("/audio/layer_norm_eps", json!(0.0), "layer_norm_eps"),
            ("/text/layer_norm_eps", json!(-1e-5), "layer_norm_eps"),
            ("/text/hidden_act", json!("gelu_new"), "gelu_new"),
            ("/text/pad_token_id", json!(50265), "pad_token_id"),
            ("/text/pad_token_id", json!(512), "max_position_embeddings"),
            ("/text/type_vocab_size", json!(0), "type_vocab_size"),
            ("/text/vocab_size", json!(u64::MAX), "vocab_size"),
            ("/text/vocab_size", json!(1 << 24), "billion"),
        ] {
            let mut config = paper();
            *config.pointer_mut(path).unwrap() = value;
            let error = validate(config).unwrap_err();
            assert!(error.message().contains(message), "{path}: {error}");
        }
    }

    proptest! {
        // Whatever the numbers are, a valid configuration is one whose shapes multiply without
        // overflow, and an invalid one is an error and not a panic.
        #[test]
        fn any_numbers_are_safe(numbers in proptest::collection::vec(size(), 17)) {
            let mut config = paper();
            let names = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"];
            let audio = ["patch_size", "frequency_stride", "time_stride", "max_length", "num_mel_bins"];
            let text = ["vocab_size", "max_position_embeddings", "type_vocab_size", "pad_token_id"];
            let fields = names.iter().chain(&audio).map(|name| ("audio", name));
            let fields = fields.chain(names.iter().chain(&text).map(|name| ("text", name)));
            for ((part, name), &number) in fields.zip(&numbers) {
                if let Some(number) = number {
                    config[part][name] = json!(number);
                }
            }
            let config: ModelConfig = serde_json::from_value(config).unwrap();
            if config.validate().is_ok() {
                let size = |shape: &[usize]| shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n));
                prop_assert!(schema(&config).iter().all(|tensor| size(&tensor.shape).is_some()));
            }
        }
    }

    /// A size at any order of magnitude, or none to leave the paper's.
    fn size() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![Just(None), (0u32..64, any::<u64>()).prop_map(|(bits, n)| Some(n >> bits))]
    }
}
