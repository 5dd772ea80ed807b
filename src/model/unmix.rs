//! The networks of Open-Unmix: per stem, a projection of the spectrum, an LSTM with a way around
//! it, and two projections back.
//!
//! As in `openunmix.model.OpenUnmix` at inference, but the networks of the four stems run as one,
//! and whatever is linear (the scaling of the input and of the output, the batch norms, which have
//! fixed statistics then) is folded into the projection beside it. So all stems read the same
//! spectrum, in one product.

use super::lstm::{Lstm, LstmSizes};
use super::{OpenUnmixConfig, TARGETS, Weights};
use crate::audio::unmix::{Excerpts, Format, MagnitudeEstimator};
use crate::{Error, Observer, Result};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use std::ops::Range;

/// PyTorch's default epsilon of a batch norm, which the package does not change.
const EPSILON: f32 = 1e-5;

/// The most values of one layer that excerpts may have which are heard at once, together: 128 MiB
/// in f32, of which a few layers exist at a time. `umxl` hears six excerpts of 30 s at once then.
const MAX_LAYER_VALUES: usize = 1 << 25;

/// Rows that a layer computes at once, between two pauses: enough for products to be efficient.
const ROWS: usize = 256;

/// An Open-Unmix for all four stems on a device.
pub struct OpenUnmix {
    config: OpenUnmixConfig,
    device: Device,
    /// From channels of bins, in one product, to the stems' hidden layers beside each other.
    encoder: Affine<2>,
    lstm: Lstm,
    inner: Affine<3>,
    decoder: Affine<3>,
}

/// A product and a sum: weights `[.., in, out]` and a bias `[.., 1, out]`.
struct Affine<const D: usize> {
    weight: Tensor<D>,
    bias: Tensor<D>,
}

impl<const D: usize> Affine<D> {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        x.matmul(self.weight.clone()) + self.bias.clone()
    }
}

/// What the networks know of excerpts: their last hidden layers, `[stems, frames, excerpts,
/// hidden]`.
pub struct Heard {
    hidden: Tensor<4>,
}

impl OpenUnmix {
    /// Networks of these sizes from tensors of [this schema](super::open_unmix_schema).
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`](crate::ErrorKind::Bundle) if the configuration is impossible, or a
    /// tensor is missing, superfluous or of another shape.
    pub fn new(config: &OpenUnmixConfig, mut weights: Weights) -> Result<Self> {
        config.validate()?;
        let device = weights.device().clone();
        let stems = TARGETS.map(|stem| stem.name());
        let (mut encoders, mut inners, mut decoders) = (Vec::new(), Vec::new(), Vec::new());
        for stem in stems {
            encoders.push(encoder(&mut weights, stem, config)?);
            let hidden = config.hidden_size;
            inners.push(normed(&mut weights, stem, ["fc2", "bn2"], [2 * hidden, hidden])?);
            decoders.push(decoder(&mut weights, stem, config)?);
        }
        let sizes = LstmSizes {
            input: config.hidden_size,
            state: config.state_size(),
            layers: config.nb_layers,
            directions: config.directions(),
        };
        let lstm = Lstm::take(&mut weights, &stems, sizes)?;
        weights.finish()?;
        let (encoder_weights, encoder_biases) = encoders.into_iter().map(|a| (a.weight, a.bias)).unzip();
        Ok(Self {
            config: config.clone(),
            device,
            encoder: Affine { weight: Tensor::cat(encoder_weights, 1), bias: Tensor::cat(encoder_biases, 1) },
            lstm,
            inner: stacked(inners),
            decoder: stacked(decoders),
        })
    }

    /// The sizes.
    pub fn config(&self) -> &OpenUnmixConfig {
        &self.config
    }

    /// The hidden layer of an excerpt, from its magnitudes: `[stems, frames, 1, hidden]`.
    fn encode(&self, magnitudes: &[f32], frames: usize) -> Tensor<4> {
        let OpenUnmixConfig { max_bin, nb_channels, hidden_size, .. } = self.config;
        let mut read = Vec::with_capacity(frames * nb_channels * max_bin);
        for row in magnitudes.chunks(self.config.bins()) {
            read.extend_from_slice(&row[..max_bin]);
        }
        let read = Tensor::from_data(TensorData::new(read, [frames, nb_channels * max_bin]), &self.device);
        let hidden = self.encoder.forward(read).tanh();
        hidden.reshape([frames, 1, TARGETS.len(), hidden_size]).permute([2, 0, 1, 3])
    }
}

impl MagnitudeEstimator for OpenUnmix {
    type Heard = Heard;

    fn format(&self) -> Format {
        Format {
            rate: self.config.sampling_rate,
            channels: self.config.nb_channels,
            size: self.config.n_fft,
            hop: self.config.n_hop,
        }
    }

    fn together(&self, frames: usize) -> usize {
        let layer = TARGETS.len().saturating_mul(frames).saturating_mul(self.config.hidden_size);
        (MAX_LAYER_VALUES / layer.max(1)).max(1)
    }

    async fn listen(
        &self,
        excerpts: Excerpts,
        mut magnitudes: impl FnMut(usize, Range<usize>) -> Vec<f32>,
        observer: &mut impl Observer,
    ) -> Result<Heard> {
        let Excerpts { count, frames } = excerpts;
        if count == 0 || frames == 0 {
            return Err(Error::internal("there is no excerpt to listen to"));
        }
        let mut encoded = Vec::with_capacity(count);
        for excerpt in 0..count {
            let mut parts = Vec::new();
            for part in blocks(frames, 1) {
                let magnitudes = magnitudes(excerpt, part.clone());
                if magnitudes.len() != part.len() * self.config.nb_channels * self.config.bins() {
                    return Err(Error::internal(format!(
                        "{} frames have {} magnitudes",
                        part.len(),
                        magnitudes.len()
                    )));
                }
                parts.push(self.encode(&magnitudes, part.len()));
                observer.check().await?;
            }
            encoded.push(Tensor::cat(parts, 1));
        }
        let x = Tensor::cat(encoded, 2);
        let states = self.lstm.forward(x.clone(), observer).await?;
        let (stems, width) = (TARGETS.len(), self.config.hidden_size);
        let mut hidden = Vec::new();
        for part in blocks(frames, count) {
            let both = [&x, &states].map(|x| x.clone().narrow(1, part.start, part.len()));
            let both = Tensor::cat(both.into(), 3).reshape([stems, part.len() * count, 2 * width]);
            hidden.push(relu(self.inner.forward(both)).reshape([stems, part.len(), count, width]));
            observer.check().await?;
        }
        Ok(Heard { hidden: Tensor::cat(hidden, 1) })
    }

    async fn gains(&self, heard: &Heard, excerpt: usize, frames: Range<usize>) -> Result<[Vec<f32>; 4]> {
        let [stems, there, excerpts, width] = heard.hidden.dims();
        if frames.is_empty() || frames.end > there || excerpt >= excerpts {
            return Err(Error::internal(format!(
                "frames {frames:?} of excerpt {excerpt} were never heard, only {there} of {excerpts}"
            )));
        }
        let part = heard.hidden.clone().narrow(1, frames.start, frames.len()).narrow(2, excerpt, 1);
        let gains = relu(self.decoder.forward(part.reshape([stems, frames.len(), width])));
        let data = gains.into_data_async().await;
        let gains = data
            .map_err(|e| Error::device(format!("the device failed while separating: {e}")))?
            .try_into_vec::<f32>()
            .map_err(|e| Error::internal(format!("gains can't be read: {e:?}")))?;
        if !gains.iter().all(|gain| gain.is_finite()) {
            return Err(Error::bundle("the separator computes values that are not numbers")
                .hint("its weights are damaged; convert or download them again"));
        }
        let mut rows = gains.chunks(gains.len() / stems);
        Ok(std::array::from_fn(|_| rows.next().unwrap_or_default().to_vec()))
    }
}

/// Cuts frames of `excerpts` into blocks of some [`ROWS`] rows.
fn blocks(frames: usize, excerpts: usize) -> impl Iterator<Item = Range<usize>> {
    let block = ROWS.div_ceil(excerpts);
    (0..frames).step_by(block).map(move |start| start..(start + block).min(frames))
}

/// `fc1` with the scaling of the input before it and `bn1` behind it.
///
/// What the package adds and multiplies is per bin and the same for both channels.
fn encoder(weights: &mut Weights, stem: &str, config: &OpenUnmixConfig) -> Result<Affine<2>> {
    let inputs = config.nb_channels * config.max_bin;
    let mut per_bin = |name: &str| -> Result<Tensor<2>> {
        let values: Tensor<1> = weights.take(&format!("{stem}.{name}"), [config.max_bin])?;
        Ok(Tensor::cat(vec![values; config.nb_channels], 0).reshape([inputs, 1]))
    };
    let (mean, scale) = (per_bin("input_mean")?, per_bin("input_scale")?);
    let Affine { weight, bias } = normed(weights, stem, ["fc1", "bn1"], [inputs, config.hidden_size])?;
    let weight = weight * scale;
    let shift = (weight.clone() * mean).sum_dim(0);
    Ok(Affine { weight, bias: bias + shift })
}

/// `fc3` with `bn3` and the scaling of the output behind it.
fn decoder(weights: &mut Weights, stem: &str, config: &OpenUnmixConfig) -> Result<Affine<2>> {
    let outputs = config.nb_channels * config.bins();
    let mut per_bin = |name: &str| -> Result<Tensor<2>> {
        let values: Tensor<1> = weights.take(&format!("{stem}.{name}"), [config.bins()])?;
        Ok(Tensor::cat(vec![values; config.nb_channels], 0).reshape([1, outputs]))
    };
    let (mean, scale) = (per_bin("output_mean")?, per_bin("output_scale")?);
    let Affine { weight, bias } = normed(weights, stem, ["fc3", "bn3"], [config.hidden_size, outputs])?;
    Ok(Affine { weight: weight * scale.clone(), bias: bias * scale + mean })
}

/// A linear layer without bias and the batch norm behind it.
fn normed(
    weights: &mut Weights,
    stem: &str,
    [linear, norm]: [&str; 2],
    [input, output]: [usize; 2],
) -> Result<Affine<2>> {
    let weight: Tensor<2> = weights.take(&format!("{stem}.{linear}.weight"), [output, input])?;
    let mut part = |name: &str| -> Result<Tensor<2>> {
        let values: Tensor<1> = weights.take(&format!("{stem}.{norm}.{name}"), [output])?;
        Ok(values.reshape([1, output]))
    };
    let (gain, shift) = (part("weight")?, part("bias")?);
    let (mean, variance) = (part("running_mean")?, part("running_var")?);
    let scale = gain / (variance + EPSILON).sqrt();
    Ok(Affine { weight: weight.transpose() * scale.clone(), bias: shift - mean * scale })
}

/// The stems' layers as one, for a batch of inputs.
fn stacked(layers: Vec<Affine<2>>) -> Affine<3> {
    let (weights, biases) = layers.into_iter().map(|layer| (layer.weight, layer.bias)).unzip();
    Affine { weight: Tensor::stack(weights, 0), bias: Tensor::stack(biases, 0) }
}
