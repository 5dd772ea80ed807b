//! Small bundles for tests, made in memory.

use super::bundle::{Bundle, OpenUnmixEntry, SCHEMA, Separator};
use super::digest::sha256;
use super::files::{Dtype, FileEntry, WeightsEntry};
use super::header::Header;
use super::shards::{Cutter, Finish};
use super::{
    AstConfig, FeatureExtractor, ModelConfig, OpenUnmixConfig, RobertaConfig, Task, TensorSpec,
    open_unmix_schema, schema,
};
use crate::lyrics::Cleaning;
#[cfg(feature = "cpu")]
use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

/// A shard in memory.
#[derive(Clone, Default)]
pub(crate) struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Finish for Memory {
    fn finish(self) -> io::Result<()> {
        Ok(())
    }
}

/// Sizes that are odd where they can be, and small.
pub(crate) fn config(task: Task) -> ModelConfig {
    ModelConfig {
        task,
        classes: 3,
        audio: (task != Task::Lyrics).then(|| AstConfig {
            hidden_size: 6,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 5,
            hidden_act: "gelu".into(),
            layer_norm_eps: 1e-12,
            patch_size: 3,
            qkv_bias: true,
            frequency_stride: 2,
            time_stride: 3,
            max_length: 9,
            num_mel_bins: 7,
        }),
        text: (task != Task::Audio).then(|| RobertaConfig {
            vocab_size: 11,
            hidden_size: 4,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 7,
            hidden_act: "gelu".into(),
            max_position_embeddings: 14,
            type_vocab_size: 1,
            layer_norm_eps: 1e-5,
            pad_token_id: 1,
        }),
    }
}

/// A separator of sizes that are odd where they can be, and small.
pub(crate) fn open_unmix() -> OpenUnmixConfig {
    OpenUnmixConfig {
        sampling_rate: 8000,
        n_fft: 16,
        n_hop: 4,
        nb_channels: 1,
        hidden_size: 6,
        nb_layers: 1,
        max_bin: 7,
        unidirectional: false,
    }
}

/// The values of the n-th tensor: exact in f16, and different everywhere.
pub(crate) fn values(n: usize, count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7 + n * 31) % 2001) as f32 / 16.0 - 62.5).collect()
}

/// Cuts a stream into shards of at most `limit` bytes.
pub(crate) fn cut(stream: &[u8], limit: u64) -> (WeightsEntry, Vec<Vec<u8>>) {
    cut_named("weights", stream, limit)
}

fn cut_named(name: &'static str, stream: &[u8], limit: u64) -> (WeightsEntry, Vec<Vec<u8>>) {
    let mut files: Vec<Memory> = Vec::new();
    let mut cutter = Cutter::new(name, limit, |_| {
        files.push(Memory::default());
        Ok(files[files.len() - 1].clone())
    });
    // In pieces that fit nothing, so that cutting within a write is exercised.
    for piece in stream.chunks(97) {
        cutter.write(piece).unwrap();
    }
    let entry = cutter.finish().unwrap();
    (entry, files.into_iter().map(|f| f.0.borrow().clone()).collect())
}

/// The safetensors stream of a model.
pub(crate) fn stream(config: &ModelConfig, dtype: Dtype) -> Vec<u8> {
    stream_of(&schema(config), dtype)
}

fn stream_of(specs: &[TensorSpec], dtype: Dtype) -> Vec<u8> {
    let shapes: Vec<_> = specs.iter().map(|s| (s.name.as_str(), s.shape.as_slice())).collect();
    let mut stream = Header::write(&shapes, dtype.into()).unwrap();
    for (n, spec) in specs.iter().enumerate() {
        for value in values(n, spec.shape.iter().product()) {
            match dtype {
                Dtype::F32 => stream.extend(value.to_le_bytes()),
                Dtype::F16 => stream.extend(f16::from_f32(value).to_le_bytes()),
            }
        }
    }
    stream
}

/// A bundle around some stream, whatever that is.
pub(crate) fn around(config: &ModelConfig, dtype: Dtype, weights: WeightsEntry) -> Bundle {
    let tokenizer = b"{}";
    Bundle {
        schema: SCHEMA,
        id: "sample".into(),
        title: "A sample".into(),
        description: "For tests.\nKnows nothing.".into(),
        licence: "MIT".into(),
        task: config.task,
        labels: (0..config.classes).map(|i| format!("label {i}")).collect(),
        audio: config.audio.clone(),
        text: config.text.clone(),
        feature_extractor: config.audio.as_ref().map(|audio| FeatureExtractor {
            sampling_rate: 16_000,
            max_frames: audio.max_length,
            num_mel_bins: audio.num_mel_bins,
            mean: -4.0,
            std: 4.5,
        }),
        text_cleaning: Cleaning::Paper,
        max_tokens: config.text.as_ref().map(|_| 10),
        separator: Separator::Dsp,
        dtype,
        tokenizer: config.text.as_ref().map(|_| FileEntry {
            file: "tokenizer.json".into(),
            bytes: tokenizer.len() as u64,
            sha256: sha256(tokenizer),
        }),
        weights,
    }
}

/// A bundle and its shards of at most `limit` bytes; one that hears and reads separates as well.
pub(crate) fn sample(task: Task, dtype: Dtype, limit: u64) -> (Bundle, Vec<Vec<u8>>) {
    let config = config(task);
    let (weights, mut shards) = cut(&stream(&config, dtype), limit);
    let mut bundle = around(&config, dtype, weights);
    if task == Task::Multimodal {
        let config = open_unmix();
        let (weights, more) = cut_named("separator", &stream_of(&open_unmix_schema(&config), dtype), limit);
        shards.extend(more);
        bundle.separator = Separator::OpenUnmix(Box::new(OpenUnmixEntry { config, dtype, weights }));
    }
    (bundle, shards)
}

/// A good manifest as JSON, for spoiling.
pub(crate) fn manifest() -> serde_json::Value {
    let (bundle, _) = sample(Task::Multimodal, Dtype::F32, 4000);
    serde_json::from_slice(&bundle.to_json().unwrap()).unwrap()
}

/// Values between -1 and 1 without a pattern, on the CPU.
#[cfg(feature = "cpu")]
pub(crate) fn noise<const D: usize>(shape: [usize; D], seed: u32) -> Tensor<D> {
    let size = shape.iter().product::<usize>() as u32;
    let values: Vec<f32> = (0..size)
        .map(|n| (n ^ seed).wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B))
        .map(|n| (n >> 8) as f32 / (1 << 23) as f32 - 1.0)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}
