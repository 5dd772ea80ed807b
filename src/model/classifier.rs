//! The whole model: encoders, the head, and the way in and out.

use super::ast::{self, Ast};
use super::layers::{Bias, LayerNorm, Linear};
use super::roberta::{self, Roberta, Tokens};
use super::schema::TensorSpec;
use super::{ModelConfig, Task, Weights};
use crate::{Error, Result};
use burn::tensor::{Device, Tensor, TensorData};

/// A classifier of songs, on its device.
///
/// Its two halves are apart: [`embed_audio`](Self::embed_audio) and
/// [`embed_text`](Self::embed_text) are the expensive encoders, [`logits`](Self::logits) is the
/// cheap head over what they gave, so that whoever scores many combinations encodes each part once.
///
/// Everything is computed in f32. Reads from the device are awaited, never blocking.
pub struct Classifier {
    config: ModelConfig,
    device: Device,
    audio: Option<Ast>,
    text: Option<Roberta>,
    head: Head,
}

/// A batch as a checkpoint's golden file holds it, each tensor in row-major order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// Number of songs.
    pub rows: usize,
    /// Spectrograms, `[rows, frames, mel bins]`; for models that hear audio.
    pub input_values: Option<&'a [f32]>,
    /// Token ids, `[rows, tokens]`; for models that read lyrics.
    pub input_ids: Option<&'a [i64]>,
    /// 1 where a token may be attended to and 0 where not, `[rows, tokens]`; all ones if absent.
    pub attention_mask: Option<&'a [i64]>,
}

/// One song's embeddings: from [`Classifier::embed_audio`] and [`Classifier::embed_text`].
///
/// Exactly those that the [`Task`] calls for are there.
pub type Embeddings<'a> = (Option<&'a [f32]>, Option<&'a [f32]>);

/// Floating-point operations of one pass, a multiply-add counting as two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flops {
    /// Of one spectrogram through the audio encoder; 0 if there is none.
    pub audio: f64,
    /// Of one text through the text encoder; 0 if there is none.
    pub text: f64,
}

/// What one pass through each encoder costs, for texts of `tokens`; the head's share is nothing
/// beside it.
pub fn flops(config: &ModelConfig, tokens: usize) -> Flops {
    Flops {
        audio: config.audio.as_ref().map_or(0.0, ast::flops),
        text: config.text.as_ref().map_or(0.0, |text| roberta::flops(text, tokens)),
    }
}

/// Probabilities from one row of logits.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(top)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

impl Classifier {
    /// Rows that go through the head at once: enough to keep any device busy, and 30 MB at the
    /// paper's size.
    const HEAD_ROWS: usize = 4096;

    /// Builds the model, taking every one of `weights`.
    ///
    /// # Errors
    /// If the configuration is not [valid](ModelConfig::validate), or a tensor is missing, of
    /// another shape than the configuration asks for, or superfluous.
    pub fn new(config: &ModelConfig, mut weights: Weights) -> Result<Self> {
        config.validate()?;
        let device = weights.device().clone();
        let audio = config.audio.as_ref().map(|audio| Ast::take(&mut weights, audio)).transpose()?;
        let text = config.text.as_ref().map(|text| Roberta::take(&mut weights, text)).transpose()?;
        let head = Head::take(&mut weights, config)?;
        weights.finish()?;
        Ok(Self { config: config.clone(), device, audio, text, head })
    }

    /// The sizes.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the model computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Encodes spectrograms of `frames * mel bins` values each, frame by frame: the mean of the
    /// AST's two summary tokens, `hidden_size` values per row.
    ///
    /// # Errors
    /// If the model hears no audio, a spectrogram has another size than it hears, or the device
    /// fails.
    pub async fn embed_audio(&self, batch: &[&[f32]]) -> Result<Vec<Vec<f32>>> {
        let audio = self.audio.as_ref().ok_or_else(|| Error::input("this model hears no audio"))?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        read(audio.encode(batch)?).await
    }

    /// Encodes texts, given as token ids from `<s>` to `</s>` without padding: RoBERTa's output at
    /// `<s>`, `hidden_size` values per row.
    ///
    /// Texts of unequal length are padded to the longest of the batch, so it pays to sort a larger
    /// set by length first.
    ///
    /// # Errors
    /// If the model reads no lyrics, a text is empty or too long, an id is not in the model's
    /// vocabulary, or the device fails.
    pub async fn embed_text(&self, batch: &[&[u32]]) -> Result<Vec<Vec<f32>>> {
        let text = self.text.as_ref().ok_or_else(|| Error::input("this model reads no lyrics"))?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        read(text.encode(&Tokens::ragged(batch, text.pad())?)?).await
    }

    /// The head's raw scores, one per class and row.
    ///
    /// # Errors
    /// If an embedding is missing, superfluous or of a wrong length, or the device fails.
    pub async fn logits(&self, songs: &[Embeddings<'_>]) -> Result<Vec<Vec<f32>>> {
        let mut out = Vec::with_capacity(songs.len());
        let widths = (
            self.config.audio.as_ref().map(|audio| audio.hidden_size),
            self.config.text.as_ref().map(|text| text.hidden_size),
        );
        let width = widths.0.unwrap_or(0) + widths.1.unwrap_or(0);
        for songs in songs.chunks(Self::HEAD_ROWS) {
            let mut values: Vec<f32> = Vec::with_capacity(songs.len() * width);
            for (audio, text) in songs {
                let found = (audio.map(<[f32]>::len), text.map(<[f32]>::len));
                if found != widths {
                    return Err(Error::internal(format!(
                        "embeddings of {found:?} values where {widths:?} belong"
                    )));
                }
                for part in [audio, text].into_iter().flatten() {
                    values.extend_from_slice(part);
                }
            }
            let values = TensorData::new(values, [songs.len(), width]);
            out.extend(read(self.head.forward(Tensor::from_data(values, &self.device))).await?);
        }
        Ok(out)
    }

    /// The raw scores of a whole batch as transformers would be given it, padding and all: one row
    /// per song, one score per class. This is how a conversion is checked.
    ///
    /// # Errors
    /// If a part of the input is missing or does not fit the model, or the device fails.
    pub async fn forward(&self, inputs: &Inputs<'_>) -> Result<Vec<Vec<f32>>> {
        if inputs.rows == 0 {
            return Err(Error::input("the input has no rows"));
        }
        let missing = |name| Error::input(format!("the input has no {name}, which this model needs"));
        let mut parts = Vec::with_capacity(2);
        if let Some((audio, config)) = self.audio.as_ref().zip(self.config.audio.as_ref()) {
            let values = inputs.input_values.ok_or_else(|| missing("input_values"))?;
            let spectrograms: Vec<_> = values.chunks(config.max_length * config.num_mel_bins).collect();
            if spectrograms.len() != inputs.rows {
                return Err(Error::input(format!(
                    "{} values don't make {} spectrograms of {} frames and {} mel bins",
                    values.len(),
                    inputs.rows,
                    config.max_length,
                    config.num_mel_bins
                )));
            }
            parts.push(audio.encode(&spectrograms)?);
        }
        if let Some(text) = &self.text {
            let ids = inputs.input_ids.ok_or_else(|| missing("input_ids"))?;
            parts.push(text.encode(&Tokens::padded(inputs.rows, ids, inputs.attention_mask)?)?);
        }
        read(self.head.forward(Tensor::cat(parts, 1))).await
    }
}

/// What makes scores of embeddings.
enum Head {
    /// The paper's: LayerNorm and a linear layer over audio and text side by side.
    Fusion { norm: LayerNorm, fc: Linear },
    /// `ASTForAudioClassification`'s: LayerNorm and a linear layer.
    Audio { norm: LayerNorm, dense: Linear },
    /// `RobertaForSequenceClassification`'s: a linear layer, tanh, and another linear layer.
    Lyrics { dense: Linear, out: Linear },
}

/// The epsilon of the fusion head's norm: PyTorch's default, which the published code leaves.
const FUSION_EPSILON: f64 = 1e-5;

impl Head {
    fn take(weights: &mut Weights, config: &ModelConfig) -> Result<Self> {
        let [audio, text] = widths(config);
        let classes = config.classes;
        Ok(match config.task {
            Task::Multimodal => Self::Fusion {
                norm: LayerNorm::take(weights, "classifier.layer_norm", audio + text, FUSION_EPSILON)?,
                fc: Linear::take(weights, "classifier.fc", [audio + text, classes], Bias::Yes)?,
            },
            Task::Audio => {
                let epsilon = config.audio.as_ref().map_or(FUSION_EPSILON, |audio| audio.layer_norm_eps);
                Self::Audio {
                    norm: LayerNorm::take(weights, "classifier.layernorm", audio, epsilon)?,
                    dense: Linear::take(weights, "classifier.dense", [audio, classes], Bias::Yes)?,
                }
            }
            Task::Lyrics => Self::Lyrics {
                dense: Linear::take(weights, "classifier.dense", [text, text], Bias::Yes)?,
                out: Linear::take(weights, "classifier.out_proj", [text, classes], Bias::Yes)?,
            },
        })
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Fusion { norm, fc: linear } | Self::Audio { norm, dense: linear } => {
                linear.forward(norm.forward(x))
            }
            Self::Lyrics { dense, out } => out.forward(dense.forward(x).tanh()),
        }
    }
}

pub(super) fn schema(out: &mut Vec<TensorSpec>, config: &ModelConfig) {
    let [audio, text] = widths(config);
    let classes = config.classes;
    match config.task {
        Task::Multimodal => {
            LayerNorm::schema(out, "classifier.layer_norm", audio + text);
            Linear::schema(out, "classifier.fc", [audio + text, classes], Bias::Yes);
        }
        Task::Audio => {
            LayerNorm::schema(out, "classifier.layernorm", audio);
            Linear::schema(out, "classifier.dense", [audio, classes], Bias::Yes);
        }
        Task::Lyrics => {
            Linear::schema(out, "classifier.dense", [text, text], Bias::Yes);
            Linear::schema(out, "classifier.out_proj", [text, classes], Bias::Yes);
        }
    }
}

fn widths(config: &ModelConfig) -> [usize; 2] {
    [
        config.audio.as_ref().map_or(0, |audio| audio.hidden_size),
        config.text.as_ref().map_or(0, |text| text.hidden_size),
    ]
}

/// Brings rows of values back from the device.
async fn read(rows: Tensor<2>) -> Result<Vec<Vec<f32>>> {
    let [_, width] = rows.dims();
    let lost = |cause: String| {
        Error::device(format!("the device failed while computing: {cause}")).hint("try the cpu backend")
    };
    let data = rows.into_data_async().await.map_err(|e| lost(e.to_string()))?;
    let values = data.try_into_vec::<f32>().map_err(|e| lost(format!("{e:?}")))?;
    if values.iter().any(|value| !value.is_finite()) {
        return Err(Error::bundle("the model computed something that is not a finite number")
            .hint("its weights or its input are damaged; bundle check tells"));
    }
    Ok(values.chunks(width.max(1)).map(<[f32]>::to_vec).collect())
}
