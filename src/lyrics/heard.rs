//! How much of the lyrics reaches a model that hears only so many tokens.

use super::cleaning::{Cleaned, Origin};
use super::words::runs;
use super::{Cleaning, IndexedLyrics, Tokenizer};
use crate::Result;
use std::ops::Range;

/// For each distinct word, whether the model hears any of its occurrences when it is given
/// the whole text, cleaned and cut to the tokenizer's length.
///
/// A word of which only the first tokens fit is heard. One of which cleaning leaves nothing,
/// such as `_`, is not.
///
/// # Errors
/// As [`Tokenizer::encode`].
pub fn heard(indexed: &IndexedLyrics, tokenizer: &Tokenizer, cleaning: Cleaning) -> Result<Vec<bool>> {
    let cleaned = Cleaned::new(indexed.text(), cleaning);
    let (_, until) = tokenizer.encode_until(&cleaned.text)?;
    let origins = cleaned.before(until);
    let reaches = |span: &Range<usize>| {
        let first = origins.partition_point(|origin| origin.source.start < span.start);
        origins.get(first).is_some_and(|origin| origin.source.start < span.end)
    };
    Ok(indexed.words().iter().map(|word| word.spans.iter().any(reaches)).collect())
}

/// The length in bytes of the shortest sensible beginning of `text` that sounds the same to
/// the model as all of it: the beginning's tokens are the whole text's tokens.
///
/// Explaining this beginning keeps words out that the model can't hear, and keeps them from
/// sliding into its hearing as heard words are deleted. The cut lies behind the last word
/// that is heard, even if only its first tokens are, since half a word is no feature. In the
/// rare text where a word cut off by itself would be tokenized otherwise (`don` of `don't`,
/// of which cleaning makes `dont`) it lies at the next blank, and the words up to there that
/// go unheard are told by [`heard`].
///
/// # Errors
/// As [`Tokenizer::encode`].
pub fn heard_len(text: &str, tokenizer: &Tokenizer, cleaning: Cleaning) -> Result<usize> {
    let cleaned = Cleaned::new(text, cleaning);
    let (tokens, until) = tokenizer.encode_until(&cleaned.text)?;
    if !tokens.truncated {
        return Ok(text.len());
    }
    let end = cleaned.before(until).last().map_or(0, |origin| origin.source.end);
    let word_end = runs(text)
        .find(|word| word.end >= end)
        .map_or(end, |word| if word.start < end { word.end } else { end });
    let rest = text.get(word_end..).unwrap_or_default();
    let blank = word_end + rest.find(char::is_whitespace).unwrap_or(rest.len());
    for cut in [word_end, blank] {
        let beginning = Cleaned::new(text.get(..cut).unwrap_or_default(), cleaning);
        if tokenizer.encode_until(&beginning.text)?.0.ids == tokens.ids {
            return Ok(cut);
        }
    }
    Ok(text.len())
}

impl Cleaned {
    /// The origins of the characters that begin before byte `until` of the cleaned text.
    fn before(&self, until: usize) -> &[Origin] {
        let count = self.origins.partition_point(|origin| origin.at < until);
        self.origins.get(..count).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fold;
    use super::super::tokenizer_file::tests::{tiny_merges, tiny_vocab};
    use super::*;
    use proptest::prelude::*;

    /// One token a byte, but for `lo`, ` lo` and `lolo`.
    fn tiny(max_tokens: usize) -> Tokenizer {
        Tokenizer::from_vocab_and_merges(tiny_vocab().as_bytes(), tiny_merges(), max_tokens).unwrap()
    }

    fn heard_words(text: &str, max_tokens: usize, cleaning: Cleaning) -> Vec<String> {
        let indexed = IndexedLyrics::new(text, Fold::None).unwrap();
        let heard = heard(&indexed, &tiny(max_tokens), cleaning).unwrap();
        let words = indexed.words().iter().zip(heard);
        words.filter(|(_, heard)| *heard).map(|(word, _)| word.text.clone()).collect()
    }

    fn beginning(text: &str, max_tokens: usize, cleaning: Cleaning) -> &str {
        &text[..heard_len(text, &tiny(max_tokens), cleaning).unwrap()]
    }

    #[test]
    fn short_lyrics_are_heard_whole() {
        assert_eq!(heard_words("a bc, a", 20, Cleaning::None), ["a", "bc"]);
        assert_eq!(beginning("a bc, a! ", 20, Cleaning::Paper), "a bc, a! ");
        assert_eq!(beginning("", 3, Cleaning::None), "");
    }

    #[test]
    fn hearing_ends_inside_a_word() {
        // Room for five tokens: "ab", a blank and "cd" of "cde".
        let text = "ab cde ab f";
        assert_eq!(heard_words(text, 7, Cleaning::None), ["ab", "cde"]);
        assert_eq!(beginning(text, 7, Cleaning::None), "ab cde");
        // Room for two: the blank is not heard.
        assert_eq!(beginning(text, 4, Cleaning::None), "ab");
        assert_eq!(heard_words(text, 4, Cleaning::None), ["ab"]);
        // Room for three: the blank is heard, "cde" is not.
        assert_eq!(beginning(text, 5, Cleaning::None), "ab ");
        assert_eq!(heard_words(text, 5, Cleaning::None), ["ab"]);
    }

    #[test]
    fn what_cleaning_deletes_takes_no_room() {
        assert_eq!(beginning("«a!!!» (b)   \n c d", 10, Cleaning::Paper), "«a!!!» (b)   \n ");
        assert_eq!(heard_words("_ a, ___ b_b c", 8, Cleaning::Paper), ["a", "b_b"]);
        assert_eq!(heard_words("_ a", 9, Cleaning::None), ["_", "a"]);
    }

    #[test]
    fn a_word_that_cleaning_joins_to_the_next_is_cut_behind_both() {
        // "l'o" is cleaned to "lo", one token; alone, "l" would be another.
        assert_eq!(beginning("l'o x", 3, Cleaning::Paper), "l'o");
        // "lo'lo'q" is cleaned to "loloq": "lolo" is heard and "q" is not.
        assert_eq!(beginning("lo'lo'q x", 3, Cleaning::Paper), "lo'lo");
        // "q'l'o" is cleaned to "qlo": of "lo", "l" alone would be another token.
        assert_eq!(heard_words("q'l'o x", 4, Cleaning::Paper), ["q", "l", "o"]);
    }

    #[test]
    fn an_emoji_that_is_half_heard_counts() {
        // Four tokens, of which two fit.
        assert_eq!(beginning("🎵 a", 4, Cleaning::None), "🎵");
    }

    proptest! {
        #[test]
        fn the_beginning_sounds_like_the_whole(
            text in "[lo LO',\n_aéİΣ🎵]{0,40}", max_tokens in 3..20_usize, paper: bool,
        ) {
            let cleaning = if paper { Cleaning::Paper } else { Cleaning::None };
            let tokenizer = tiny(max_tokens);
            let length = heard_len(&text, &tokenizer, cleaning).unwrap();
            let whole = tokenizer.encode(&super::super::clean(&text, cleaning)).unwrap();
            let part = tokenizer.encode(&super::super::clean(&text[..length], cleaning)).unwrap();
            prop_assert_eq!(&whole.ids, &part.ids);

            // Whatever is heard of the whole is heard of its beginning, and nothing else is.
            let words = |text: &str| {
                let indexed = IndexedLyrics::new(text, Fold::None).unwrap();
                let heard = heard(&indexed, &tokenizer, cleaning).unwrap();
                let pairs = indexed.words().iter().zip(heard);
                pairs.filter(|(_, heard)| *heard).map(|(word, _)| word.text.clone()).collect::<Vec<_>>()
            };
            prop_assert_eq!(words(&text), words(&text[..length]));
        }

        #[test]
        fn no_text_panics(text in any::<String>(), max_tokens in 3..20_usize, paper: bool) {
            let cleaning = if paper { Cleaning::Paper } else { Cleaning::None };
            let tokenizer = tiny(max_tokens);
            let length = heard_len(&text, &tokenizer, cleaning).unwrap();
            let indexed = IndexedLyrics::new(&text[..length], Fold::Case).unwrap();
            prop_assert_eq!(heard(&indexed, &tokenizer, cleaning).unwrap().len(), indexed.words().len());
        }
    }
}
