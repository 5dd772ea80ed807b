//! Models as Burn modules (AST, RoBERTa, the fusion head), the bundles they come in, and the
//! conversion of checkpoints into bundles. Knows nothing of LIME or of the web.

mod config;
mod weights;

pub use config::{AstConfig, FeatureExtractor, ModelConfig, RobertaConfig, Task};
pub use weights::Weights;
