//! The golden cases of the networks, written once and run over every backend: natively by
//! `golden_model.rs`, in a browser by `wasm_model.rs`.

use crate::golden::{self, Difference, Golden};
use musiclime::Result;
use musiclime::model::{Backend, Classifier, Inputs, ModelConfig, TensorSpec, device, schema};
use safetensors::Dtype;

/// The largest difference from transformers' logits that is let pass.
pub(crate) const TOLERANCE: f64 = 1e-4;

macro_rules! cases {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../golden/model/", $name, ".safetensors")).as_slice())),*]
    };
}

const CASES: [(&str, &[u8]); 6] =
    cases!["multimodal", "multimodal_holes", "multimodal_shallow", "audio", "audio_long", "lyrics"];

/// One golden file.
pub(crate) type Case = Golden<ModelConfig>;

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    let cases: Vec<Case> = golden::read(&CASES);
    for (name, view) in cases.iter().flat_map(|case| case.file.tensors()) {
        assert!([Dtype::F32, Dtype::I64].contains(&view.dtype()), "{name} is {:?}", view.dtype());
    }
    cases
}

impl Case {
    /// Rows of the batch.
    pub(crate) fn rows(&self) -> usize {
        self.file.tensor("logits").unwrap().shape()[0]
    }

    /// The values of a tensor of floats.
    pub(crate) fn floats(&self, name: &str) -> Option<Vec<f32>> {
        golden::floats(&self.file, name)
    }

    /// The values of an i64 tensor.
    pub(crate) fn integers(&self, name: &str) -> Option<Vec<i64>> {
        let tensor = self.file.tensor(name).ok()?;
        assert_eq!(tensor.dtype(), Dtype::I64);
        Some(tensor.data().chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect())
    }

    /// The checkpoint's tensors, as the file lists them.
    pub(crate) fn weight_list(&self) -> Vec<TensorSpec> {
        let inputs =
            ["input_values", "input_ids", "attention_mask", "audio_embedding", "text_embedding", "logits"];
        self.tensors(|name| !inputs.contains(&name))
    }

    /// The model.
    pub(crate) fn model(&self, device: &burn::tensor::Device) -> Result<Classifier> {
        Classifier::new(&self.config, self.weights(&self.weight_list(), device)?)
    }

    /// The texts without their padding, if the attention mask hides nothing else.
    pub(crate) fn texts(&self) -> Option<Vec<Vec<u32>>> {
        let (ids, mask) = (self.integers("input_ids")?, self.integers("attention_mask")?);
        let width = ids.len() / self.rows();
        ids.chunks(width)
            .zip(mask.chunks(width))
            .map(|(ids, mask)| {
                let length = mask.iter().sum::<i64>() as usize;
                mask[..length]
                    .iter()
                    .all(|&m| m == 1)
                    .then(|| ids[..length].iter().map(|&id| id as u32).collect())
            })
            .collect()
    }
}

/// Runs every case on a backend: the batch as transformers had it, and again the way that
/// explanations go, in which each encoder is run by itself and texts come unpadded.
pub(crate) async fn run_all(backend: Backend) -> Result<Vec<Difference>> {
    let (device, _) = device(backend).await?;
    let mut out = Vec::new();
    for case in cases() {
        let mut note = |what: &str, found: &[Vec<f32>], expected: &str| {
            let expected = case.floats(expected).unwrap();
            out.push(golden::largest(&format!("{}: {what}", case.name), &found.concat(), &expected));
        };
        golden::same_tensors(case.name, schema(&case.config), case.weight_list());
        let model = case.model(&device)?;
        let rows = case.rows();
        let values = case.floats("input_values");
        let ids = case.integers("input_ids");
        let mask = case.integers("attention_mask");
        let inputs = Inputs {
            rows,
            input_values: values.as_deref(),
            input_ids: ids.as_deref(),
            attention_mask: mask.as_deref(),
        };
        note("logits of the padded batch", &model.forward(&inputs).await?, "logits");

        let audio = match &values {
            Some(values) => {
                let spectrograms: Vec<_> = values.chunks(values.len() / rows).collect();
                let audio = model.embed_audio(&spectrograms).await?;
                note("audio embeddings", &audio, "audio_embedding");
                Some(audio)
            }
            None => None,
        };
        let text = match case.texts() {
            Some(texts) => {
                let texts: Vec<_> = texts.iter().map(Vec::as_slice).collect();
                let text = model.embed_text(&texts).await?;
                note("text embeddings", &text, "text_embedding");
                Some(text)
            }
            None => None,
        };
        if audio.is_some() == case.config.audio.is_some() && text.is_some() == case.config.text.is_some() {
            fn at(part: &Option<Vec<Vec<f32>>>, row: usize) -> Option<&[f32]> {
                part.as_ref().map(|rows| rows[row].as_slice())
            }
            let songs: Vec<_> = (0..rows).map(|row| (at(&audio, row), at(&text, row))).collect();
            note("logits of the embeddings", &model.logits(&songs).await?, "logits");
        }
    }
    Ok(out)
}
