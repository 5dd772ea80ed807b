//! What one can listen to, handed over as samples: Web Audio does the rest.

use super::errors::Thrown;
use super::{Engine, to_js};
use crate::audio::{Stem, evidence};
use crate::explain::{Song, listening};
use crate::explanation::Explanation;
use crate::{Error, Result};
use js_sys::{Array, Float32Array, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[derive(Serialize)]
struct TrackInfo {
    /// Samples per second.
    rate: u32,
}

#[derive(Serialize)]
struct WindowInfo {
    rate: u32,
    /// Where the window starts in the song, in samples.
    offset: usize,
    /// Where its segments start and the last one ends, in samples from the window's start.
    edges: Vec<usize>,
    /// Samples that a stem takes to come or to go.
    fade: usize,
}

#[wasm_bindgen]
impl Engine {
    /// Takes the loaded song apart, unless that was done before, so that its stems can be heard.
    ///
    /// # Errors
    /// If no song is loaded, or it was cancelled.
    pub async fn separate(&self, on_progress: js_sys::Function) -> Result<(), JsValue> {
        let listener = self.listener()?;
        let generation = self.generation.get();
        let mut song = self.take_song()?;
        let mut observer = self.observer(on_progress);
        let separated = song.separate(&listener, &mut observer).await;
        self.give_back(song, generation);
        separated.thrown()
    }

    /// A whole track of the loaded song at the model's rate: `"mix"`, or a stem by its name.
    ///
    /// # Errors
    /// If no song is loaded, it is not separated yet, or there is no such track.
    pub fn track(&self, name: &str) -> Result<JsValue, JsValue> {
        self.with_song(|song| {
            let samples = if name == "mix" { Ok(&song.mix().samples) } else { stem(song, name) }.thrown()?;
            let track = to_js(&TrackInfo { rate: song.mix().rate })?;
            Reflect::set(&track, &"samples".into(), &Float32Array::from(samples.as_slice()).into())?;
            Ok(track)
        })
    }

    /// The window of an explanation (its JSON text) with its segments: the mix and the four stems.
    ///
    /// # Errors
    /// If the explanation can't be read or is of another song, or the song is not separated yet.
    pub fn window_tracks(&self, explanation: &str) -> Result<JsValue, JsValue> {
        let explanation = Explanation::from_json(explanation.as_bytes()).thrown()?;
        self.with_song(|song| {
            let grid = listening::grid(&explanation, song).thrown()?;
            let stems = listening::stems(song).thrown()?;
            let covered = grid.covered();
            let cut = |track: &[f32]| Float32Array::from(track.get(covered.clone()).unwrap_or_default());
            let edges = grid.segments.iter().map(|s| s.start).chain(grid.segments.last().map(|s| s.end));
            let window = to_js(&WindowInfo {
                rate: stems.rate,
                offset: grid.offset,
                edges: edges.collect(),
                fade: evidence::fade_samples(stems.rate),
            })?;
            let tracks = Array::new();
            for track in &stems.tracks {
                tracks.push(&cut(track));
            }
            Reflect::set(&window, &"tracks".into(), &tracks)?;
            Ok(window)
        })
    }
}

fn stem<'a>(song: &'a Song, name: &str) -> Result<&'a Vec<f32>> {
    let stems = listening::stems(song)?;
    let named = Stem::ALL.into_iter().zip(&stems.tracks).find(|(stem, _)| stem.name() == name);
    named.map(|(_, track)| track).ok_or_else(|| Error::input(format!("there is no track \"{name}\"")))
}

impl Engine {
    /// Lends the song to something that doesn't wait, and puts it back.
    fn with_song<T>(&self, look: impl FnOnce(&Song) -> Result<T, JsValue>) -> Result<T, JsValue> {
        let song = self.take_song()?;
        let seen = look(&song);
        self.song.set(Some(song));
        seen
    }
}
