//! The WebAssembly artefact: all that it exports is [`musiclime::web`].

#[cfg(target_family = "wasm")]
pub use musiclime::web::Engine;

fn main() {}
