//! Words as LIME finds them, and texts with some of them deleted.

use super::{MAX_LYRICS_BYTES, MAX_WORDS, check_length};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use unicode_general_category::{GeneralCategory, get_general_category};

/// Which spellings count as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fold {
    /// Only equal ones, as in LIME and in the paper.
    #[default]
    None,
    /// Those that are equal in lower case, so that a word at the start of a line does not
    /// divide its weight with the same word elsewhere.
    Case,
}

impl Fold {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Fold::None => "none",
            Fold::Case => "case",
        }
    }
}

/// A distinct word of the lyrics and all the places where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word; its lower case under [`Fold::Case`].
    pub text: String,
    /// Byte ranges into the lyrics, ascending and never empty.
    pub spans: Vec<Range<usize>>,
}

/// Lyrics and their words: LIME's `IndexedString(text, split_expression=r'\W+', bow=True)`.
///
/// A word is a run of [word characters](is_word_character); whatever stands between words
/// belongs to none of them and always stays.
#[derive(Debug, Clone)]
pub struct IndexedLyrics {
    text: String,
    words: Vec<Word>,
    /// Every occurrence in the order of the text, with the number of its word.
    occurrences: Vec<(Range<usize>, usize)>,
}

impl IndexedLyrics {
    /// Finds the distinct words of `text`, in the order in which they first appear.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for texts longer than
    /// [`MAX_LYRICS_BYTES`] or with more than [`MAX_WORDS`] words.
    pub fn new(text: &str, fold: Fold) -> Result<Self> {
        check_length(text.len(), MAX_LYRICS_BYTES)?;
        let mut words: Vec<Word> = Vec::new();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut occurrences = Vec::new();
        for span in runs(text) {
            let written = text.get(span.clone()).unwrap_or_default();
            let key = match fold {
                Fold::None => written.to_owned(),
                Fold::Case => written.to_lowercase(),
            };
            let number = match numbers.entry(key) {
                Entry::Occupied(entry) => {
                    let number = *entry.get();
                    if let Some(word) = words.get_mut(number) {
                        word.spans.push(span.clone());
                    }
                    number
                }
                Entry::Vacant(entry) => {
                    words.push(Word { text: entry.key().clone(), spans: vec![span.clone()] });
                    *entry.insert(words.len() - 1)
                }
            };
            if words.len() > MAX_WORDS {
                return Err(Error::input(format!(
                    "the lyrics have more than {MAX_WORDS} different words, too many to explain at once"
                ))
                .hint("give the words of one song as plain text"));
            }
            occurrences.push((span, number));
        }
        Ok(Self { text: text.to_owned(), words, occurrences })
    }

    /// The lyrics as they were given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The distinct words, in the order in which they first appear.
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// The lyrics without the words whose entry in `on` is false, each deleted wherever it
    /// stands: LIME's `inverse_removing`. Words past the end of `on` stay.
    pub fn without(&self, on: &[bool]) -> String {
        let mut left = String::with_capacity(self.text.len());
        let mut kept = 0;
        for (span, number) in &self.occurrences {
            if on.get(*number) == Some(&false) {
                left.push_str(self.text.get(kept..span.start).unwrap_or_default());
                kept = span.end;
            }
        }
        left.push_str(self.text.get(kept..).unwrap_or_default());
        left
    }

    /// For each word its spans in UTF-16 code units, by which JavaScript counts.
    pub fn utf16_spans(&self) -> Vec<Vec<Range<usize>>> {
        let spans: Vec<_> = self.occurrences.iter().map(|(span, _)| span.clone()).collect();
        let mut words = vec![Vec::new(); self.words.len()];
        for (span, (_, number)) in utf16_spans(&self.text, &spans).into_iter().zip(&self.occurrences) {
            if let Some(word) = words.get_mut(*number) {
                word.push(span);
            }
        }
        words
    }
}

/// Byte ranges of `text` as ranges of UTF-16 code units, by which JavaScript counts.
///
/// A bound that is not on a character's boundary or lies beyond the end moves to the next
/// boundary. Linear in the text when the ranges ascend, as a [`Word`]'s do.
pub fn utf16_spans(text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut characters = text.chars();
    let (mut bytes, mut units) = (0, 0);
    let mut unit_at = |bound: usize| {
        if bound < bytes {
            characters = text.chars();
            (bytes, units) = (0, 0);
        }
        while bytes < bound {
            let Some(c) = characters.next() else { break };
            bytes += c.len_utf8();
            units += c.len_utf16();
        }
        units
    };
    spans.iter().map(|span| unit_at(span.start)..unit_at(span.end)).collect()
}

/// Whether Python's regular expression `\w` matches the character: letters and numbers (the
/// categories L* and N*) and the underscore, but no combining marks.
///
/// Python 3.11 knows the characters of Unicode 14 and this function those of Unicode 16:
/// letters that were assigned in between are words here, as they are in later Pythons.
pub fn is_word_character(c: char) -> bool {
    use GeneralCategory as G;
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(
        get_general_category(c),
        G::UppercaseLetter
            | G::LowercaseLetter
            | G::TitlecaseLetter
            | G::ModifierLetter
            | G::OtherLetter
            | G::DecimalNumber
            | G::LetterNumber
            | G::OtherNumber
    )
}

/// The longest runs of word characters, as byte ranges.
pub(super) fn runs(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut characters = text.char_indices();
    std::iter::from_fn(move || {
        let (start, _) = characters.find(|(_, c)| is_word_character(*c))?;
        let end = characters.find(|(_, c)| !is_word_character(*c)).map_or(text.len(), |(at, _)| at);
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;

    fn index(text: &str, fold: Fold) -> IndexedLyrics {
        IndexedLyrics::new(text, fold).unwrap()
    }

    fn words(text: &str, fold: Fold) -> Vec<String> {
        index(text, fold).words().iter().map(|word| word.text.clone()).collect()
    }

    #[test]
    fn words_appear_in_order_and_once() {
        assert_eq!(words("the cat, The hat: the end", Fold::None), ["the", "cat", "The", "hat", "end"]);
        assert_eq!(words("The cat, the hat: THE end", Fold::Case), ["the", "cat", "hat", "end"]);
        assert_eq!(words("don't_stop 24/7", Fold::None), ["don", "t_stop", "24", "7"]);
        assert_eq!(words("cafe\u{301} café", Fold::None), ["cafe", "café"]);
    }

    #[test]
    fn texts_without_words_have_none() {
        for text in ["", " ", "\n\t", "...!", "\u{301}", "🎵🎶"] {
            let lyrics = index(text, Fold::None);
            assert!(lyrics.words().is_empty(), "{text:?}");
            assert_eq!(lyrics.without(&[]), text);
        }
    }

    #[test]
    fn every_occurrence_goes_and_separators_stay() {
        let lyrics = index(" Oh, oh! Oh-oh. ", Fold::None);
        assert_eq!(lyrics.without(&[false, true]), " , oh! -oh. ");
        assert_eq!(lyrics.without(&[true, false]), " Oh, ! Oh-. ");
        assert_eq!(lyrics.without(&[false]), " , oh! -oh. ");
    }

    #[test]
    fn spans_for_javascript() {
        let lyrics = index("🎵 né 🎶né x x", Fold::None);
        assert_eq!(lyrics.utf16_spans(), [vec![3..5, 8..10], vec![11..12, 13..14]]);
        assert_eq!(utf16_spans("é🎵x", &[6..7, 0..2, 3..4, 90..91]), [3..4, 0..1, 3..3, 4..4]);
    }

    #[test]
    fn what_is_no_song_is_refused() {
        let long = "la ".repeat(MAX_LYRICS_BYTES / 3 + 1);
        let error = IndexedLyrics::new(&long, Fold::None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        let dictionary: String = (0..=MAX_WORDS).map(|n| format!("w{n} ")).collect();
        let error = IndexedLyrics::new(&dictionary, Fold::None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(IndexedLyrics::new(&dictionary[..dictionary.len() - 6], Fold::None).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart_and_put_together(text in any::<String>(), fold: bool) {
            let fold = if fold { Fold::Case } else { Fold::None };
            let lyrics = index(&text, fold);
            prop_assert_eq!(lyrics.without(&vec![true; lyrics.words().len()]), text.clone());
            let rest = lyrics.without(&vec![false; lyrics.words().len()]);
            prop_assert!(!rest.chars().any(is_word_character));
            let mut covered = rest.len();
            for word in lyrics.words() {
                for span in &word.spans {
                    let written = text.get(span.clone());
                    prop_assert!(written.is_some_and(|w| !w.is_empty() && w.chars().all(is_word_character)));
                    covered += span.len();
                }
            }
            prop_assert_eq!(covered, text.len());
        }

        #[test]
        fn deleting_one_word_leaves_the_others(text in "[a-cA-C ,é]{0,40}", which: prop::sample::Index) {
            let lyrics = index(&text, Fold::None);
            prop_assume!(!lyrics.words().is_empty());
            let off = which.index(lyrics.words().len());
            let on: Vec<_> = (0..lyrics.words().len()).map(|n| n != off).collect();
            let mut expected: Vec<_> = lyrics.words().iter().map(|word| word.text.clone()).collect();
            expected.remove(off);
            prop_assert_eq!(words(&lyrics.without(&on), Fold::None), expected);
        }

        #[test]
        fn utf16_spans_cut_the_same_words(text in any::<String>()) {
            let lyrics = index(&text, Fold::None);
            let units: Vec<u16> = text.encode_utf16().collect();
            for (word, spans) in lyrics.words().iter().zip(lyrics.utf16_spans()) {
                prop_assert_eq!(word.spans.len(), spans.len());
                for span in spans {
                    prop_assert_eq!(String::from_utf16(&units[span]).unwrap(), word.text.clone());
                }
            }
        }
    }
}
