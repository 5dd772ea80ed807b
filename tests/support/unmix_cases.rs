//! The golden cases of Open-Unmix, written once and run over every backend: natively by
//! `golden_unmix.rs`, in a browser by `wasm_unmix.rs`.

use crate::golden::{self, Difference, Golden, floats};
use musiclime::audio::unmix::{UnmixSettings, separate};
use musiclime::audio::wiener::Filter;
use musiclime::model::{Backend, OpenUnmix, OpenUnmixConfig, TensorSpec, device, open_unmix_schema};
use musiclime::{Quiet, Result};

/// The largest difference from the package's samples, whose full scale is 1, that is let pass.
pub(crate) const TOLERANCE: f64 = 1e-5;

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
pub(crate) type Case = Golden<OpenUnmixConfig>;

/// All cases.
pub(crate) fn cases() -> Vec<Case> {
    golden::read(&CASES)
}

impl Case {
    /// The names and shapes of the weights.
    pub(crate) fn weight_list(&self) -> Vec<TensorSpec> {
        self.tensors(|name| !name.starts_with("mono.") && !name.starts_with("stereo."))
    }

    /// A mix of the file, channel by channel.
    pub(crate) fn mix(&self, layout: &str) -> Option<Vec<Vec<f32>>> {
        let name = format!("{layout}.mix");
        let values = floats(&self.file, &name)?;
        let samples = self.file.tensor(&name).ok()?.shape()[1];
        Some(values.chunks(samples).map(<[f32]>::to_vec).collect())
    }
}

/// Separates every mix of every case with every filter that the package was asked for.
pub(crate) async fn run_all(backend: Backend) -> Result<Vec<Difference>> {
    let (device, _) = device(backend).await?;
    let mut out = Vec::new();
    for case in cases() {
        let stored = case.weight_list();
        golden::same_tensors(case.name, open_unmix_schema(&case.config), stored.clone());
        let model = OpenUnmix::new(&case.config, case.weights(&stored, &device)?)?;
        for layout in ["mono", "stereo"] {
            let Some(mix) = case.mix(layout) else { continue };
            for (name, filter) in FILTERS {
                let Some(expected) = floats(&case.file, &format!("{layout}.{name}")) else { continue };
                let stems = separate(&model, &mix, &UnmixSettings { filter }, &mut Quiet).await?;
                let what = format!("{} {layout} {name}", case.name);
                out.push(golden::largest(&what, &stems.concat().concat(), &expected));
            }
        }
    }
    Ok(out)
}
