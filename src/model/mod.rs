//! Models as Burn modules (AST, RoBERTa, the fusion head), the bundles they come in, and the
//! conversion of checkpoints into bundles. Knows nothing of LIME or of the web.

mod ast;
mod classifier;
mod config;
mod device;
mod layers;
mod roberta;
mod schema;
mod weights;

pub use classifier::{Classifier, Embeddings, Flops, Inputs, flops, softmax};
pub use config::{AstConfig, FeatureExtractor, ModelConfig, RobertaConfig, Task};
pub use device::{Backend, backend_name, device};
pub use schema::{TensorSpec, schema};
pub use weights::Weights;
