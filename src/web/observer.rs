//! Progress to the page, and the moments in which a worker can hear "cancel".

use crate::{Flow, Observer, Stage};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_time::Instant;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &js_sys::Function, milliseconds: i32) -> JsValue;
}

/// How long the worker may go without listening. Below what a person feels as lag, and far
/// above the 4 ms that browsers make of a timer of 0 ms.
const DEAF: Duration = Duration::from_millis(50);

/// Calls a JavaScript function `({stage, done, total})` with progress.
pub(super) struct PageObserver {
    on_progress: js_sys::Function,
    stop: Rc<Cell<bool>>,
    listened: Instant,
}

impl PageObserver {
    pub(super) fn new(on_progress: js_sys::Function, stop: Rc<Cell<bool>>) -> Self {
        Self { on_progress, stop, listened: Instant::now() }
    }
}

impl Observer for PageObserver {
    fn report(&mut self, stage: Stage, done: usize, total: usize) {
        let event = js_sys::Object::new();
        let fields: [(&str, JsValue); 3] =
            [("stage", name(stage).into()), ("done", (done as f64).into()), ("total", (total as f64).into())];
        for (key, value) in fields {
            // Neither setting a field of a fresh object nor the page's listener may stop the work.
            let _ = js_sys::Reflect::set(&event, &key.into(), &value);
        }
        let _ = self.on_progress.call1(&JsValue::NULL, &event);
    }

    async fn pause(&mut self) -> Flow {
        if self.listened.elapsed() >= DEAF {
            let turn = js_sys::Promise::new(&mut |resolve, _| {
                set_timeout(&resolve, 0);
            });
            let _ = JsFuture::from(turn).await;
            self.listened = Instant::now();
        }
        if self.stop.get() { Flow::Stop } else { Flow::Continue }
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::LoadModel => "load-model",
        Stage::Decode => "decode",
        Stage::Separate => "separate",
        Stage::Score => "score",
        Stage::Fit => "fit",
    }
}
