//! RoBERTa, as transformers' `RobertaModel` without its pooler computes it.

use super::layers::{Bias, Block, BlockNames, BlockSizes, LayerNorm, Mask, encoder_flops};
use super::schema::TensorSpec;
use super::{RobertaConfig, Weights};
use crate::{Error, Result};
use burn::tensor::{Device, Tensor, TensorData};

const ROOT: &str = "text_model";

const NAMES: BlockNames = BlockNames {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    inner: "intermediate.dense",
    outer: "output.dense",
    feed_forward_norm: "output.LayerNorm",
};

/// The one token whose output stands for the text: `<s>`, the first.
const SUMMARIES: usize = 1;

/// A rectangle of token ids, with what of it may be attended to.
pub(super) struct Tokens {
    rows: usize,
    width: usize,
    ids: Vec<u32>,
    visible: Vec<bool>,
}

impl Tokens {
    /// Texts of unequal length, padded to the longest of them.
    pub(super) fn ragged(texts: &[&[u32]], pad: u32) -> Result<Self> {
        if texts.iter().any(|text| text.is_empty()) {
            return Err(Error::input("a text without any token can't be encoded")
                .hint("even an empty text has the tokens <s> and </s>"));
        }
        let width = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut tokens = Self {
            rows: texts.len(),
            width,
            ids: Vec::new(),
            visible: Vec::with_capacity(texts.len() * width),
        };
        for text in texts {
            tokens.ids.extend_from_slice(text);
            tokens.ids.resize(tokens.visible.len() + width, pad);
            tokens.visible.extend((0..width).map(|n| n < text.len()));
        }
        Ok(tokens)
    }

    /// Ids and attention mask as transformers' tokenizers give them, `rows` of equal length;
    /// without a mask everything is visible.
    pub(super) fn padded(rows: usize, ids: &[i64], mask: Option<&[i64]>) -> Result<Self> {
        let width = ids.len().checked_div(rows).unwrap_or(0);
        if width == 0 || rows * width != ids.len() {
            return Err(Error::input(format!(
                "{} token ids don't make {rows} texts of one length",
                ids.len()
            )));
        }
        let ids = ids
            .iter()
            .map(|&id| u32::try_from(id).map_err(|_| Error::input(format!("{id} is not a token id"))))
            .collect::<Result<_>>()?;
        let visible = match mask {
            None => vec![true; rows * width],
            Some(mask) if mask.len() != rows * width => {
                return Err(Error::input(format!(
                    "the attention mask has {} values for {} token ids",
                    mask.len(),
                    rows * width
                )));
            }
            Some(mask) => mask
                .iter()
                .map(|&value| match value {
                    0 => Ok(false),
                    1 => Ok(true),
                    other => {
                        Err(Error::input(format!("{other} in an attention mask, which has only 0 and 1")))
                    }
                })
                .collect::<Result<_>>()?,
        };
        if visible.chunks_exact(width).any(|row| !row.contains(&true)) {
            return Err(Error::input("an attention mask hides a whole text"));
        }
        Ok(Self { rows, width, ids, visible })
    }
}

/// The encoder.
pub(super) struct Roberta {
    config: RobertaConfig,
    device: Device,
    /// Rows of `hidden_size` values each, in the host's memory: see [`Weights`].
    words: Vec<f32>,
    /// As `words`.
    positions: Vec<f32>,
    /// The first row of the token types, the only one that texts use.
    token_type: Vec<f32>,
    norm: LayerNorm,
    blocks: Vec<Block>,
}

impl Roberta {
    pub(super) fn take(weights: &mut Weights, config: &RobertaConfig) -> Result<Self> {
        let width = config.hidden_size;
        let device = weights.device().clone();
        let mut table =
            |name, rows| weights.take_table(&format!("{ROOT}.embeddings.{name}.weight"), [rows, width]);
        let words = table("word_embeddings", config.vocab_size)?;
        let positions = table("position_embeddings", config.max_position_embeddings)?;
        let mut token_type = table("token_type_embeddings", config.type_vocab_size)?;
        token_type.truncate(width);

        let norm = format!("{ROOT}.embeddings.LayerNorm");
        let norm = LayerNorm::take(weights, &norm, width, config.layer_norm_eps)?;
        let sizes = sizes(config);
        let blocks = (0..config.num_hidden_layers)
            .map(|n| Block::take(weights, &format!("{ROOT}.encoder.layer.{n}"), &NAMES, &sizes))
            .collect::<Result<_>>()?;
        Ok(Self { config: config.clone(), device, words, positions, token_type, norm, blocks })
    }

    /// The padding id.
    pub(super) fn pad(&self) -> u32 {
        // Fits, since a valid padding id is below the size of the vocabulary.
        self.config.pad_token_id as u32
    }

    /// Encodes texts. Gives `[rows, width]`: the output at each text's first token.
    pub(super) fn encode(&self, tokens: &Tokens) -> Result<Tensor<2>> {
        let [rows, length, width] = [tokens.rows, tokens.width, self.config.hidden_size];
        let embedded = TensorData::new(self.embed(tokens)?, [rows, length, width]);
        let mut x = self.norm.forward(Tensor::<3>::from_data(embedded, &self.device));

        let mask = Mask::new(&tokens.visible, [rows, length], &self.device);
        for (n, block) in self.blocks.iter().enumerate() {
            let last = n + 1 == self.blocks.len();
            x = block.post_norm(x, mask.as_ref(), if last { SUMMARIES } else { length })?;
        }
        Ok(x.reshape([rows, width]))
    }

    /// The sum of word, token type and position for every token, row by row.
    ///
    /// Positions count the tokens that are not padding, from behind the padding id on; padding
    /// has the position of its own id. That goes by the ids and not by the attention mask, as in
    /// transformers.
    fn embed(&self, tokens: &Tokens) -> Result<Vec<f32>> {
        let width = self.config.hidden_size;
        let pad = self.config.pad_token_id;
        let mut out = Vec::with_capacity(tokens.ids.len() * width);
        for text in tokens.ids.chunks_exact(tokens.width) {
            let mut position = pad;
            for &id in text {
                let id = id as usize;
                let at = if id == pad {
                    pad
                } else {
                    position += 1;
                    position
                };
                let word = row(&self.words, id, width).ok_or_else(|| {
                    Error::bundle(format!(
                        "token id {id} is not among the model's {} words",
                        self.config.vocab_size
                    ))
                    .hint("the bundle's tokenizer belongs to another model")
                })?;
                let place = row(&self.positions, at, width).ok_or_else(|| {
                    Error::input(format!(
                        "a text of more than {} tokens, which is the most that the model can read",
                        self.config.max_tokens()
                    ))
                })?;
                // Summed in the order in which transformers does, for equal rounding.
                let sum = word.iter().zip(&self.token_type).zip(place).map(|((w, t), p)| w + t + p);
                out.extend(sum);
            }
        }
        Ok(out)
    }
}

pub(super) fn schema(out: &mut Vec<TensorSpec>, config: &RobertaConfig) {
    let width = config.hidden_size;
    let mut table = |name, rows| {
        out.push(TensorSpec::new(format!("{ROOT}.embeddings.{name}.weight"), [rows, width]));
    };
    table("word_embeddings", config.vocab_size);
    table("position_embeddings", config.max_position_embeddings);
    table("token_type_embeddings", config.type_vocab_size);
    LayerNorm::schema(out, &format!("{ROOT}.embeddings.LayerNorm"), width);
    let sizes = sizes(config);
    for n in 0..config.num_hidden_layers {
        Block::schema(out, &format!("{ROOT}.encoder.layer.{n}"), &NAMES, &sizes);
    }
}

/// Floating-point operations for one text of `tokens`.
pub(super) fn flops(config: &RobertaConfig, tokens: usize) -> f64 {
    encoder_flops(&sizes(config), config.num_hidden_layers, tokens, SUMMARIES)
}

impl RobertaConfig {
    /// The most tokens that a text may have, `<s>` and `</s>` included.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings.saturating_sub(self.pad_token_id.saturating_add(1))
    }
}

fn sizes(config: &RobertaConfig) -> BlockSizes {
    BlockSizes {
        width: config.hidden_size,
        inner: config.intermediate_size,
        heads: config.num_attention_heads,
        qkv_bias: Bias::Yes,
        epsilon: config.layer_norm_eps,
    }
}

fn row(table: &[f32], n: usize, width: usize) -> Option<&[f32]> {
    let start = n.checked_mul(width)?;
    table.get(start..start.checked_add(width)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ragged_texts_are_padded_to_the_longest() {
        let tokens = Tokens::ragged(&[&[0, 5, 2], &[0, 2]], 1).unwrap();
        assert_eq!((tokens.rows, tokens.width), (2, 3));
        assert_eq!(tokens.ids, [0, 5, 2, 0, 2, 1]);
        assert_eq!(tokens.visible, [true, true, true, true, true, false]);
        assert!(Tokens::ragged(&[&[0, 2], &[]], 1).is_err());
    }

    #[test]
    fn padded_batches_are_checked() {
        let tokens = Tokens::padded(2, &[0, 2, 0, 2], Some(&[1, 1, 1, 0])).unwrap();
        assert_eq!(tokens.visible, [true, true, true, false]);
        for (rows, ids, mask) in [
            (0, &[][..], None),
            (2, &[][..], None),
            (2, &[0, 2, 2][..], None),
            (1, &[0, -1][..], None),
            (1, &[0, i64::MAX][..], None),
            (1, &[0, 2][..], Some(&[1][..])),
            (1, &[0, 2][..], Some(&[1, 2][..])),
            (2, &[0, 2, 0, 2][..], Some(&[1, 1, 0, 0][..])),
        ] {
            assert!(Tokens::padded(rows, ids, mask).is_err(), "{rows} {ids:?} {mask:?}");
        }
    }
}
