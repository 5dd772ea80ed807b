//! The wasm-bindgen boundary: what the page's worker calls.
//!
//! Holds no logic that the command line would need too. Nothing here panics: a panic in
//! WebAssembly ends the instance without telling whoever awaits it.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod errors;
mod listening;
mod observer;

use crate::audio;
use crate::explain::{Listener, Request, Song, drawing, explain, predict};
use crate::explanation::Predictions;
use crate::lyrics::TimedLyrics;
use crate::model::{Backend, Bundle, Loader, Task, device};
use crate::{Error, Result};
use burn::tensor::Device;
use errors::{Thrown, throw};
use observer::PageObserver;
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// One model on one device, with at most one song: what a worker owns.
///
/// All methods take `&self`, so that `cancel` can be called while another call is pending.
#[wasm_bindgen]
pub struct Engine {
    device: Device,
    backend: Backend,
    loading: RefCell<Option<Loading>>,
    listener: RefCell<Option<Rc<Listener>>>,
    // Taken out while a call works on it, so a second call meets a clear error, not a borrow's panic.
    song: Cell<Option<Song>>,
    // Counts songs and models: a call that was still at work on an earlier one must not bring it back.
    generation: Cell<u32>,
    stop: Rc<Cell<bool>>,
}

struct Loading {
    bundle: Bundle,
    tokenizer: Option<Vec<u8>>,
    loader: Loader,
}

#[derive(Serialize)]
struct ModelInfo {
    id: String,
    title: String,
    description: String,
    licence: String,
    labels: Vec<String>,
    task: Task,
    /// Seconds that the model hears at once.
    seconds: Option<f64>,
    sampling_rate: u32,
    separator: String,
    bytes: u64,
    gflop: Gflop,
}

/// Billions of floating-point operations of one pass of each encoder.
#[derive(Serialize)]
struct Gflop {
    audio: f64,
    text: f64,
}

#[derive(Serialize)]
struct SongInfo {
    title: Option<String>,
    artist: Option<String>,
    seconds: f64,
    sha256: String,
    window: Window,
}

#[derive(Serialize)]
struct Window {
    start: f64,
    end: f64,
}

#[wasm_bindgen]
impl Engine {
    /// Gets the device that this build computes on.
    ///
    /// # Errors
    /// If the browser has none.
    pub async fn create() -> Result<Engine, JsValue> {
        console_error_panic_hook::set_once();
        let wanted = if cfg!(feature = "engine-webgpu") { Backend::Wgpu } else { Backend::Cpu };
        let (device, backend) = device(wanted).await.thrown()?;
        Ok(Engine {
            device,
            backend,
            loading: RefCell::new(None),
            listener: RefCell::new(None),
            song: Cell::new(None),
            generation: Cell::new(0),
            stop: Rc::new(Cell::new(false)),
        })
    }

    /// What computes: `"cpu"` or `"webgpu"`.
    pub fn backend(&self) -> String {
        if self.backend == Backend::Cpu { "cpu".into() } else { "webgpu".into() }
    }

    /// Starts loading a bundle: its `bundle.json`, and its `tokenizer.json` where it has one.
    ///
    /// # Errors
    /// If the manifest is not valid, or the tokenizer's hash differs.
    pub fn begin_model(&self, bundle_json: &str, tokenizer: Option<Vec<u8>>) -> Result<(), JsValue> {
        let begin = || {
            let bundle = Bundle::parse(bundle_json.as_bytes())?;
            if let Some(bytes) = &tokenizer {
                bundle.tokenizer.as_ref().map_or(Ok(()), |entry| entry.verify(bytes))?;
            }
            let loader = Loader::new(&bundle, &self.device)?;
            Ok(Loading { bundle, tokenizer, loader })
        };
        self.loading.replace(Some(begin().thrown()?));
        Ok(())
    }

    /// Takes the next bytes of the weights, shard after shard, and returns the fraction that is there.
    ///
    /// # Errors
    /// If a shard's hash differs or a tensor is damaged; both are named.
    pub fn push_weights(&self, chunk: &[u8]) -> Result<f64, JsValue> {
        let mut loading = self.loading.borrow_mut();
        let Some(loading) = loading.as_mut() else { return Err(throw(&not_begun())) };
        loading.loader.push(chunk).thrown()?;
        let (done, total) = loading.loader.progress();
        Ok(done as f64 / (total as f64).max(1.0))
    }

    /// Puts the model together once all its bytes were pushed.
    ///
    /// # Errors
    /// If bytes are missing, or the tensors are not those of the bundle's configuration.
    pub async fn finish_model(&self) -> Result<JsValue, JsValue> {
        let Some(Loading { bundle, tokenizer, loader }) = self.loading.take() else {
            return Err(throw(&not_begun()));
        };
        let assemble = || {
            let (classifier, separator) = loader.finish()?.networks(&bundle)?;
            Listener::new(bundle, classifier, separator, tokenizer.as_deref(), self.backend)
        };
        let listener = assemble().thrown()?;
        let info = model_info(&listener);
        self.replace_song(None);
        self.listener.replace(Some(Rc::new(listener)));
        to_js(&info)
    }

    /// The milliseconds of one pass of the whole model, after a first pass that compiles kernels.
    ///
    /// # Errors
    /// If no model is loaded, or the device fails.
    pub async fn warm_up(&self) -> Result<f64, JsValue> {
        let listener = self.listener()?;
        listener.warm_up().await.thrown()?;
        let start = web_time::Instant::now();
        listener.warm_up().await.thrown()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    /// Decodes a song and keeps it for the calls that follow.
    ///
    /// # Errors
    /// If the file can't be decoded; the song before it is kept then.
    pub async fn load_song(
        &self,
        bytes: Vec<u8>,
        file_name: String,
        on_progress: js_sys::Function,
    ) -> Result<JsValue, JsValue> {
        let listener = self.listener()?;
        let mut observer = self.observer(on_progress);
        let song = Song::open(&bytes, &file_name, &listener, &mut observer).await.thrown()?;
        let mix = song.mix();
        let window = audio::window::loudest(&mix.samples, listener.window_samples());
        let seconds = |sample: usize| sample as f64 / f64::from(mix.rate);
        let info = to_js(&SongInfo {
            title: song.title().map(str::to_owned),
            artist: song.artist().map(str::to_owned),
            seconds: song.seconds(),
            sha256: song.sha256().to_owned(),
            window: Window { start: seconds(window.start), end: seconds(window.end) },
        })?;
        let peaks: Vec<f32> = drawing::peaks(&song).collect();
        js_sys::Reflect::set(&info, &"peaks".into(), &js_sys::Float32Array::from(peaks.as_slice()).into())?;
        self.replace_song(Some(song));
        Ok(info)
    }

    /// Lyrics without the times that they may carry (LRC), as all other calls want them, and when
    /// which line is sung: `{text, lines: [{start, span}]}`, spans in UTF-16 code units.
    ///
    /// # Errors
    /// Only if handing over fails.
    pub fn timed(&self, lyrics: &str) -> Result<JsValue, JsValue> {
        to_js(&drawing::timed(&TimedLyrics::parse(lyrics)))
    }

    /// The distinct words of the lyrics, where they stand (in UTF-16 code units, as JavaScript
    /// counts), and whether the model reads that far.
    ///
    /// # Errors
    /// If no model is loaded, or the lyrics are too long.
    pub fn words(&self, lyrics: &str) -> Result<JsValue, JsValue> {
        let listener = self.listener()?;
        to_js(&drawing::words(&listener, lyrics).thrown()?)
    }

    /// Scores the loaded song with these lyrics.
    ///
    /// # Errors
    /// If nothing is loaded, or a setting does not fit.
    pub async fn predict(&self, lyrics: String, settings: JsValue) -> Result<JsValue, JsValue> {
        let (listener, request) = (self.listener()?, request(settings)?);
        let generation = self.generation.get();
        let song = self.take_song()?;
        let predictions = predict(&listener, &song, &lyrics, &request).await;
        self.give_back(song, generation);
        to_js(&Predictions { predictions: predictions.thrown()? })
    }

    /// Explains the loaded song with these lyrics; the explanation is JSON text.
    ///
    /// # Errors
    /// If nothing is loaded, a setting does not fit, the device fails, or it was cancelled
    /// before there was anything to show.
    pub async fn explain(
        &self,
        lyrics: String,
        settings: JsValue,
        on_progress: js_sys::Function,
    ) -> Result<String, JsValue> {
        let (listener, request) = (self.listener()?, request(settings)?);
        let generation = self.generation.get();
        let mut song = self.take_song()?;
        let mut observer = self.observer(on_progress);
        let explanation = explain(&listener, &mut song, &lyrics, &request, &mut observer).await;
        self.give_back(song, generation);
        Ok(explanation.thrown()?.to_json())
    }

    /// Asks the pending call to stop. `explain` then resolves with what it has; others reject.
    pub fn cancel(&self) {
        self.stop.set(true);
    }
}

impl Engine {
    fn listener(&self) -> Result<Rc<Listener>, JsValue> {
        match self.listener.borrow().as_ref() {
            Some(listener) => Ok(listener.clone()),
            None => Err(throw(&Error::internal("no model is loaded"))),
        }
    }

    fn take_song(&self) -> Result<Song, JsValue> {
        self.song.take().ok_or_else(|| {
            throw(
                &Error::input("no song is loaded, or it is being worked on")
                    .hint("choose a song, or wait until that is done"),
            )
        })
    }

    /// Puts a song back after work on it, unless another song or model came meanwhile.
    fn give_back(&self, song: Song, generation: u32) {
        if self.generation.get() == generation {
            self.song.set(Some(song));
        }
    }

    fn replace_song(&self, song: Option<Song>) {
        self.generation.set(self.generation.get().wrapping_add(1));
        self.song.set(song);
    }

    fn observer(&self, on_progress: js_sys::Function) -> PageObserver {
        // A "cancel" that came when nothing was running must not stop what starts now.
        self.stop.set(false);
        PageObserver::new(on_progress, self.stop.clone())
    }
}

fn not_begun() -> Error {
    Error::internal("weights were pushed before a bundle was begun")
}

fn model_info(listener: &Listener) -> ModelInfo {
    let bundle = listener.bundle();
    let flops = listener.flops(bundle.token_limit());
    ModelInfo {
        id: bundle.id.clone(),
        title: bundle.title.clone(),
        description: bundle.description.clone(),
        licence: bundle.licence.clone(),
        labels: bundle.labels.clone(),
        task: bundle.task,
        seconds: listener.hears().then(|| listener.window_samples() as f64 / f64::from(listener.rate())),
        sampling_rate: listener.rate(),
        separator: bundle.separator.name().to_owned(),
        bytes: bundle.weight_bytes(),
        gflop: Gflop { audio: flops.audio / 1e9, text: flops.text / 1e9 },
    }
}

fn request(settings: JsValue) -> Result<Request, JsValue> {
    serde_wasm_bindgen::from_value(settings)
        .map_err(|e| throw(&Error::input(format!("the settings are not valid: {e}"))))
}

fn to_js(value: &impl Serialize) -> Result<JsValue, JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|e| throw(&Error::internal(format!("cannot hand over a result: {e}"))))
}
