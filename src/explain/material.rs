//! What is switched on and off: the stretch of the song with its segments, and the words.

use super::{Listener, Request, Song, scorer};
use crate::audio::{Stem, segments, window};
use crate::lime::{self, Layout, Modality, Preset};
use crate::lyrics::{self, Fold, IndexedLyrics};
use crate::{Error, Result};
use std::ops::Range;

/// The features of one explanation, in the order of the mask: audio first, then words.
pub(super) struct Material {
    settings: lime::Settings,
    segment_count: usize,
    audible: Vec<Range<usize>>,
    window: Range<usize>,
    segments: Vec<Range<usize>>,
    fold: Fold,
    text: IndexedLyrics,
    heard: Vec<bool>,
    unheard: Vec<lyrics::Word>,
}

impl Material {
    /// Finds the features of a song and its lyrics, as the request's preset understands them.
    pub(super) fn prepare(listener: &Listener, song: &Song, lyrics: &str, request: &Request) -> Result<Self> {
        let mut settings = request.lime_settings()?;
        let segment_count = request.checked_segments()?;
        let (window, segments) = stretch(listener, song, request, segment_count)?;
        let (text, heard, unheard) = words(listener, lyrics, request.preset)?;
        settings.modality = varying(listener, request.modality, &text)?;
        settings.batch = scorer::rows_per_batch(listener);
        // The model hears only the window's first samples; composing more would change nothing.
        let limit = listener.window_samples();
        let audible = segments.iter().map(|s| s.start.min(limit)..s.end.min(limit)).collect();
        Ok(Self {
            settings,
            segment_count,
            audible,
            window,
            segments,
            fold: fold(request.preset),
            text,
            heard,
            unheard,
        })
    }

    /// The LIME engine's settings; their modality is the request's, less what the model or the song lacks.
    pub(super) fn settings(&self) -> &lime::Settings {
        &self.settings
    }

    /// The number of features of each kind.
    pub(super) fn layout(&self) -> Layout {
        Layout { audio: Stem::ALL.len() * self.segments.len(), words: self.text.words().len() }
    }

    /// Whether stems are switched on and off, so that the song has to be separated.
    pub(super) fn varies_audio(&self) -> bool {
        self.settings.modality != Modality::Lyrics
    }

    /// The number of segments asked for.
    pub(super) fn segment_count(&self) -> usize {
        self.segment_count
    }

    /// The explained stretch, in samples of the mix.
    pub(super) fn window(&self) -> Range<usize> {
        self.window.clone()
    }

    /// The segments, in samples from the start of the window.
    pub(super) fn segments(&self) -> &[Range<usize>] {
        &self.segments
    }

    /// The part of each segment that the model hears; empty past its window.
    pub(super) fn audible(&self) -> &[Range<usize>] {
        &self.audible
    }

    /// Which spellings count as one word.
    pub(super) fn fold(&self) -> Fold {
        self.fold
    }

    /// The words that are features.
    pub(super) fn words(&self) -> &[lyrics::Word] {
        self.text.words()
    }

    /// For each word that is a feature, whether the model hears it in the whole lyrics.
    pub(super) fn heard(&self) -> &[bool] {
        &self.heard
    }

    /// The words that the model never hears and that are therefore no features.
    pub(super) fn unheard(&self) -> &[lyrics::Word] {
        &self.unheard
    }

    /// The lyrics as the model is given them, with nothing removed.
    pub(super) fn whole_text(&self) -> &str {
        self.text.text()
    }

    /// The lyrics with only the words that are on.
    pub(super) fn text_with(&self, on: &[bool]) -> String {
        self.text.without(on)
    }

    /// The explained stretch of the original mix.
    pub(super) fn mix<'a>(&self, song: &'a Song) -> &'a [f32] {
        song.mix().samples.get(self.window()).unwrap_or(&[])
    }
}

/// The stretch that is explained and its segments.
///
/// `paper` and `lime` take the whole clip and drop the tail, as published, whether or not the
/// model hears that far. `default` takes what the model hears: the loudest stretch (quiet
/// intros and fades say the least about a song) unless the user chose one.
fn stretch(
    listener: &Listener,
    song: &Song,
    request: &Request,
    parts: usize,
) -> Result<(Range<usize>, Vec<Range<usize>>)> {
    let samples = &song.mix().samples;
    let (window, tail) = match (request.preset, request.window_start) {
        (Preset::Default, None) => {
            (window::loudest(samples, listener.window_samples()), segments::Tail::Spread)
        }
        (Preset::Default, Some(start)) => (
            window::at(samples.len(), listener.window_samples(), song.mix().rate, start)?,
            segments::Tail::Spread,
        ),
        (Preset::Paper | Preset::Lime, None) => (0..samples.len(), segments::Tail::Drop),
        (Preset::Paper | Preset::Lime, Some(_)) => {
            return Err(Error::input(format!("the preset {} explains the whole clip", request.preset))
                .hint("leave the window out, or use the preset default"));
        }
    };
    if !listener.hears() {
        return Ok((window, Vec::new()));
    }
    let segments = segments::segments(window.len(), parts, tail)?;
    Ok((window, segments))
}

/// The words that are features, whether each is heard, and the words that are none.
///
/// With the published presets every word is a feature, and a word past the model's token limit
/// slides into its view when words before it are removed. `default` cuts the lyrics where the
/// model stops reading, so that a word's weight is the weight it has in the song as it is.
fn words(
    listener: &Listener,
    lyrics: &str,
    preset: Preset,
) -> Result<(IndexedLyrics, Vec<bool>, Vec<lyrics::Word>)> {
    let fold = fold(preset);
    let whole = IndexedLyrics::new(lyrics, fold)?;
    let Some(tokenizer) = listener.tokenizer() else {
        // A model without a tokenizer reads nothing, so nothing of the lyrics is a feature.
        return Ok((IndexedLyrics::new("", fold)?, Vec::new(), whole.words().to_vec()));
    };
    let heard = lyrics::heard(&whole, tokenizer, listener.cleaning())?;
    if preset != Preset::Default {
        return Ok((whole, heard, Vec::new()));
    }
    let end = lyrics::heard_len(lyrics, tokenizer, listener.cleaning())?;
    let unheard = whole.words().iter().zip(&heard).filter(|(_, h)| !**h).map(|(w, _)| w.clone()).collect();
    let cut = IndexedLyrics::new(lyrics.get(..end).unwrap_or(lyrics), fold)?;
    let heard = vec![true; cut.words().len()];
    Ok((cut, heard, unheard))
}

/// The published presets tell "Love" from "love"; to a reader, and to most models, they are one word.
fn fold(preset: Preset) -> Fold {
    if preset == Preset::Default { Fold::Case } else { Fold::None }
}

/// What can vary: the modality asked for, less what the model does not take or the user did not bring.
fn varying(listener: &Listener, asked: Modality, text: &IndexedLyrics) -> Result<Modality> {
    let wordless = text.words().is_empty();
    match asked {
        Modality::Audio | Modality::Both if listener.hears() && (wordless || !listener.reads()) => {
            Ok(Modality::Audio)
        }
        Modality::Audio if !listener.hears() => {
            Err(Error::input("this model does not listen to audio").hint("explain the lyrics instead"))
        }
        Modality::Lyrics if !listener.reads() => {
            Err(Error::input("this model does not read lyrics").hint("explain the audio instead"))
        }
        Modality::Lyrics | Modality::Both if wordless => {
            Err(Error::input("there are no words to explain").hint("give the song's lyrics"))
        }
        Modality::Both if !listener.hears() => Ok(Modality::Lyrics),
        other => Ok(other),
    }
}
