//! The golden cases of Open-Unmix, written once and run over every backend: natively by
//! `golden_unmix.rs`, in a browser by `wasm_unmix.rs`.

use musiclime::audio::unmix::{UnmixSettings, separate};
use musiclime::audio::wiener::Filter;
use musiclime::model::{Backend, OpenUnmix, OpenUnmixConfig, TensorSpec, Weights, device, open_unmix_schema};
use musiclime::{Quiet, Result};
use safetensors::{Dtype, SafeTensors};

/// The largest difference from the package's samples, whose full scale is 1, that is let pass.
pub(crate) const TOLERANCE: f32 = 1e-5;

macro_rules! golden {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../golden/open_unmix/", $name, ".safetensors")).as_slice())
    };
}

const CASES: [(&str, &[u8]); 4] = [golden!("mono"), golden!("stereo"), golden!("one_way"), golden!("full")];

/// The filters by their names in the files.
pub(crate) const FILTERS: [(&str, Filter); 4] = [
    ("wiener_0", Filter::Wiener { iterations: 0 }),
    ("wiener_1", Filter::Wiener { iterations: 1 }),
    ("wiener_2", Filter::Wiener { iterations: 2 }),
    ("ratio_mask", Filter::RatioMask),
];

/// One golden file.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) config: OpenUnmixConfig,
    file: SafeTensors<'static>,
}

/// What was computed, and how far it is from the package's values at most.
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) largest: f32,
}

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    CASES
        .iter()
        .map(|&(name, bytes)| {
            let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
            let config = &metadata.metadata().as_ref().unwrap()["config"];
            Case {
                name,
                config: serde_json::from_str(config).unwrap(),
                file: SafeTensors::deserialize(bytes).unwrap(),
            }
        })
        .collect()
}

/// The values of a tensor, and its shape.
pub(crate) fn floats(file: &SafeTensors<'_>, name: &str) -> Option<(Vec<usize>, Vec<f32>)> {
    let tensor = file.tensor(name).ok()?;
    let bytes = tensor.data();
    let values = match tensor.dtype() {
        Dtype::F16 => {
            bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect()
        }
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        other => panic!("{name} is {other:?}"),
    };
    Some((tensor.shape().to_vec(), values))
}

impl Case {
    /// The names and shapes of the weights.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let weights = self.file.tensors().into_iter();
        let weights = weights.filter(|(name, _)| !name.starts_with("mono.") && !name.starts_with("stereo."));
        weights.map(|(name, view)| TensorSpec { name, shape: view.shape().to_vec() }).collect()
    }

    /// The weights on a device.
    pub(crate) fn weights(&self, device: &burn::tensor::Device) -> Weights {
        let mut weights = Weights::new(device);
        for TensorSpec { name, shape } in self.tensors() {
            weights.insert(&name, &shape, floats(&self.file, &name).unwrap().1).unwrap();
        }
        weights
    }

    /// The network.
    pub(crate) fn model(&self, device: &burn::tensor::Device) -> Result<OpenUnmix> {
        OpenUnmix::new(&self.config, self.weights(device))
    }

    /// A mix of the file, channel by channel.
    pub(crate) fn mix(&self, layout: &str) -> Option<Vec<Vec<f32>>> {
        let (shape, values) = floats(&self.file, &format!("{layout}.mix"))?;
        Some(values.chunks(shape[1]).map(<[f32]>::to_vec).collect())
    }
}

/// Separates every mix of every case with every filter that the package was asked for.
pub(crate) async fn run_all(backend: Backend) -> Result<Vec<Difference>> {
    let (device, _) = device(backend).await?;
    let mut out = Vec::new();
    for case in cases() {
        let mut listed = open_unmix_schema(&case.config);
        let mut stored = case.tensors();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(listed, stored, "{}: schema", case.name);

        let model = case.model(&device)?;
        for layout in ["mono", "stereo"] {
            let Some(mix) = case.mix(layout) else { continue };
            for (name, filter) in FILTERS {
                let Some((_, expected)) = floats(&case.file, &format!("{layout}.{name}")) else { continue };
                let stems = separate(&model, &mix, &UnmixSettings { filter }, &mut Quiet).await?;
                let found = stems.concat().concat();
                assert_eq!(found.len(), expected.len(), "{} {layout} {name}", case.name);
                let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                out.push(Difference { what: format!("{} {layout} {name}", case.name), largest });
            }
        }
    }
    Ok(out)
}
