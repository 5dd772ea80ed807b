//! The tokenizer in WebAssembly: the same golden tokens as natively, since its regular
//! expressions, hash maps and thread-local caches come from other code paths there.
//!
//! ```text
//! CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner \
//!     cargo test --release --no-default-features --target wasm32-unknown-unknown --test wasm_lyrics
//! ```

#![cfg(target_family = "wasm")]

use musiclime::lyrics::{Cleaning, Fold, IndexedLyrics, Tokenizer, heard, heard_len, tokenizer_json};
use serde_json::Value;
use wasm_bindgen_test::wasm_bindgen_test;

const VOCAB: &[u8] = include_bytes!("data/roberta/vocab.json");
const MERGES: &str = include_str!("data/roberta/merges.txt");
const TOKENS: &str = include_str!("golden/lyrics/tokens.json");

#[wasm_bindgen_test]
fn tokens_are_transformers() {
    let json = tokenizer_json(VOCAB, MERGES).expect("a tokenizer.json");
    let tokenizer = Tokenizer::from_json(&json, 100_000).expect("a tokenizer");
    let cases: Vec<Value> = serde_json::from_str(TOKENS).expect("golden tokens");
    assert!(cases.len() > 400);
    for case in cases {
        let tokens = tokenizer.encode(case["text"].as_str().expect("a text")).expect("tokens");
        assert_eq!(serde_json::json!(tokens.ids), case["ids"], "{}", case["text"]);
    }
}

#[wasm_bindgen_test]
fn hearing_ends_at_the_last_token() {
    let tokenizer = Tokenizer::from_vocab_and_merges(VOCAB, MERGES, 6).expect("a tokenizer");
    let text = "Love me, love me not, 🎵 tonight";
    let cut = heard_len(text, &tokenizer, Cleaning::Paper).expect("a length");
    assert_eq!(&text[..cut], "Love me, love me");
    let lyrics = IndexedLyrics::new(text, Fold::Case).expect("lyrics");
    let heard = heard(&lyrics, &tokenizer, Cleaning::Paper).expect("heard");
    assert_eq!(heard, [true, true, false, false]);
}
