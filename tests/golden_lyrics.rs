//! Lyrics against Python, lime and transformers: `tests/reference/lyrics.py` wrote what they say.

use musiclime::lyrics::{
    Cleaning, Fold, IndexedLyrics, Tokenizer, clean, heard, heard_len, is_word_character, tokenizer_json,
};
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fs;
use std::sync::OnceLock;

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn golden<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&read(&format!("golden/lyrics/{name}"))).expect("a golden file of this shape")
}

fn vocab_and_merges() -> (Vec<u8>, String) {
    let merges = String::from_utf8(read("data/roberta/merges.txt")).expect("UTF-8");
    (read("data/roberta/vocab.json"), merges)
}

/// RoBERTa's tokenizer at the length of the paper's models.
fn roberta() -> &'static Tokenizer {
    static ROBERTA: OnceLock<Tokenizer> = OnceLock::new();
    ROBERTA.get_or_init(|| roberta_of(256))
}

fn roberta_of(max_tokens: usize) -> Tokenizer {
    let (vocab, merges) = vocab_and_merges();
    Tokenizer::from_vocab_and_merges(&vocab, &merges, max_tokens).expect("RoBERTa's files")
}

#[derive(Deserialize)]
struct Characters {
    word: Vec<(u32, u32)>,
    unassigned: Vec<(u32, u32)>,
    lower: Vec<(u32, String)>,
}

impl Characters {
    fn contains(ranges: &[(u32, u32)], c: char) -> bool {
        let next = ranges.partition_point(|(first, _)| *first <= c as u32);
        next > 0 && c as u32 <= ranges[next - 1].1
    }
}

#[test]
fn word_characters_are_pythons() {
    let golden: Characters = golden("characters.json");
    let mut later = 0;
    for c in '\0'..=char::MAX {
        let expected = Characters::contains(&golden.word, c);
        if is_word_character(c) != expected {
            // Only characters that Python 3.11 does not know yet may differ.
            assert!(
                Characters::contains(&golden.unassigned, c),
                "{:x} is no word character in Python",
                c as u32
            );
            later += 1;
        }
    }
    assert_eq!(later, LATER_WORD_CHARACTERS);
}

/// Letters and numbers that were assigned in Unicode 15, 15.1 and 16.
const LATER_WORD_CHARACTERS: usize = 9392;

#[test]
fn lower_case_is_pythons() {
    let golden: Characters = golden("characters.json");
    let lower: HashMap<u32, &str> = golden.lower.iter().map(|(c, lower)| (*c, lower.as_str())).collect();
    for c in '\0'..=char::MAX {
        let ours = c.to_string().to_lowercase();
        let same = c.to_string();
        let expected = lower.get(&(c as u32)).copied().unwrap_or(&same);
        assert!(ours == expected || Characters::contains(&golden.unassigned, c), "{:x}: {ours}", c as u32);
    }
}

#[test]
fn cleaning_is_the_papers() {
    #[derive(Deserialize)]
    struct Case {
        text: String,
        clean: String,
    }
    let cases: Vec<Case> = golden("clean.json");
    assert!(cases.len() > 200);
    for case in cases {
        assert_eq!(clean(&case.text, Cleaning::Paper), case.clean, "{:?}", case.text);
        assert_eq!(clean(&case.text, Cleaning::None), case.text);
    }
}

#[test]
fn words_are_limes() {
    #[derive(Deserialize)]
    struct Case {
        text: String,
        words: Vec<String>,
        positions: Vec<Vec<usize>>,
        removed: Vec<Removed>,
    }
    #[derive(Deserialize)]
    struct Removed {
        words: Vec<usize>,
        left: String,
    }
    let cases: Vec<Case> = golden("words.json");
    assert!(cases.len() > 200);
    for case in cases {
        let lyrics = IndexedLyrics::new(&case.text, Fold::None).expect("lyrics");
        let words: Vec<_> = lyrics.words().iter().map(|word| word.text.clone()).collect();
        assert_eq!(words, case.words, "{:?}", case.text);
        // Python counts positions in characters.
        let position = |byte: usize| case.text[..byte].chars().count();
        let positions: Vec<Vec<_>> = lyrics
            .words()
            .iter()
            .map(|word| word.spans.iter().map(|span| position(span.start)).collect())
            .collect();
        assert_eq!(positions, case.positions, "{:?}", case.text);
        for Removed { words, left } in case.removed {
            let on: Vec<_> = (0..case.words.len()).map(|word| !words.contains(&word)).collect();
            assert_eq!(lyrics.without(&on), left, "{:?} without {words:?}", case.text);
        }
    }
}

#[derive(Deserialize)]
struct TokenCase {
    text: String,
    ids: Vec<u32>,
    cut: HashMap<usize, usize>,
}

#[test]
fn tokens_are_transformers() {
    let cases: Vec<TokenCase> = golden("tokens.json");
    assert!(cases.len() > 400);
    assert_eq!((roberta().vocab_size(), roberta().pad_id()), (50265, 1));
    for max_tokens in [3, 8, 256, 100_000] {
        let tokenizer = roberta_of(max_tokens);
        let mut truncated = 0;
        for case in &cases {
            let tokens = tokenizer.encode(&case.text).expect("tokens");
            match case.cut.get(&max_tokens) {
                None => assert_eq!(tokens.ids, case.ids, "{:?}", case.text),
                Some(length) => {
                    let (last, kept) = tokens.ids.split_last().expect("at least </s>");
                    assert_eq!((tokens.ids.len(), *last), (*length, 2), "{:?}", case.text);
                    assert_eq!(kept, &case.ids[..length - 1], "{:?}", case.text);
                    truncated += 1;
                }
            }
            assert_eq!(tokens.truncated, case.cut.contains_key(&max_tokens), "{:?}", case.text);
        }
        assert_eq!(truncated == 0, max_tokens == 100_000);
    }
}

#[test]
fn the_file_that_is_made_of_vocabulary_and_merges_is_transformers() {
    let (vocab, merges) = vocab_and_merges();
    let json = tokenizer_json(&vocab, &merges).expect("a tokenizer.json");
    let ours = Tokenizer::from_json(&json, 256).expect("our own file");
    // The crate that transformers uses reads it too, and sees the same tokens.
    let theirs = tokenizers::Tokenizer::from_bytes(&json).expect("a tokenizer.json");
    for case in golden::<Vec<TokenCase>>("tokens.json") {
        let encoding = theirs.encode(case.text.as_str(), true).expect("an encoding");
        assert_eq!(encoding.get_ids(), case.ids, "{:?}", case.text);
        assert_eq!(ours.encode(&case.text).expect("tokens"), roberta().encode(&case.text).expect("tokens"));
    }
}

#[test]
fn a_long_song_is_heard_to_its_256th_token() {
    let song: String = (0..60).map(|n| format!("Verse {n}: don't you know it's over, Love?\n")).collect();
    let lyrics = IndexedLyrics::new(&song, Fold::Case).expect("lyrics");
    let heard = heard(&lyrics, roberta(), Cleaning::Paper).expect("heard");
    let cut = heard_len(&song, roberta(), Cleaning::Paper).expect("a length");
    let by_word: HashMap<_, _> = lyrics.words().iter().map(|word| word.text.as_str()).zip(heard).collect();
    // Nine tokens a line ("verse", the number, "dont", "you", "know", "its", "over", "love" and
    // the blank that begins a line is part of its first word), so 254 end in verse 28 or later.
    assert!(by_word["love"] && by_word["don"] && by_word["20"] && !by_word["59"]);
    let first_unheard = (0..60).find(|n| !by_word[n.to_string().as_str()]).expect("an unheard verse");
    assert!((24..40).contains(&first_unheard), "{first_unheard}");
    assert!(song[..cut].contains(&format!("Verse {}:", first_unheard - 1)));
    assert!(!song[..cut].contains(&format!("Verse {first_unheard}:")));

    let beginning = IndexedLyrics::new(&song[..cut], Fold::Case).expect("lyrics");
    let all = musiclime::lyrics::heard(&beginning, roberta(), Cleaning::Paper).expect("heard");
    assert!(all.iter().all(|heard| *heard));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_tokenized(text in any::<String>()) {
        let tokens = roberta().encode(&text).expect("tokens");
        prop_assert!(tokens.ids.len() <= 256);
        prop_assert_eq!((tokens.ids.first(), tokens.ids.last()), (Some(&0), Some(&2)));
        prop_assert!(tokens.ids.iter().all(|id| (*id as usize) < roberta().vocab_size()));
    }

    #[test]
    fn a_long_texts_beginning_sounds_like_all_of_it(
        words in prop::collection::vec("[a-zA-Z']{1,9}[ ,.\n-]{1,2}|[日本語é🎵]{1,4} ?", 200..400), paper: bool,
    ) {
        let cleaning = if paper { Cleaning::Paper } else { Cleaning::None };
        let text = words.concat();
        let cut = heard_len(&text, roberta(), cleaning).expect("a length");
        let whole = roberta().encode(&clean(&text, cleaning)).expect("tokens");
        let part = roberta().encode(&clean(&text[..cut], cleaning)).expect("tokens");
        prop_assert_eq!(whole.ids, part.ids);
        prop_assert_eq!(whole.truncated, cut < text.len());
    }
}
