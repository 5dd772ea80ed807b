//! What is done to lyrics before they are tokenized, because it was done in training.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How a model wants its lyrics cleaned; part of its bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cleaning {
    /// As the MusicLIME paper's models were trained: lower case, no ASCII punctuation, newlines
    /// and tabs as blanks, runs of blanks as one. A blank at either end is kept: the published
    /// steps don't strip, and RoBERTa tells `love` from ` love`.
    Paper,
    /// Not at all.
    #[default]
    None,
}

/// The text as the tokenizer is to see it.
///
/// `Paper` lower-cases by Unicode's rules in full (final sigma, `İ` as two characters), as
/// Python's `str.lower` does, and deletes Python's `string.punctuation`. A carriage return
/// counts as a newline, since Python reads text files that way.
pub fn clean(text: &str, cleaning: Cleaning) -> String {
    Cleaned::new(text, cleaning).text
}

/// A cleaned text that remembers where each of its characters came from.
#[derive(Debug, Clone)]
pub(super) struct Cleaned {
    /// What [`clean`] returns.
    pub(super) text: String,
    /// One entry for each character of `text`, both of its fields ascending.
    pub(super) origins: Vec<Origin>,
}

/// Where a character of a cleaned text came from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// The character's first byte in the cleaned text.
    pub(super) at: usize,
    /// The bytes of the original text that became it: one character, or a run of blanks.
    pub(super) source: Range<usize>,
}

impl Cleaned {
    pub(super) fn new(text: &str, cleaning: Cleaning) -> Self {
        match cleaning {
            Cleaning::Paper => Self::paper(text),
            Cleaning::None => Self {
                text: text.to_owned(),
                origins: text
                    .char_indices()
                    .map(|(at, c)| Origin { at, source: at..at + c.len_utf8() })
                    .collect(),
            },
        }
    }

    fn paper(text: &str) -> Self {
        // Only the lower case of a whole text knows which sigma is final. It has as many
        // characters as the characters' own lower cases together, which is what ties each
        // of them to its origin.
        let whole = text.to_lowercase();
        let mut lower = whole.chars();
        let mut cleaned = Self { text: String::with_capacity(whole.len()), origins: Vec::new() };
        for (at, original) in text.char_indices() {
            let source = at..at + original.len_utf8();
            for c in lower.by_ref().take(original.to_lowercase().count()) {
                cleaned.push(c, source.clone());
            }
        }
        cleaned
    }

    fn push(&mut self, c: char, source: Range<usize>) {
        if c.is_ascii_punctuation() {
            return;
        }
        let c = if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c };
        match self.origins.last_mut() {
            Some(last) if c == ' ' && self.text.ends_with(' ') => last.source.end = source.end,
            _ => {
                self.origins.push(Origin { at: self.text.len(), source });
                self.text.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_published_steps() {
        let cases = [
            ("", ""),
            ("Don't STOP me now!", "dont stop me now"),
            ("a - b", "a b"),
            ("one\r\n\r\ntwo\tthree", "one two three"),
            ("  kept at both ends \n", " kept at both ends "),
            ("snake_case", "snakecase"),
            ("İstanbul", "i\u{307}stanbul"),
            ("ΟΔΥΣΣΕΥΣ, ΣΑΣ.", "οδυσσευς σας"),
            ("“curly” — stays…", "“curly” — stays…"),
            ("no\u{a0}break", "no\u{a0}break"),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text, Cleaning::Paper), expected, "{text:?}");
            assert_eq!(clean(text, Cleaning::None), text);
        }
    }

    #[test]
    fn a_run_of_blanks_remembers_its_whole_length() {
        let cleaned = Cleaned::new("A, \n B", Cleaning::Paper);
        assert_eq!(cleaned.text, "a b");
        let sources: Vec<_> = cleaned.origins.iter().map(|origin| origin.source.clone()).collect();
        assert_eq!(sources, [0..1, 2..5, 5..6]);
    }

    #[test]
    fn bundles_name_the_cleaning_in_lower_case() {
        assert_eq!(serde_json::to_string(&Cleaning::Paper).unwrap(), "\"paper\"");
        assert_eq!(serde_json::from_str::<Cleaning>("\"none\"").unwrap(), Cleaning::None);
    }

    proptest! {
        #[test]
        fn origins_are_ordered_and_on_boundaries(text in any::<String>(), paper: bool) {
            let cleaning = if paper { Cleaning::Paper } else { Cleaning::None };
            let cleaned = Cleaned::new(&text, cleaning);
            let starts: Vec<_> = cleaned.text.char_indices().map(|(at, _)| at).collect();
            prop_assert_eq!(starts, cleaned.origins.iter().map(|o| o.at).collect::<Vec<_>>());
            let mut end = 0;
            for Origin { source, .. } in &cleaned.origins {
                prop_assert!(text.get(source.clone()).is_some_and(|piece| !piece.is_empty()));
                // A character that becomes two in lower case is the origin of both.
                prop_assert!(source.end >= end);
                end = source.end;
            }
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let once = clean(&text, Cleaning::Paper);
            prop_assert_eq!(clean(&once, Cleaning::Paper), once);
        }
    }
}
