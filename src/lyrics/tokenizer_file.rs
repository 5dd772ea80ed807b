//! The files in which RoBERTa's tokenizer comes: `tokenizer.json`, or `vocab.json` and
//! `merges.txt`.
//!
//! Everything is checked here, before the tokenizers crate sees it: that crate reads many
//! kinds of tokenizers and indexes out of bounds on merges whose result is no token.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use tokenizers::models::bpe::{BPE, BpeBuilder, Vocab};

/// RoBERTa's own file has 3.6 MB; ten times as much is some other file.
const MAX_FILE_BYTES: usize = 36 << 20;

/// No vocabulary is near as large, and an embedding of so many rows would not load.
const MAX_ID: u32 = 1 << 24;

/// The parts of a `tokenizer.json` that matter to RoBERTa.
#[derive(Debug, Deserialize)]
pub(super) struct TokenizerFile {
    #[serde(default)]
    pub(super) added_tokens: Vec<AddedEntry>,
    normalizer: Option<Value>,
    pre_tokenizer: Option<PreTokenizer>,
    post_processor: Option<PostProcessor>,
    pub(super) model: BpeModel,
}

/// A token that is found in the text before it is split into words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AddedEntry {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    #[serde(default)]
    pub(super) normalized: bool,
    #[serde(default)]
    pub(super) special: bool,
}

#[derive(Debug, Deserialize)]
struct PreTokenizer {
    r#type: String,
    #[serde(default)]
    add_prefix_space: bool,
    #[serde(default = "yes")]
    use_regex: bool,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
enum PostProcessor {
    RobertaProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
    TemplateProcessing {
        single: Vec<Value>,
    },
    #[serde(untagged)]
    Other {
        r#type: String,
    },
}

/// The vocabulary and the merges.
#[derive(Debug, Deserialize)]
pub(super) struct BpeModel {
    dropout: Option<f32>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    ignore_merges: bool,
    vocab: HashMap<String, u32>,
    merges: Merges,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Merges {
    Pairs(Vec<(String, String)>),
    Lines(Vec<String>),
}

fn yes() -> bool {
    true
}

impl TokenizerFile {
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self> {
        check_size(bytes.len())?;
        // The kind comes first: the vocabularies of other kinds have other shapes, and an
        // error about those would be a riddle.
        let kind = model_kind(bytes)?;
        if kind.as_deref().is_some_and(|kind| kind != "BPE") {
            return Err(unlike(format!("its model is {}", kind.unwrap_or_default())));
        }
        let file: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        file.check()?;
        Ok(file)
    }

    pub(super) fn from_vocab_and_merges(vocab_json: &[u8], merges: &str) -> Result<Self> {
        check_size(vocab_json.len().saturating_add(merges.len()))?;
        let vocab: HashMap<String, u32> =
            serde_json::from_slice(vocab_json).map_err(|error| malformed(error).context("vocab.json"))?;
        let file = Self {
            added_tokens: special_tokens(&vocab),
            normalizer: None,
            pre_tokenizer: Some(PreTokenizer {
                r#type: "ByteLevel".into(),
                add_prefix_space: false,
                use_regex: true,
            }),
            post_processor: None,
            model: BpeModel {
                dropout: None,
                unk_token: None,
                continuing_subword_prefix: None,
                end_of_word_suffix: None,
                fuse_unk: false,
                byte_fallback: false,
                ignore_merges: false,
                vocab,
                merges: Merges::Pairs(read_merges(merges)?),
            },
        };
        file.check()?;
        Ok(file)
    }

    /// Whether a blank is put before a text that has none.
    pub(super) fn add_prefix_space(&self) -> bool {
        self.pre_tokenizer.as_ref().is_some_and(|pre| pre.add_prefix_space)
    }

    /// One more than the largest id.
    pub(super) fn vocab_size(&self) -> usize {
        let added = self.added_tokens.iter().map(|entry| entry.id);
        self.model.vocab.values().copied().chain(added).max().map_or(0, |id| id as usize + 1)
    }

    fn check(&self) -> Result<()> {
        if self.normalizer.is_some() {
            return Err(unlike("it has a normalizer"));
        }
        match &self.pre_tokenizer {
            Some(pre) if pre.r#type == "ByteLevel" && pre.use_regex => {}
            Some(pre) if pre.r#type == "ByteLevel" => return Err(unlike("its use_regex is false")),
            Some(pre) => return Err(unlike(format!("its pre-tokenizer is {}", pre.r#type))),
            None => return Err(unlike("it has no pre-tokenizer")),
        }
        match &self.post_processor {
            None => {}
            Some(PostProcessor::RobertaProcessing { cls, sep }) => {
                for ((name, id), expected) in [(cls, "<s>"), (sep, "</s>")] {
                    let known = self.model.vocab.get(name);
                    if name != expected || known.is_some_and(|known| known != id) {
                        return Err(unlike(format!("it puts {name} ({id}) where {expected} belongs")));
                    }
                }
            }
            Some(PostProcessor::TemplateProcessing { single }) => {
                let pieces: Vec<_> = single
                    .iter()
                    .map(|piece| {
                        piece.pointer("/SpecialToken/id").or_else(|| piece.pointer("/Sequence/id"))?.as_str()
                    })
                    .collect();
                if pieces != [Some("<s>"), Some("A"), Some("</s>")] {
                    return Err(unlike("its template is not <s> A </s>"));
                }
            }
            Some(PostProcessor::Other { r#type }) => {
                return Err(unlike(format!("its post-processor is {type}")));
            }
        }
        for entry in &self.added_tokens {
            if entry.content.trim() != entry.content || entry.content.is_empty() {
                return Err(unlike(format!("its added token {:?} begins or ends in a blank", entry.content)));
            }
        }
        self.model.check()
    }
}

impl BpeModel {
    fn check(&self) -> Result<()> {
        if self.dropout.is_some_and(|rate| rate != 0.0) {
            return Err(unlike("its dropout makes tokens random"));
        }
        for affix in [&self.continuing_subword_prefix, &self.end_of_word_suffix].into_iter().flatten() {
            if !affix.is_empty() {
                return Err(unlike(format!("it marks the parts of words by {affix}")));
            }
        }
        if let Some(token) = self.unk_token.as_ref().filter(|token| !self.vocab.contains_key(*token)) {
            return Err(unlike(format!("its vocabulary lacks its own unknown token {token}")));
        }
        let mut ids = HashSet::with_capacity(self.vocab.len());
        for (token, id) in &self.vocab {
            if *id > MAX_ID {
                return Err(unlike(format!("its token {token:?} has the id {id}, past {MAX_ID}")));
            }
            if !ids.insert(*id) {
                return Err(unlike(format!("two of its tokens have the id {id}, {token:?} among them")));
            }
        }
        Ok(())
    }

    /// The model in the tokenizers crate.
    pub(super) fn build(self) -> Result<BPE> {
        let merges = match self.merges {
            Merges::Pairs(pairs) => pairs,
            Merges::Lines(lines) => read_merges(&lines.join("\n"))?,
        };
        for (left, right) in &merges {
            for token in [left, right, &format!("{left}{right}")] {
                if !self.vocab.contains_key(token) {
                    return Err(Error::bundle(format!(
                        "the merge of {left:?} and {right:?} needs the token {token:?}, which the vocabulary lacks"
                    ))
                    .hint("take vocabulary and merges from the same tokenizer"));
                }
            }
        }
        let mut builder = BpeBuilder::new()
            .vocab_and_merges(self.vocab.into_iter().collect::<Vocab>(), merges)
            .fuse_unk(self.fuse_unk)
            .byte_fallback(self.byte_fallback)
            .ignore_merges(self.ignore_merges);
        if let Some(token) = self.unk_token {
            builder = builder.unk_token(token);
        }
        builder.build().map_err(|error| Error::bundle(format!("the tokenizer can't be built: {error}")))
    }
}

/// The `tokenizer.json` that `vocab.json` and `merges.txt` stand for, with the special tokens
/// as RoBERTa's published files have them (`<mask>` takes the blanks before it along).
///
/// # Errors
/// [`ErrorKind::Bundle`](crate::ErrorKind::Bundle) if either file is malformed or they don't
/// belong together.
pub fn tokenizer_json(vocab_json: &[u8], merges: &str) -> Result<Vec<u8>> {
    // The strict reader decides whether the files are sound.
    super::Tokenizer::from_vocab_and_merges(vocab_json, merges, 256)?;
    let file = TokenizerFile::from_vocab_and_merges(vocab_json, merges)?;
    let vocab = &file.model.vocab;
    let mut tokens: Vec<(&String, &u32)> = vocab.iter().collect();
    tokens.sort_unstable_by_key(|(_, id)| **id);
    let vocab: serde_json::Map<String, Value> =
        tokens.into_iter().map(|(token, id)| (token.clone(), json!(id))).collect();
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": file.added_tokens,
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", vocab.get("</s>")],
            "cls": ["<s>", vocab.get("<s>")],
            "trim_offsets": true,
            "add_prefix_space": false,
        },
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": false,
            "vocab": vocab,
            "merges": match &file.model.merges {
                Merges::Pairs(pairs) => json!(pairs),
                Merges::Lines(lines) => json!(lines),
            },
        },
    });
    serde_json::to_vec(&json).map_err(|error| Error::internal(format!("tokenizer.json: {error}")))
}

/// RoBERTa's special tokens, as far as the vocabulary has them.
fn special_tokens(vocab: &HashMap<String, u32>) -> Vec<AddedEntry> {
    let entry = |content: &str| {
        let id = *vocab.get(content)?;
        Some(AddedEntry {
            id,
            content: content.to_owned(),
            single_word: false,
            lstrip: content == "<mask>",
            rstrip: false,
            normalized: false,
            special: true,
        })
    };
    ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].into_iter().filter_map(entry).collect()
}

/// Pairs of tokens, one pair a line, best first; a line that begins with `#version` is a title.
fn read_merges(merges: &str) -> Result<Vec<(String, String)>> {
    let lines = merges.lines().enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"))
        .map(|(number, line)| match line.split(' ').collect::<Vec<_>>()[..] {
            [left, right] if !left.is_empty() && !right.is_empty() => Ok((left.to_owned(), right.to_owned())),
            _ => Err(Error::bundle(format!(
                "line {} of the merges is {line:?} and not two tokens with a blank between them",
                number + 1
            ))),
        })
        .collect()
}

/// The model's `type`, if the file names one.
fn model_kind(bytes: &[u8]) -> Result<Option<String>> {
    #[derive(Deserialize)]
    struct File {
        model: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        r#type: Option<String>,
    }
    let file: File = serde_json::from_slice(bytes).map_err(malformed)?;
    Ok(file.model.r#type)
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes <= MAX_FILE_BYTES {
        return Ok(());
    }
    Err(Error::bundle(format!("{} MB are too much for a tokenizer", bytes >> 20)))
}

fn malformed(error: serde_json::Error) -> Error {
    Error::bundle(format!("the file is malformed: {error}"))
}

fn unlike(difference: impl Into<String>) -> Error {
    Error::bundle(format!("this is not RoBERTa's kind of tokenizer: {}", difference.into()))
        .hint("take the tokenizer.json that transformers saves for a RobertaTokenizer")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// All 256 bytes as RoBERTa writes them, special tokens, and three merges.
    pub(in super::super) fn tiny_vocab() -> String {
        let mut tokens: Vec<String> = ["<s>", "<pad>", "</s>", "<unk>"].map(String::from).to_vec();
        let printable = |byte: &u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let characters = (0..256_u32).filter(printable).chain(256..256 + 68);
        tokens.extend(characters.filter_map(char::from_u32).map(String::from));
        tokens.extend(["lo", "Ġlo", "lolo", "<mask>"].map(String::from));
        let vocab: serde_json::Map<String, Value> =
            tokens.into_iter().enumerate().map(|(id, token)| (token, json!(id))).collect();
        serde_json::to_string(&vocab).unwrap()
    }

    pub(in super::super) fn tiny_merges() -> &'static str {
        "#version: 0.2\nl o\nĠ lo\r\nlo lo\n"
    }

    pub(in super::super) fn tiny_json() -> Vec<u8> {
        tokenizer_json(tiny_vocab().as_bytes(), tiny_merges()).unwrap()
    }

    #[test]
    fn the_file_that_is_written_is_the_file_that_is_read() {
        let file = TokenizerFile::from_json(&tiny_json()).unwrap();
        assert_eq!(file.vocab_size(), 4 + 256 + 3 + 1);
        assert_eq!(file.added_tokens.len(), 5);
        assert!(!file.add_prefix_space());
    }

    #[test]
    fn sizes_are_bounded() {
        assert!(TokenizerFile::from_json(&vec![b' '; MAX_FILE_BYTES + 1]).is_err());
    }
}
