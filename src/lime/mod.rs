//! LIME: masks, the kernel, the surrogate, and the engine that scores perturbations.

mod engine;
mod fit;
mod kernel;
mod lars;
mod linalg;
mod mask;
mod ridge;
mod sampling;
mod select;
mod settings;
pub mod surrogate;

pub use engine::{Rows, Score, Stopped, run, top_labels};
pub use fit::{Surrogate, fit};
pub use kernel::{cosine_distances, effective_sample_size, kernel};
pub use mask::{Layout, Mask};
pub use sampling::masks;
pub use settings::{FeatureSelection, MAX_FEATURES, MAX_SAMPLES, Modality, Preset, Sampling, Settings};
