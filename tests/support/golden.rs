//! What the suites of the networks share: reading golden files, and judging a suite on a backend.
//! Cases are written once and run over every backend, natively and in a browser.

use musiclime::Result;
use musiclime::model::{Backend, TensorSpec, Weights};
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

/// One golden file: a configuration, the weights of a network, its inputs and what comes of them.
pub(crate) struct Golden<C> {
    pub(crate) name: &'static str,
    pub(crate) config: C,
    pub(crate) file: SafeTensors<'static>,
}

/// What was computed, and how far it is from the reference's values at most.
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) largest: f64,
}

/// Reads files whose configurations stand under "config" in their metadata.
pub(crate) fn read<C: DeserializeOwned>(files: &[(&'static str, &'static [u8])]) -> Vec<Golden<C>> {
    files
        .iter()
        .map(|&(name, bytes)| {
            let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
            let config = &metadata.metadata().as_ref().unwrap()["config"];
            Golden {
                name,
                config: serde_json::from_str(config).unwrap(),
                file: SafeTensors::deserialize(bytes).unwrap(),
            }
        })
        .collect()
}

/// The values of a tensor of floats.
pub(crate) fn floats(file: &SafeTensors<'_>, name: &str) -> Option<Vec<f32>> {
    let tensor = file.tensor(name).ok()?;
    let bytes = tensor.data();
    Some(match tensor.dtype() {
        Dtype::F16 => {
            bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect()
        }
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        other => panic!("{name} is {other:?}"),
    })
}

impl<C> Golden<C> {
    /// The names and shapes of those tensors that are weights.
    pub(crate) fn tensors(&self, is_weight: impl Fn(&str) -> bool) -> Vec<TensorSpec> {
        let weights = self.file.tensors().into_iter().filter(|(name, _)| is_weight(name));
        weights.map(|(name, view)| TensorSpec { name, shape: view.shape().to_vec() }).collect()
    }

    /// The weights on a device.
    pub(crate) fn weights(&self, list: &[TensorSpec], device: &burn::tensor::Device) -> Result<Weights> {
        let mut weights = Weights::new(device);
        for TensorSpec { name, shape } in list {
            weights.insert(name, shape, floats(&self.file, name).unwrap())?;
        }
        Ok(weights)
    }
}

/// Holds a network's own list of tensors against the file's, in whatever order.
pub(crate) fn same_tensors(name: &str, mut listed: Vec<TensorSpec>, mut stored: Vec<TensorSpec>) {
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    stored.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(listed, stored, "{name}: schema");
}

/// The largest difference of values that should be the same.
pub(crate) fn largest(what: &str, found: &[f32], expected: &[f32]) -> Difference {
    assert_eq!(found.len(), expected.len(), "{what}");
    let differences = found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs()));
    Difference { what: what.to_owned(), largest: differences.fold(0.0, f64::max) }
}

/// Says all differences, and refuses those beyond the tolerance.
pub(crate) fn judge(backend: Backend, differences: &[Difference], tolerance: f64, say: impl Fn(&str)) {
    for Difference { what, largest } in differences {
        say(&format!("{backend} {what:55} {largest:.2e}"));
        assert!(*largest <= tolerance, "{backend} {what}");
    }
    let largest = differences.iter().map(|d| d.largest).fold(0.0, f64::max);
    say(&format!("{backend}: largest difference {largest:.2e}"));
}

/// Judges a suite on every backend that this machine has.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn natively(run: impl AsyncFn(Backend) -> Result<Vec<Difference>>, tolerance: f64) {
    let mut ran = 0;
    for &backend in Backend::BUILT {
        match pollster::block_on(run(backend)) {
            Ok(differences) => {
                judge(backend, &differences, tolerance, |line| println!("{line}"));
                ran += 1;
            }
            // A machine without a graphics driver has no adapter, and can't test one.
            Err(e) if e.kind() == musiclime::ErrorKind::Device && backend == Backend::Wgpu => {
                println!("{backend}: {e}");
            }
            Err(e) => panic!("{backend}: {e}"),
        }
    }
    assert!(ran > 0);
}

/// Judges a suite on every backend that this build has in the browser.
#[cfg(target_family = "wasm")]
pub(crate) async fn in_a_browser(run: impl AsyncFn(Backend) -> Result<Vec<Difference>>, tolerance: f64) {
    for &backend in Backend::BUILT {
        let differences = run(backend).await.unwrap();
        judge(backend, &differences, tolerance, |line| wasm_bindgen_test::console_log!("{line}"));
    }
}
