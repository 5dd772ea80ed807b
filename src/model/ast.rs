//! The Audio Spectrogram Transformer, as transformers' `ASTModel` computes it.

use super::layers::{Bias, Block, BlockNames, BlockSizes, LayerNorm, Linear, encoder_flops};
use super::schema::TensorSpec;
use super::{AstConfig, Weights};
use crate::{Error, Result};
use burn::tensor::{Device, Tensor, TensorData};

const ROOT: &str = "audio_model";

const NAMES: BlockNames = BlockNames {
    query: "attention.attention.query",
    key: "attention.attention.key",
    value: "attention.attention.value",
    attention_output: "attention.output.dense",
    attention_norm: "layernorm_before",
    inner: "intermediate.dense",
    outer: "output.dense",
    feed_forward_norm: "layernorm_after",
};

/// The two tokens before the patches, which stand for the whole: `[CLS]` and the distillation
/// token.
const SUMMARIES: usize = 2;

/// The encoder.
pub(super) struct Ast {
    config: AstConfig,
    device: Device,
    /// The two summary tokens with their positions, `[1, 2, width]`.
    summaries: Tensor<3>,
    /// The positions of the patches, `[1, patches, width]`.
    positions: Tensor<3>,
    projection: Linear,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Ast {
    pub(super) fn take(weights: &mut Weights, config: &AstConfig) -> Result<Self> {
        let width = config.hidden_size;
        let patches = config.patches();
        let side = config.patch_size;
        let device = weights.device().clone();

        let mut embedding =
            |name, tokens| weights.take(&format!("{ROOT}.embeddings.{name}"), [1, tokens, width]);
        let cls = embedding("cls_token", 1)?;
        let distillation = embedding("distillation_token", 1)?;
        let positions = embedding("position_embeddings", SUMMARIES + patches)?;

        // The convolution's kernel is [width, 1, mel bins, frames]. Spectrograms come frame by
        // frame; with the kernel's sides exchanged, a patch is a few runs of neighbouring values.
        let name = format!("{ROOT}.embeddings.patch_embeddings.projection");
        let kernel = weights.take(&format!("{name}.weight"), [width, 1, side, side])?;
        let kernel = kernel.swap_dims(2, 3).reshape([width, side * side]);
        let projection = Linear::new(kernel, Some(weights.take(&format!("{name}.bias"), [width])?));

        let sizes = sizes(config);
        let blocks = (0..config.num_hidden_layers)
            .map(|n| Block::take(weights, &format!("{ROOT}.encoder.layer.{n}"), &NAMES, &sizes))
            .collect::<Result<_>>()?;
        let norm = LayerNorm::take(weights, &format!("{ROOT}.layernorm"), width, config.layer_norm_eps)?;

        let summaries = Tensor::cat(vec![cls, distillation], 1) + positions.clone().narrow(1, 0, SUMMARIES);
        let positions = positions.narrow(1, SUMMARIES, patches);
        Ok(Self { config: config.clone(), device, summaries, positions, projection, blocks, norm })
    }

    /// Encodes spectrograms of `frames * bins` values each, frame by frame.
    ///
    /// Gives `[rows, width]`: the mean of the two summary tokens.
    pub(super) fn encode(&self, batch: &[&[f32]]) -> Result<Tensor<2>> {
        let rows = batch.len();
        let [patches, side, width] = [self.config.patches(), self.config.patch_size, self.config.hidden_size];
        let mut values = Vec::with_capacity(rows * patches * side * side);
        for spectrogram in batch {
            self.check(spectrogram)?;
            unfold(&self.config, spectrogram, &mut values);
        }
        let values =
            Tensor::<3>::from_data(TensorData::new(values, [rows, patches, side * side]), &self.device);
        let patches = self.projection.forward(values) + self.positions.clone();
        let summaries = self.summaries.clone().expand([rows, SUMMARIES, width]);
        let mut x = Tensor::cat(vec![summaries, patches], 1);

        let tokens = self.config.tokens();
        for (n, block) in self.blocks.iter().enumerate() {
            let last = n + 1 == self.blocks.len();
            x = block.pre_norm(x, if last { SUMMARIES } else { tokens })?;
        }
        Ok(self.norm.forward(x).mean_dim(1).reshape([rows, width]))
    }

    fn check(&self, spectrogram: &[f32]) -> Result<()> {
        let [frames, bins] = [self.config.max_length, self.config.num_mel_bins];
        if spectrogram.len() != frames * bins {
            return Err(Error::input(format!(
                "a spectrogram has {} values, but the model hears {frames} frames of {bins} mel bins",
                spectrogram.len()
            )));
        }
        Ok(())
    }
}

pub(super) fn schema(out: &mut Vec<TensorSpec>, config: &AstConfig) {
    let [width, side] = [config.hidden_size, config.patch_size];
    let embeddings = format!("{ROOT}.embeddings");
    out.push(TensorSpec::new(format!("{embeddings}.cls_token"), [1, 1, width]));
    out.push(TensorSpec::new(format!("{embeddings}.distillation_token"), [1, 1, width]));
    out.push(TensorSpec::new(format!("{embeddings}.position_embeddings"), [1, config.tokens(), width]));
    let projection = format!("{embeddings}.patch_embeddings.projection");
    out.push(TensorSpec::new(format!("{projection}.weight"), [width, 1, side, side]));
    out.push(TensorSpec::new(format!("{projection}.bias"), [width]));
    let sizes = sizes(config);
    for n in 0..config.num_hidden_layers {
        Block::schema(out, &format!("{ROOT}.encoder.layer.{n}"), &NAMES, &sizes);
    }
    LayerNorm::schema(out, &format!("{ROOT}.layernorm"), width);
}

/// Floating-point operations for one spectrogram.
pub(super) fn flops(config: &AstConfig) -> f64 {
    let projection =
        2.0 * (config.patches() * config.hidden_size) as f64 * (config.patch_size as f64).powi(2);
    projection + encoder_flops(&sizes(config), config.num_hidden_layers, config.tokens(), SUMMARIES)
}

impl AstConfig {
    /// Patches along the mel bins and along the frames; the ends that no patch fits in are not
    /// heard.
    pub fn patch_grid(&self) -> [usize; 2] {
        let along = |length: usize, stride: usize| match length.checked_sub(self.patch_size) {
            Some(room) => room / stride.max(1) + 1,
            None => 0,
        };
        [along(self.num_mel_bins, self.frequency_stride), along(self.max_length, self.time_stride)]
    }

    /// Number of patches.
    pub fn patches(&self) -> usize {
        let [frequencies, times] = self.patch_grid();
        frequencies.saturating_mul(times)
    }

    /// Number of tokens: `[CLS]`, the distillation token, and the patches.
    pub fn tokens(&self) -> usize {
        self.patches().saturating_add(SUMMARIES)
    }
}

fn sizes(config: &AstConfig) -> BlockSizes {
    BlockSizes {
        width: config.hidden_size,
        inner: config.intermediate_size,
        heads: config.num_attention_heads,
        qkv_bias: if config.qkv_bias { Bias::Yes } else { Bias::No },
        epsilon: config.layer_norm_eps,
    }
}

/// Appends the patches of one spectrogram, which turns the convolution into a matrix product.
///
/// transformers runs its convolution over (mel bin, frame), so the patches of the lowest bins come
/// first, each row of them in the order of time.
fn unfold(config: &AstConfig, spectrogram: &[f32], out: &mut Vec<f32>) {
    let side = config.patch_size;
    let [frequencies, times] = config.patch_grid();
    for bin in (0..frequencies).map(|n| n * config.frequency_stride) {
        for frame in (0..times).map(|n| n * config.time_stride) {
            for run in spectrogram.chunks_exact(config.num_mel_bins).skip(frame).take(side) {
                out.extend_from_slice(&run[bin..bin + side]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_frequency_major_and_overlap() {
        let config = AstConfig {
            hidden_size: 1,
            num_hidden_layers: 1,
            num_attention_heads: 1,
            intermediate_size: 1,
            hidden_act: "gelu".into(),
            layer_norm_eps: 1e-12,
            patch_size: 2,
            qkv_bias: true,
            frequency_stride: 1,
            time_stride: 2,
            max_length: 5,
            num_mel_bins: 3,
        };
        assert_eq!(config.patch_grid(), [2, 2]);
        // The value at frame t and bin f is 10 t + f.
        let spectrogram: Vec<f32> = (0..5).flat_map(|t| (0..3).map(move |f| (10 * t + f) as f32)).collect();
        let mut patches = Vec::new();
        unfold(&config, &spectrogram, &mut patches);
        let expected = [[0, 1, 10, 11], [20, 21, 30, 31], [1, 2, 11, 12], [21, 22, 31, 32]];
        assert_eq!(patches, expected.as_flattened().iter().map(|&n| n as f32).collect::<Vec<_>>());
    }

    #[test]
    fn the_papers_sizes() {
        let config: AstConfig = serde_json::from_str(
            r#"{"hidden_size":768,"num_hidden_layers":12,"num_attention_heads":12,"intermediate_size":3072,
                "layer_norm_eps":1e-12,"patch_size":16,"frequency_stride":10,"time_stride":10,
                "max_length":1024,"num_mel_bins":128}"#,
        )
        .unwrap();
        assert_eq!(config.patch_grid(), [12, 101]);
        assert_eq!(config.tokens(), 1214);
    }
}
