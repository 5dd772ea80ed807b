//! Text to RoBERTa's token ids.

use super::tokenizer_file::{AddedEntry, TokenizerFile};
use super::{MAX_LYRICS_BYTES, check_length};
use crate::{Error, Result};
use std::fmt;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, Model, NormalizedString, Normalizer, TokenizerBuilder, TokenizerImpl, TruncationDirection,
    TruncationParams, TruncationStrategy,
};

/// The tokens of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// `<s>`, the text's tokens, `</s>`; never padded, since padding belongs to a batch.
    pub ids: Vec<u32>,
    /// Whether the text was longer than the model hears.
    pub truncated: bool,
}

/// RoBERTa's tokenizer: byte-level byte-pair encoding, cut to the length that a model hears.
///
/// It tokenizes as transformers' `RobertaTokenizer` does with `truncation=True,
/// max_length=max_tokens`, down to special tokens that are written out in the text: `</s>` in
/// lyrics that are not cleaned becomes the token `</s>`.
pub struct Tokenizer {
    inner: Inner,
    start: u32,
    end: u32,
    pad: u32,
    vocab_size: usize,
    max_tokens: usize,
}

/// Naming the parts, and not taking the crate's `Tokenizer` that may hold any of them, leaves
/// the parts that RoBERTa lacks out of the WebAssembly file, and their deserializers, some of
/// which panic on hostile files, out of reach.
type Inner = TokenizerImpl<BPE, NoNormalizer, ByteLevel, ByteLevel, ByteLevel>;

/// RoBERTa normalizes nothing, and the crate has no type that says so.
struct NoNormalizer;

impl Normalizer for NoNormalizer {
    fn normalize(&self, _: &mut NormalizedString) -> tokenizers::Result<()> {
        Ok(())
    }
}

/// `<s>`, `</s>` and a word.
const FEWEST_TOKENS: usize = 3;

impl Tokenizer {
    /// Reads a `tokenizer.json` as transformers writes it for RoBERTa; texts are cut to
    /// `max_tokens`, `<s>` and `</s>` included, whatever the file says of truncation.
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`](crate::ErrorKind::Bundle) if the file is malformed, belongs to
    /// another kind of tokenizer, or lacks `<s>`, `</s>` or `<pad>`, and if `max_tokens`
    /// leaves no room for a word.
    pub fn from_json(bytes: &[u8], max_tokens: usize) -> Result<Self> {
        Self::from_file(TokenizerFile::from_json(bytes)?, max_tokens)
            .map_err(|error| error.context("tokenizer.json"))
    }

    /// The tokenizer that `vocab.json` and `merges.txt`, RoBERTa's older pair of files, stand
    /// for. [`tokenizer_json`](super::tokenizer_json) makes a file of it.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn from_vocab_and_merges(vocab_json: &[u8], merges: &str, max_tokens: usize) -> Result<Self> {
        Self::from_file(TokenizerFile::from_vocab_and_merges(vocab_json, merges)?, max_tokens)
    }

    fn from_file(file: TokenizerFile, max_tokens: usize) -> Result<Self> {
        if max_tokens < FEWEST_TOKENS {
            return Err(Error::bundle(format!(
                "a text of {max_tokens} tokens has no room for a word between <s> and </s>"
            )));
        }
        let vocab_size = file.vocab_size();
        let prefix_space = file.add_prefix_space();
        let TokenizerFile { added_tokens, model, .. } = file;
        let bpe = model.build()?;
        let mut inner: Inner = TokenizerBuilder::new()
            .with_model(bpe)
            .with_pre_tokenizer(Some(ByteLevel::new(prefix_space, true, true)))
            .build()
            .map_err(broken)?;
        add(&mut inner, added_tokens)?;
        // One token more than is kept: it tells whether the text was longer, and a long text
        // is not tokenized much further.
        inner
            .with_truncation(Some(TruncationParams {
                max_length: max_tokens - 1,
                stride: 0,
                strategy: TruncationStrategy::LongestFirst,
                direction: TruncationDirection::Right,
            }))
            .map_err(broken)?;
        let special = |name: &str| {
            inner.token_to_id(name).ok_or_else(|| {
                Error::bundle(format!("the tokenizer has no {name} token, which RoBERTa needs"))
                    .hint("take the tokenizer that belongs to the checkpoint")
            })
        };
        let (start, end, pad) = (special("<s>")?, special("</s>")?, special("<pad>")?);
        Ok(Self { inner, start, end, pad, vocab_size, max_tokens })
    }

    /// The tokens of a text, which has been [cleaned](super::clean) already.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for texts longer than
    /// [`MAX_LYRICS_BYTES`](super::MAX_LYRICS_BYTES).
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        Ok(self.encode_until(text)?.0)
    }

    /// The tokens of a text and the number of its bytes that they cover.
    pub(super) fn encode_until(&self, text: &str) -> Result<(Tokens, usize)> {
        // Lower case can lengthen a text: a character of two bytes may become one of three.
        check_length(text.len(), 3 * MAX_LYRICS_BYTES / 2)?;
        let encoding =
            self.inner.encode(text, false).map_err(|error| Error::internal(format!("tokenizer: {error}")))?;
        let room = self.max_tokens - 2;
        let truncated = encoding.get_ids().len() > room;
        let kept = encoding.get_ids().iter().take(room).copied();
        let ids = std::iter::once(self.start).chain(kept).chain(std::iter::once(self.end)).collect();
        let until = match encoding.get_offsets().get(..room) {
            Some(offsets) if truncated => offsets.iter().map(|(_, end)| *end).max().unwrap_or(0),
            _ => text.len(),
        };
        Ok((Tokens { ids, truncated }, until))
    }

    /// Rows that a token embedding needs: one more than the largest id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The id of `<pad>`, which fills up the shorter texts of a batch.
    pub fn pad_id(&self) -> u32 {
        self.pad
    }

    /// Tokens that a model hears, `<s>` and `</s>` included.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocab_size", &self.vocab_size)
            .field("max_tokens", &self.max_tokens)
            .finish_non_exhaustive()
    }
}

fn add(inner: &mut Inner, entries: Vec<AddedEntry>) -> Result<()> {
    let known = inner.get_model().get_vocab_size();
    let tokens: Vec<_> = entries
        .iter()
        .map(|entry| {
            AddedToken::from(entry.content.clone(), entry.special)
                .single_word(entry.single_word)
                .lstrip(entry.lstrip)
                .rstrip(entry.rstrip)
                .normalized(entry.normalized)
        })
        .collect();
    inner.add_special_tokens(tokens).map_err(broken)?;
    for entry in entries {
        let id = inner.token_to_id(&entry.content);
        if id != Some(entry.id) {
            return Err(Error::bundle(format!(
                "the added token {:?} claims the id {}, which does not follow from a vocabulary of {known}",
                entry.content, entry.id
            )));
        }
    }
    Ok(())
}

fn broken(error: tokenizers::Error) -> Error {
    Error::bundle(format!("the tokenizer can't be built: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::tokenizer_file::tests::{tiny_json, tiny_merges, tiny_vocab};
    use super::*;
    use crate::ErrorKind;
    use serde_json::{Value, json};

    fn tiny(max_tokens: usize) -> Tokenizer {
        Tokenizer::from_vocab_and_merges(tiny_vocab().as_bytes(), tiny_merges(), max_tokens).unwrap()
    }

    /// `from_json` of the tiny tokenizer with one place of its file changed.
    fn changed(pointer: &str, value: Value) -> Result<Tokenizer> {
        let mut file: Value = serde_json::from_slice(&tiny_json()).unwrap();
        *file.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is no place in the file")) = value;
        Tokenizer::from_json(&serde_json::to_vec(&file).unwrap(), 10)
    }

    #[test]
    fn both_kinds_of_files_make_the_same_tokenizer() {
        let (a, b) = (tiny(20), Tokenizer::from_json(&tiny_json(), 20).unwrap());
        for text in ["", "lolo la", " lo", "é \t\n", "a<mask>b </s>"] {
            assert_eq!(a.encode(text).unwrap(), b.encode(text).unwrap());
        }
        assert_eq!((a.vocab_size(), a.pad_id(), a.max_tokens()), (264, 1, 20));
    }

    #[test]
    fn merges_happen_by_rank() {
        // The tiny merges are "l o", "Ġ lo" and "lo lo".
        let id = |token: &str| tiny(9).inner.token_to_id(token).unwrap();
        let encode = |text: &str| tiny(9).encode(text).unwrap().ids;
        assert_eq!(encode("lolo lo"), [0, id("lolo"), id("Ġlo"), 2]);
        assert_eq!(encode("ol"), [0, id("o"), id("l"), 2]);
    }

    #[test]
    fn an_empty_text_is_start_and_end() {
        assert_eq!(tiny(3).encode("").unwrap(), Tokens { ids: vec![0, 2], truncated: false });
    }

    #[test]
    fn a_long_text_keeps_its_end_token() {
        let tokenizer = tiny(5);
        let whole = tokenizer.encode("abc").unwrap();
        assert!(!whole.truncated);
        let cut = tokenizer.encode("abcd").unwrap();
        assert_eq!(cut, Tokens { ids: whole.ids, truncated: true });
    }

    #[test]
    fn the_longest_texts_are_split_to_their_end() {
        // The crate's regex engine gives up silently past a million steps and takes the rest
        // of the text as one word, so the longest text must not come near.
        for unit in [" ", "\n", "lo", "a ", "'", "日"] {
            let text = unit.repeat(MAX_LYRICS_BYTES / unit.len() - 3) + " lo lo";
            let tokens = tiny(2 * MAX_LYRICS_BYTES).encode(&text).unwrap();
            let last = tiny(9).inner.token_to_id("Ġlo").unwrap();
            assert_eq!(tokens.ids[tokens.ids.len() - 3..], [last, last, 2], "{unit:?}");
        }
        let error = tiny(9).encode(&"a".repeat(3 * MAX_LYRICS_BYTES)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
    }

    #[test]
    fn other_files_are_refused_with_their_reason() {
        let cases = [
            ("/model/type", json!("Unigram"), "Unigram"),
            ("/model/dropout", json!(0.1), "dropout"),
            ("/model/continuing_subword_prefix", json!("##"), "##"),
            ("/model/end_of_word_suffix", json!("</w>"), "</w>"),
            ("/model/unk_token", json!("[UNK]"), "[UNK]"),
            ("/model/merges/0", json!(["l", "Ω"]), "Ω"),
            // Both halves are known, and their union is not.
            ("/model/merges/0", json!(["lolo", "lolo"]), "lololo"),
            ("/model/merges", json!(["l  o"]), "l  o"),
            ("/model/merges", json!(7), "malformed"),
            ("/model/vocab", json!(["a"]), "malformed"),
            ("/model/vocab/a", json!(-1), "malformed"),
            ("/model/vocab/a", json!(4_000_000_000_u32), "4000000000"),
            ("/model/vocab/a", json!(5), "5"),
            ("/normalizer", json!({"type": "Lowercase"}), "normalizer"),
            ("/pre_tokenizer/type", json!("Whitespace"), "Whitespace"),
            ("/pre_tokenizer/use_regex", json!(false), "use_regex"),
            ("/pre_tokenizer", json!(null), "pre-tokenizer"),
            ("/post_processor/type", json!("BertProcessing"), "BertProcessing"),
            ("/post_processor/cls", json!(["[CLS]", 0]), "[CLS]"),
            ("/added_tokens/0/id", json!(9), "<s>"),
            ("/added_tokens/0/content", json!(" x "), "blank"),
            ("/added_tokens", json!("no"), "malformed"),
        ];
        for (pointer, value, reason) in cases {
            let error = changed(pointer, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle, "{pointer}: {error}");
            assert!(error.to_string().contains(reason), "{pointer}: {error}");
        }
    }

    #[test]
    fn missing_special_tokens_are_named() {
        for name in ["<s>", "</s>", "<pad>"] {
            let mut vocab: serde_json::Map<String, Value> = serde_json::from_str(&tiny_vocab()).unwrap();
            vocab.remove(name);
            let vocab = serde_json::to_vec(&vocab).unwrap();
            let error = Tokenizer::from_vocab_and_merges(&vocab, tiny_merges(), 10).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle);
            assert!(error.message().contains(name), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let file = tiny_json();
        for cut in (0..file.len()).step_by(file.len() / 50) {
            let error = Tokenizer::from_json(&file[..cut], 10).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bundle, "cut at {cut}");
        }
        for max_tokens in [0, 1, 2] {
            assert_eq!(Tokenizer::from_json(&file, max_tokens).unwrap_err().kind(), ErrorKind::Bundle);
        }
        let bad_merges =
            Tokenizer::from_vocab_and_merges(tiny_vocab().as_bytes(), "l o\nlo", 10).unwrap_err();
        assert!(bad_merges.message().contains("line 2"), "{bad_merges}");
    }

    #[test]
    fn variants_that_transformers_writes_are_read() {
        let merges_as_lines = changed("/model/merges", json!(["l o", "Ġ lo", "lo lo"])).unwrap();
        assert_eq!(merges_as_lines.encode("lolo lo").unwrap(), tiny(10).encode("lolo lo").unwrap());
        let template = json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "</s>", "type_id": 0}}]});
        assert!(changed("/post_processor", template).is_ok());
        assert!(changed("/post_processor", json!(null)).is_ok());
        assert!(changed("/truncation", json!({"max_length": 1})).is_ok());
    }
}
