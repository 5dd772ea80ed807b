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

#[cfg(test)]
pub(crate) mod testing {
    use super::{Flow, Observer, Stage};

    /// Sees to it that a stage's thousandths only grow, and says "stop" at a certain pause.
    pub(crate) struct Watch {
        stage: Stage,
        /// The thousandths that were reported last.
        pub(crate) last: usize,
        /// How often the work paused.
        pub(crate) pauses: usize,
        stop_at: usize,
    }

    impl Watch {
        /// Never stops.
        pub(crate) fn new(stage: Stage) -> Self {
            Self::stopping(stage, usize::MAX)
        }

        /// Stops at the pause of that number, counted from 1.
        pub(crate) fn stopping(stage: Stage, stop_at: usize) -> Self {
            Self { stage, last: 0, pauses: 0, stop_at }
        }
    }

    impl Observer for Watch {
        fn report(&mut self, stage: Stage, done: usize, total: usize) {
            assert_eq!((stage, total), (self.stage, 1000));
            assert!(done >= self.last && done <= total, "{done} after {}", self.last);
            self.last = done;
        }

        async fn pause(&mut self) -> Flow {
            self.pauses += 1;
            if self.pauses == self.stop_at { Flow::Stop } else { Flow::Continue }
        }
    }
}
