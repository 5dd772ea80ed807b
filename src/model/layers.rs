//! The parts that both encoders are made of.

use super::Weights;
use super::kernels::{attention, gelu};
use super::schema::TensorSpec;
use crate::Result;
use burn::tensor::module::{layer_norm, linear};
use burn::tensor::{Device, Tensor, TensorData};

/// `x W^T + b`, with `W` kept as `[in, out]`.
pub(super) struct Linear {
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
}

/// Whether a linear layer adds a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    Yes,
    No,
}

impl Linear {
    /// A layer of PyTorch's `[out, in]` weight.
    pub(super) fn new(weight: Tensor<2>, bias: Option<Tensor<1>>) -> Self {
        Self { weight: weight.transpose(), bias }
    }

    pub(super) fn take(
        weights: &mut Weights,
        name: &str,
        [input, output]: [usize; 2],
        bias: Bias,
    ) -> Result<Self> {
        let weight = weights.take(&format!("{name}.weight"), [output, input])?;
        let bias = match bias {
            Bias::Yes => Some(weights.take(&format!("{name}.bias"), [output])?),
            Bias::No => None,
        };
        Ok(Self::new(weight, bias))
    }

    pub(super) fn schema(out: &mut Vec<TensorSpec>, name: &str, [input, output]: [usize; 2], bias: Bias) {
        out.push(TensorSpec::new(format!("{name}.weight"), [output, input]));
        if bias == Bias::Yes {
            out.push(TensorSpec::new(format!("{name}.bias"), [output]));
        }
    }

    /// Two layers of the same input as one, whose output is the one's and then the other's.
    fn beside(self, other: Self) -> Self {
        Self {
            weight: Tensor::cat(vec![self.weight, other.weight], 1),
            bias: self.bias.zip(other.bias).map(|(a, b)| Tensor::cat(vec![a, b], 0)),
        }
    }

    pub(super) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        // One product of all rows is faster than a batch of products of which each prepares the
        // weights anew: by a fifth on the CPU, at the paper's size.
        let [input, output] = self.weight.dims();
        let mut shape = x.dims();
        let rows = shape[..D - 1].iter().product();
        shape[D - 1] = output;
        linear(x.reshape([rows, input]), self.weight.clone(), self.bias.clone()).reshape(shape)
    }
}

/// Layer normalisation over the last axis.
pub(super) struct LayerNorm {
    weight: Tensor<1>,
    bias: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    pub(super) fn take(weights: &mut Weights, name: &str, width: usize, epsilon: f64) -> Result<Self> {
        Ok(Self {
            weight: weights.take(&format!("{name}.weight"), [width])?,
            bias: weights.take(&format!("{name}.bias"), [width])?,
            epsilon,
        })
    }

    pub(super) fn schema(out: &mut Vec<TensorSpec>, name: &str, width: usize) {
        out.push(TensorSpec::new(format!("{name}.weight"), [width]));
        out.push(TensorSpec::new(format!("{name}.bias"), [width]));
    }

    pub(super) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.weight.clone(), Some(self.bias.clone()), self.epsilon)
    }
}

/// Which tokens of a batch of texts may be attended to.
pub(super) struct Mask {
    tokens: usize,
    /// `[rows, tokens]`: added to the attention scores.
    bias: Vec<f32>,
    device: Device,
}

impl Mask {
    /// Added to the score of a hidden token. It drowns any score that f32 can hold beside it, so
    /// the softmax gives the token exactly nothing; it is not an infinity, which WebGPU's
    /// shading language lets implementations assume away.
    const HIDDEN: f32 = -1e30;

    /// A mask for `visible`, row by row; none if every token is visible.
    pub(super) fn new(visible: &[bool], [rows, tokens]: [usize; 2], device: &Device) -> Option<Self> {
        debug_assert_eq!(visible.len(), rows * tokens);
        if visible.iter().all(|&v| v) {
            return None;
        }
        let bias = visible.iter().map(|&v| if v { 0.0 } else { Self::HIDDEN }).collect();
        Some(Self { tokens, bias, device: device.clone() })
    }

    /// What is added to the scores of one row of the batch.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.bias[row * self.tokens..][..self.tokens]
    }

    /// All of it as `[rows, 1, 1, tokens]`.
    pub(super) fn bias(&self) -> Tensor<4> {
        let shape = [self.bias.len() / self.tokens, 1, 1, self.tokens];
        Tensor::from_data(TensorData::new(self.bias.clone(), shape), &self.device)
    }
}

/// Multi-headed attention with its output projection.
struct Attention {
    heads: usize,
    query: Linear,
    /// Keys and values from one product, since both are of all tokens.
    key_value: Linear,
    output: Linear,
}

impl Attention {
    /// Attention of the tokens `of` to the tokens `to`, each `[rows, tokens, width]`.
    fn forward(&self, of: Tensor<3>, to: Tensor<3>, mask: Option<&Mask>) -> Result<Tensor<3>> {
        let [rows, queries, width] = of.dims();
        let [_, tokens, _] = to.dims();
        let size = width / self.heads;
        let query = self.query.forward(of).reshape([rows, queries, self.heads, size]).swap_dims(1, 2);
        let key_value =
            self.key_value.forward(to).reshape([rows, tokens, 2 * self.heads, size]).swap_dims(1, 2);
        let key = key_value.clone().narrow(1, 0, self.heads);
        let value = key_value.narrow(1, self.heads, self.heads);
        let context = attention(query, key, value, mask)?;
        Ok(self.output.forward(context.swap_dims(1, 2).reshape([rows, queries, width])))
    }
}

/// The tensor names of an encoder layer, relative to the layer, in transformers 4's words.
pub(super) struct BlockNames {
    pub(super) query: &'static str,
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) inner: &'static str,
    pub(super) outer: &'static str,
    pub(super) feed_forward_norm: &'static str,
}

/// The sizes of an encoder layer.
pub(super) struct BlockSizes {
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) qkv_bias: Bias,
    pub(super) epsilon: f64,
}

/// One layer of an encoder: attention and a feed-forward pair, each with its norm.
pub(super) struct Block {
    attention: Attention,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    feed_forward_norm: LayerNorm,
}

impl Block {
    pub(super) fn take(
        weights: &mut Weights,
        layer: &str,
        names: &BlockNames,
        sizes: &BlockSizes,
    ) -> Result<Self> {
        let &BlockSizes { width, inner, heads, qkv_bias, epsilon } = sizes;
        let mut linear = |name, shape, bias| Linear::take(weights, &format!("{layer}.{name}"), shape, bias);
        let query = linear(names.query, [width, width], qkv_bias)?;
        let key = linear(names.key, [width, width], qkv_bias)?;
        let value = linear(names.value, [width, width], qkv_bias)?;
        let output = linear(names.attention_output, [width, width], Bias::Yes)?;
        let inner = linear(names.inner, [width, inner], Bias::Yes)?;
        let outer = linear(names.outer, [sizes.inner, width], Bias::Yes)?;
        let mut norm = |name| LayerNorm::take(weights, &format!("{layer}.{name}"), width, epsilon);
        Ok(Self {
            attention: Attention { heads, query, key_value: key.beside(value), output },
            attention_norm: norm(names.attention_norm)?,
            inner,
            outer,
            feed_forward_norm: norm(names.feed_forward_norm)?,
        })
    }

    pub(super) fn schema(out: &mut Vec<TensorSpec>, layer: &str, names: &BlockNames, sizes: &BlockSizes) {
        let &BlockSizes { width, inner, qkv_bias, .. } = sizes;
        let mut linear = |name, shape, bias| Linear::schema(out, &format!("{layer}.{name}"), shape, bias);
        linear(names.query, [width, width], qkv_bias);
        linear(names.key, [width, width], qkv_bias);
        linear(names.value, [width, width], qkv_bias);
        linear(names.attention_output, [width, width], Bias::Yes);
        linear(names.inner, [width, inner], Bias::Yes);
        linear(names.outer, [inner, width], Bias::Yes);
        LayerNorm::schema(out, &format!("{layer}.{}", names.attention_norm), width);
        LayerNorm::schema(out, &format!("{layer}.{}", names.feed_forward_norm), width);
    }

    /// The layer with its norms before attention and feed-forward (AST).
    ///
    /// Takes `[rows, tokens, width]` and gives the first `keep` tokens. Of the last layer only the
    /// tokens that the head reads are wanted: the rest is not computed, which changes nothing.
    pub(super) fn pre_norm(&self, x: Tensor<3>, keep: usize) -> Result<Tensor<3>> {
        let normed = self.attention_norm.forward(x.clone());
        let x = first(x, keep) + self.attention.forward(first(normed.clone(), keep), normed, None)?;
        Ok(x.clone() + self.feed_forward(self.feed_forward_norm.forward(x))?)
    }

    /// The layer with its norms behind the residual sums (RoBERTa); else like
    /// [`pre_norm`](Self::pre_norm).
    pub(super) fn post_norm(&self, x: Tensor<3>, mask: Option<&Mask>, keep: usize) -> Result<Tensor<3>> {
        let kept = first(x.clone(), keep);
        let x = self.attention_norm.forward(kept.clone() + self.attention.forward(kept, x, mask)?);
        Ok(self.feed_forward_norm.forward(x.clone() + self.feed_forward(x)?))
    }

    fn feed_forward(&self, x: Tensor<3>) -> Result<Tensor<3>> {
        Ok(self.outer.forward(gelu(self.inner.forward(x))?))
    }
}

/// Floating-point operations, two per multiply-add, of an encoder of `layers` such layers for one
/// row of `tokens`, of which the last layer gives only the first `keep`.
pub(super) fn encoder_flops(sizes: &BlockSizes, layers: usize, tokens: usize, keep: usize) -> f64 {
    let [width, inner, tokens, keep] = [sizes.width, sizes.inner, tokens, keep].map(|n| n as f64);
    let layer = |queries: f64| {
        let projections = 2.0 * queries * width * width + 2.0 * tokens * width * width;
        let attention = 2.0 * queries * tokens * width;
        2.0 * (projections + attention + 2.0 * queries * width * inner)
    };
    layer(tokens) * layers.saturating_sub(1) as f64 + layer(keep)
}

fn first(x: Tensor<3>, tokens: usize) -> Tensor<3> {
    match x.dims()[1] {
        all if all == tokens => x,
        _ => x.narrow(1, 0, tokens),
    }
}
