//! How long work reports where it stands, and hears that it should stop.

use crate::{Error, Result};
use std::future::Future;

/// What is being done, for a progress bar's caption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Reading the model bundle.
    LoadModel,
    /// Decoding and resampling the song.
    Decode,
    /// Splitting the song into stems.
    Separate,
    /// Scoring perturbed songs with the model.
    Score,
    /// Fitting the surrogate.
    Fit,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop, and keep what is done where that has a meaning.
    Stop,
}

/// Someone who watches long work and may stop it.
///
/// Long loops call [`report`](Observer::report) when they have advanced and await
/// [`pause`](Observer::pause) every so often (some tens of milliseconds of work). The
/// pause is a future because a browser's worker hears the word "cancel" only when it goes
/// back to its event loop; on the command line it is ready at once.
pub trait Observer {
    /// `done` of `total` units of `stage` are finished (`total` is never 0).
    fn report(&mut self, stage: Stage, done: usize, total: usize);

    /// Gives the host a moment and says whether to go on.
    fn pause(&mut self) -> impl Future<Output = Flow>;

    /// [`pause`](Observer::pause) for work that has nothing to show when it is stopped.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) when asked to stop.
    fn check(&mut self) -> impl Future<Output = Result<()>> {
        async {
            match self.pause().await {
                Flow::Continue => Ok(()),
                Flow::Stop => Err(Error::cancelled()),
            }
        }
    }
}

/// An observer that watches nothing and never stops anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn report(&mut self, _: Stage, _: usize, _: usize) {}

    async fn pause(&mut self) -> Flow {
        Flow::Continue
    }
}
