//! From an explanation to what one can hear of it: which stems in which segments.

use super::Song;
use crate::audio::{Stem, Stems, evidence, segments};
use crate::explanation::{AudioFeature, Explanation, Feature, LabelExplanation, ranking};
use crate::lime::Preset;
use crate::{Error, Result};
use std::ops::Range;

/// The explained stretch of a song and its segments, in samples at the song's rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Where the stretch starts in the song.
    pub offset: usize,
    /// The segments, counted from the start of the stretch.
    pub segments: Vec<Range<usize>>,
}

impl Grid {
    /// The samples of the song that the segments cover.
    pub fn covered(&self) -> Range<usize> {
        let end = self.segments.last().map_or(0, |segment| segment.end);
        self.offset..self.offset.saturating_add(end)
    }
}

/// The grid on which an explanation of this song stands.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) if the explanation is of another song, or holds
/// words alone.
pub fn grid(explanation: &Explanation, song: &Song) -> Result<Grid> {
    if explanation.song.sha256 != song.sha256() {
        return Err(Error::input("the explanation is of another song")
            .hint("choose the song that it names, or explain this one"));
    }
    stretch(explanation, song.mix().rate, song.mix().samples.len())
}

fn stretch(explanation: &Explanation, rate: u32, samples: usize) -> Result<Grid> {
    let settings = &explanation.settings;
    if settings.modality == "lyrics" {
        return Err(no_sounds());
    }
    let at = |seconds: f64| (seconds * f64::from(rate)).round() as usize;
    let (start, end) = (at(settings.window.start), at(settings.window.end));
    if start >= end || end > samples {
        return Err(Error::input("the explained window does not lie within the song"));
    }
    // The published presets drop what is left when the window isn't a multiple of the segments.
    let tail =
        if settings.preset == Preset::Default.name() { segments::Tail::Spread } else { segments::Tail::Drop };
    Ok(Grid { offset: start, segments: segments::segments(end - start, settings.segments, tail)? })
}

/// What there is to say where words alone were explained.
pub fn no_sounds() -> Error {
    Error::input("there is nothing to listen to where only the lyrics are explained")
        .hint("explain both, or the audio")
}

/// The stems of a song that was separated.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) if it wasn't.
pub fn stems(song: &Song) -> Result<&Stems> {
    if song.separator().is_none() {
        return Err(Error::input("the song is not separated into stems yet").hint("separate it first"));
    }
    song.stems()
}

/// A sound among an explanation's strongest features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell<'a> {
    /// Its place in the joint ranking of sounds and words, from 1.
    pub rank: usize,
    /// The stem.
    pub stem: Stem,
    /// The feature itself.
    pub feature: &'a AudioFeature,
}

/// The sounds among the `k` strongest features of the joint ranking, strongest first. Words count
/// but have no sound; so do segments that the model never hears, whose weights mean nothing.
pub fn strongest(explanation: &LabelExplanation, k: usize) -> Vec<Cell<'_>> {
    let ranked = ranking(explanation).into_iter().take(k).enumerate();
    ranked
        .filter_map(|(place, feature)| match feature {
            Feature::Audio(audio) if audio.heard => {
                let stem = Stem::ALL.into_iter().find(|stem| stem.name() == audio.stem)?;
                Some(Cell { rank: place + 1, stem, feature: audio })
            }
            _ => None,
        })
        .collect()
}

/// "Only what speaks for it": flags, one per feature of the grid, that are on for the sounds with
/// a positive weight among the `k` strongest features. [`evidence::complement`] is "everything
/// but that".
pub fn speaking_for(explanation: &LabelExplanation, k: usize, segments: usize) -> Vec<bool> {
    let cells = strongest(explanation, k).into_iter().filter(|cell| cell.feature.weight > 0.0);
    evidence::only(cells.map(|cell| (cell.feature.segment, cell.stem)), segments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explanation::{SCHEMA, Settings, Window, WordFeature};

    fn sound(stem: &str, segment: usize, weight: f64, heard: bool) -> Feature {
        let stem = stem.to_owned();
        let (start, end) = (segment as f64, segment as f64 + 1.0);
        Feature::Audio(AudioFeature { stem, segment, start, end, weight, low: None, high: None, heard })
    }

    fn word(word: &str, weight: f64) -> Feature {
        let word = word.to_owned();
        Feature::Word(WordFeature { word, count: 1, weight, low: None, high: None, heard: true })
    }

    fn label(features: Vec<Feature>) -> LabelExplanation {
        LabelExplanation { label: "sad".into(), features, ..Default::default() }
    }

    fn explanation(preset: &str, features: Vec<Feature>) -> Explanation {
        Explanation {
            schema: SCHEMA,
            song: Default::default(),
            model: Default::default(),
            lyrics: None,
            settings: Settings {
                preset: preset.into(),
                segments: 3,
                window: Window { start: 0.5, end: 1.6 },
                ..Default::default()
            },
            run: Default::default(),
            predictions: Vec::new(),
            composed: Vec::new(),
            separation: None,
            interaction: None,
            explanations: vec![label(features)],
        }
    }

    #[test]
    fn the_top_counts_words_but_plays_sounds() {
        let one = label(vec![
            sound("vocals", 0, 0.1, true),
            word("love", -0.5),
            sound("bass", 1, -0.4, true),
            sound("other", 1, 0.3, true),
            sound("drums", 0, 0.9, false),
        ]);
        let ranks = |k| strongest(&one, k).iter().map(|c| (c.rank, c.stem)).collect::<Vec<_>>();
        assert_eq!(ranks(2), []);
        assert_eq!(ranks(4), [(3, Stem::Bass), (4, Stem::Other)]);
        assert_eq!(speaking_for(&one, 4, 2), evidence::only([(1, Stem::Other)], 2));
        assert_eq!(
            speaking_for(&one, usize::MAX, 2),
            evidence::only([(1, Stem::Other), (0, Stem::Vocals)], 2)
        );
        assert_eq!(speaking_for(&one, 0, 2), [false; 8]);
    }

    #[test]
    fn the_grid_is_the_explanations() {
        let sounds = || vec![sound("vocals", 0, 0.1, true)];
        let found = stretch(&explanation("default", sounds()), 100, 200).unwrap();
        assert_eq!(found, Grid { offset: 50, segments: vec![0..36, 36..73, 73..110] });
        assert_eq!(found.covered(), 50..160);
        let found = stretch(&explanation("paper", sounds()), 100, 200).unwrap();
        assert_eq!(found.segments, [0..36, 36..72, 72..108]);
        assert!(stretch(&explanation("default", sounds()), 100, 159).is_err());
        // A selection of features may have kept no sound, and the song can be heard all the same.
        assert!(stretch(&explanation("default", vec![word("love", 1.0)]), 100, 200).is_ok());
        let mut words = explanation("default", vec![word("love", 1.0)]);
        words.settings.modality = "lyrics".into();
        let error = stretch(&words, 100, 200).unwrap_err();
        assert!(error.message().contains("lyrics"), "{error}");
    }
}
