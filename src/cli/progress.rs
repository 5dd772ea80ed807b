//! Progress bars on a terminal, and Ctrl-C as "stop".

use crate::{Flow, Observer, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shows one bar per stage on stderr (none where stderr is no terminal) and stops the work at
/// the first Ctrl-C; a second one ends the process at once.
pub(super) struct Bars {
    bar: ProgressBar,
    stage: Option<Stage>,
    stop: Arc<AtomicBool>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        // Setting the handler fails when there is one already; Ctrl-C then keeps its usual meaning.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!("\nstopping after this batch; press Ctrl-C again to stop at once");
        });
        Self { bar: ProgressBar::hidden(), stage: None, stop }
    }

    /// Says something on stderr while a bar may be there.
    pub(super) fn say(&self, message: &str) {
        self.bar.suspend(|| eprintln!("musiclime: {message}"));
    }
}

impl Observer for Bars {
    fn report(&mut self, stage: Stage, done: usize, total: usize) {
        if self.stage != Some(stage) {
            self.bar.finish_and_clear();
            // indicatif draws nothing when stderr is not a terminal.
            let bar = ProgressBar::new(total as u64);
            if let Ok(style) = ProgressStyle::with_template("{msg:>20} {bar:30} {percent:>3} %  {eta} left") {
                bar.set_style(style);
            }
            bar.set_message(caption(stage));
            self.bar = bar;
            self.stage = Some(stage);
        }
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        if done >= total {
            self.bar.finish_and_clear();
        }
    }

    async fn pause(&mut self) -> Flow {
        if self.stop.load(Ordering::SeqCst) { Flow::Stop } else { Flow::Continue }
    }
}

/// The steps of one song among many: they can be stopped, but the bar is that of the many.
pub(super) struct Unseen<'a>(pub(super) &'a mut Bars);

impl Observer for Unseen<'_> {
    fn report(&mut self, _: Stage, _: usize, _: usize) {}

    async fn pause(&mut self) -> Flow {
        self.0.pause().await
    }
}

fn caption(stage: Stage) -> &'static str {
    match stage {
        Stage::LoadModel => "loading the model",
        Stage::Decode => "decoding",
        Stage::Separate => "separating stems",
        Stage::Score => "scoring",
        Stage::Fit => "fitting",
    }
}
