//! MusicLIME: why does a multimodal music model call a song "hip hop", or "sad"?
//!
//! The rooms, in the order in which a song passes through them, are [`audio`], [`lyrics`],
//! [`model`], [`lime`] and [`explanation`]; [`explain`] is where they meet. `ARCHITECTURE.md`
//! tells what each may know of the others.

pub mod audio;
mod error;
pub mod explanation;
pub mod lime;
pub mod lyrics;
mod observer;

#[cfg(any(feature = "cpu", feature = "wgpu"))]
pub mod explain;
#[cfg(any(feature = "cpu", feature = "wgpu"))]
pub mod model;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(all(target_family = "wasm", any(feature = "cpu", feature = "wgpu")))]
pub mod web;

pub use error::{Error, ErrorKind, Result};
pub use observer::{Flow, Observer, Quiet, Stage};
