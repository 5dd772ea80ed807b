//! Models as Burn modules (AST, RoBERTa, the fusion head), the bundles they come in, and the
//! conversion of checkpoints into bundles. Knows nothing of LIME or of the web.

mod ast;
mod bundle;
mod classifier;
mod config;
mod device;
mod digest;
mod files;
mod header;
mod inventory;
mod kernels;
mod layers;
mod lstm;
mod open_unmix;
mod roberta;
mod schema;
mod stream;
mod unmix;
mod weights;

#[cfg(feature = "cli")]
pub mod check;
#[cfg(feature = "cli")]
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod convert;
#[cfg(feature = "cli")]
mod dir;
#[cfg(feature = "cli")]
mod names;
#[cfg(feature = "cli")]
mod separator_files;
#[cfg(feature = "cli")]
pub mod settings;
#[cfg(any(test, feature = "cli"))]
mod shards;
#[cfg(test)]
mod testing;
#[cfg(feature = "cli")]
mod write;

pub use bundle::{Bundle, MAX_MANIFEST_BYTES, OpenUnmixEntry, SCHEMA, Separator};
pub use classifier::{Classifier, Embeddings, Flops, Inputs, flops, softmax};
pub use config::{AstConfig, FeatureExtractor, ModelConfig, RobertaConfig, Task};
pub use device::{Backend, backend_name, device};
pub use digest::sha256;
#[cfg(feature = "cli")]
pub use dir::{Loaded, load_dir, load_separator, read_manifest};
pub use files::{Dtype, FileEntry, MAX_FILE_BYTES, WeightsEntry};
pub use open_unmix::{OpenUnmixConfig, TARGETS, open_unmix_schema};
pub use schema::{TensorSpec, schema};
pub use stream::{BundleWeights, Loader};
pub use unmix::{Heard, OpenUnmix};
pub use weights::Weights;
