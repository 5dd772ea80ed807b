//! What is drawn beside an explanation: the waveform, when which line is sung, and where the words
//! stand. Whoever has this and the explanation can show both without a model and without the song.

use super::{Listener, Song};
use crate::Result;
use crate::audio;
use crate::explanation::Explanation;
use crate::lyrics::{TimedLyrics, utf16_spans};
use serde::Serialize;

/// Points of the waveform: enough for a wide screen, little to send.
pub const PEAKS: usize = 2_000;

/// All that a page shows of an explanation, in one file.
#[derive(Debug, Serialize)]
pub struct Drawing {
    explanation: Explanation,
    /// The rate at which the model hears the song, and at which it is played beside its stems.
    rate: u32,
    wave: Wave,
    lyrics: DrawnLyrics,
    words: Vec<DrawnWord>,
}

/// The waveform of a whole song.
#[derive(Debug, Serialize)]
pub struct Wave {
    seconds: f64,
    /// The lowest and the highest sample of equal stretches, in turn.
    peaks: Vec<f64>,
}

/// Lyrics without the times that they may carry, and when which line is sung.
#[derive(Debug, Serialize)]
pub struct DrawnLyrics {
    text: String,
    lines: Vec<DrawnLine>,
}

/// A line and a moment at which it is sung.
#[derive(Debug, Serialize)]
pub struct DrawnLine {
    /// In seconds.
    start: f64,
    /// In UTF-16 code units, by which JavaScript counts.
    span: (usize, usize),
}

/// A distinct word.
#[derive(Debug, Serialize)]
pub struct DrawnWord {
    word: String,
    /// Where it stands in the text, in UTF-16 code units.
    spans: Vec<(usize, usize)>,
    /// Whether the model reads that far.
    heard: bool,
}

impl Drawing {
    /// What is drawn of an explanation of this song with these lyrics.
    ///
    /// # Errors
    /// If the lyrics are too long.
    pub fn new(
        explanation: Explanation,
        listener: &Listener,
        song: &Song,
        lyrics: &TimedLyrics,
    ) -> Result<Self> {
        Ok(Self {
            explanation,
            rate: listener.rate(),
            wave: Wave { seconds: song.seconds(), peaks: peaks(song).map(hundredths).collect() },
            lyrics: timed(lyrics),
            words: words(listener, &lyrics.text)?,
        })
    }

    /// As JSON in one line.
    ///
    /// A number that is not finite has no JSON and becomes `null`.
    pub fn to_json(&self) -> String {
        // Writing structs of strings and numbers to memory has no way to fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The lowest and the highest sample of equal stretches of the song, in turn.
pub fn peaks(song: &Song) -> impl Iterator<Item = f32> {
    audio::peaks(&song.mix().samples, PEAKS).into_iter().flat_map(|(low, high)| [low, high])
}

/// A waveform is some sixty points high, so a hundredth is less than a point.
fn hundredths(peak: f32) -> f64 {
    (f64::from(peak) * 100.0).round() / 100.0
}

/// The lyrics as they are drawn.
pub fn timed(lyrics: &TimedLyrics) -> DrawnLyrics {
    let lines = lyrics
        .lines
        .iter()
        .zip(lyrics.utf16_spans())
        .map(|(line, span)| DrawnLine { start: line.start, span: (span.start, span.end) })
        .collect();
    DrawnLyrics { text: lyrics.text.clone(), lines }
}

/// The distinct words of the lyrics, and where they stand.
///
/// # Errors
/// If the lyrics are too long.
pub fn words(listener: &Listener, lyrics: &str) -> Result<Vec<DrawnWord>> {
    let drawn = |(word, heard): (crate::lyrics::Word, bool)| DrawnWord {
        spans: utf16_spans(lyrics, &word.spans).into_iter().map(|s| (s.start, s.end)).collect(),
        word: word.text,
        heard,
    };
    Ok(listener.words(lyrics)?.into_iter().map(drawn).collect())
}
