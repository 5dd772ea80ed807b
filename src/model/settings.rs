//! What a conversion is told about a model: its labels and its configuration, from files, from
//! words, or as the paper published them.

use super::{AstConfig, FeatureExtractor, RobertaConfig, Task};
use crate::lyrics::Cleaning;
use crate::{Error, Result};
use serde_json::{Map, Value};

/// The genres of the authors' Music4All models, in the order of their logits (alphabetical).
const M4A_GENRE: [&str; 9] = [
    "alternative rock",
    "electronic",
    "folk",
    "heavy music",
    "hip hop",
    "pop",
    "punk",
    "rhythm music",
    "rock",
];

/// The emotions of the authors' Music4All models.
const M4A_EMOTION: [&str; 9] =
    ["Angry", "Calm", "Depressed", "Excited", "Happy", "Neutral", "Relaxed", "Sad", "Tense"];

/// The genres of the authors' models of the set that they derived from AudioSet.
const AUDIOSET_GENRE: [&str; 7] =
    ["electronic", "folk", "heavy music", "hip hop", "pop", "rhythm music", "rock"];

/// The labels of a published set: `m4a-genre`, `m4a-emotion` or `audioset-genre`.
pub fn published_labels(name: &str) -> Option<Vec<String>> {
    let labels: &[&str] = match name {
        "m4a-genre" => &M4A_GENRE,
        "m4a-emotion" => &M4A_EMOTION,
        "audioset-genre" => &AUDIOSET_GENRE,
        _ => return None,
    };
    Some(labels.iter().map(|&l| l.to_owned()).collect())
}

/// The labels in a file's text: one per line, a JSON list, or a JSON map from numbers to
/// labels, which may be the `id2label` of a whole `config.json` of transformers.
///
/// # Errors
/// If it is none of these, or the numbers of a map have gaps.
pub fn parse_labels(text: &str) -> Result<Vec<String>> {
    let fail = |message: String| {
        Error::input(message)
            .hint("labels are one per line, a JSON list, or a JSON map like transformers' id2label")
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let labels = if text.starts_with(['[', '{']) {
        let json: Value =
            serde_json::from_str(text).map_err(|e| fail(format!("the labels are no JSON: {e}")))?;
        match &json {
            Value::Array(items) => items.iter().map(|v| v.as_str().map(str::to_owned)).collect(),
            Value::Object(map) => numbered(map.get("id2label").and_then(Value::as_object).unwrap_or(map)),
            _ => None,
        }
        .ok_or_else(|| fail("the labels are no list of texts and no map from 0, 1, 2, ... to texts".into()))?
    } else {
        text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    if labels.is_empty() {
        return Err(fail("there are no labels".into()));
    }
    Ok(labels)
}

/// The labels of a comma list; a blank after a comma does not count.
pub fn split_labels(list: &str) -> Vec<String> {
    list.split(',').map(|l| l.trim().to_owned()).collect()
}

fn numbered(map: &Map<String, Value>) -> Option<Vec<String>> {
    (0..map.len()).map(|i| map.get(&i.to_string())?.as_str().map(str::to_owned)).collect()
}

/// A model's configuration as `convert` takes it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// The audio encoder.
    pub audio: Option<AstConfig>,
    /// The text encoder.
    pub text: Option<RobertaConfig>,
    /// How a waveform becomes the audio encoder's input.
    pub feature_extractor: Option<FeatureExtractor>,
    /// How lyrics are cleaned.
    pub text_cleaning: Cleaning,
    /// Tokens at most.
    pub max_tokens: Option<usize>,
}

impl Settings {
    /// The sizes and the preprocessing of the paper's models: AST-base and RoBERTa-large.
    pub fn paper() -> Self {
        Self {
            audio: Some(AstConfig {
                hidden_size: 768,
                num_hidden_layers: 12,
                num_attention_heads: 12,
                intermediate_size: 3072,
                hidden_act: "gelu".into(),
                layer_norm_eps: 1e-12,
                patch_size: 16,
                qkv_bias: true,
                frequency_stride: 10,
                time_stride: 10,
                max_length: 1024,
                num_mel_bins: 128,
            }),
            text: Some(RobertaConfig {
                vocab_size: 50_265,
                hidden_size: 1024,
                num_hidden_layers: 24,
                num_attention_heads: 16,
                intermediate_size: 4096,
                hidden_act: "gelu".into(),
                max_position_embeddings: 514,
                type_vocab_size: 1,
                layer_norm_eps: 1e-5,
                pad_token_id: 1,
            }),
            feature_extractor: Some(FeatureExtractor {
                sampling_rate: 44_100,
                max_frames: 1024,
                num_mel_bins: 128,
                mean: -4.267_739_3,
                std: 4.568_997_4,
            }),
            text_cleaning: Cleaning::Paper,
            max_tokens: Some(256),
        }
    }

    /// Reads the JSON of a configuration: `audio` and `text` as transformers' `to_dict()` writes
    /// them, and optionally `feature_extractor`, `text_cleaning` and `max_tokens`; or one of
    /// transformers' own `config.json`, which is an encoder's alone.
    ///
    /// # Errors
    /// If it isn't that, or asks for a variant of a network that is not built here.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let fail = |what: &str, e: serde_json::Error| {
            Error::input(format!("the configuration's {what} can't be read: {e}"))
                .hint("write {\"audio\": ..., \"text\": ...}, each as transformers' config.to_dict() has it")
        };
        let top: Map<String, Value> = serde_json::from_slice(json).map_err(|e| fail("JSON", e))?;
        let (audio, text) = match top.get("model_type").and_then(Value::as_str) {
            Some("audio-spectrogram-transformer") => (Some(Value::Object(top.clone())), None),
            Some("roberta" | "xlm-roberta") => (None, Some(Value::Object(top.clone()))),
            Some(other) => {
                return Err(Error::input(format!("the configuration is of a model of type {other}"))
                    .hint("AST and RoBERTa are built here"));
            }
            None => (part(&top, "audio"), part(&top, "text")),
        };
        if audio.is_none() && text.is_none() {
            return Err(Error::input("the configuration has neither \"audio\" nor \"text\"").hint(
                "write {\"audio\": ..., \"text\": ...}, each as transformers' config.to_dict() has it",
            ));
        }
        if let Some(text) = &text {
            refuse_variants(text)?;
        }
        let mut extractor = part(&top, "feature_extractor");
        if let Some(Value::Object(fields)) = &mut extractor
            && fields.get("do_normalize") == Some(&Value::Bool(false))
        {
            // (x - mean) / (2 std) is x again.
            fields.insert("mean".into(), 0.0.into());
            fields.insert("std".into(), 0.5.into());
        }
        Ok(Self {
            audio: audio.map(serde_json::from_value).transpose().map_err(|e| fail("\"audio\"", e))?,
            text: text.map(serde_json::from_value).transpose().map_err(|e| fail("\"text\"", e))?,
            feature_extractor: extractor
                .map(serde_json::from_value)
                .transpose()
                .map_err(|e| fail("\"feature_extractor\"", e))?,
            text_cleaning: part(&top, "text_cleaning")
                .map(serde_json::from_value)
                .transpose()
                .map_err(|e| fail("\"text_cleaning\"", e))?
                .unwrap_or_default(),
            max_tokens: part(&top, "max_tokens")
                .map(serde_json::from_value)
                .transpose()
                .map_err(|e| fail("\"max_tokens\"", e))?,
        })
    }

    /// Only what a model of that task uses, so that one configuration file (or the word `paper`)
    /// serves the multimodal model and both unimodal ones.
    ///
    /// # Errors
    /// If an encoder of the task is not configured.
    pub fn for_task(mut self, task: Task) -> Result<Self> {
        let lacks = |what: &str, encoder: &str| {
            Error::input(format!("the checkpoint has {encoder}, but the configuration has no \"{what}\""))
                .hint("add it as transformers' config.to_dict() writes it")
        };
        if task == Task::Lyrics {
            self.audio = None;
            self.feature_extractor = None;
        } else if self.audio.is_none() {
            return Err(lacks("audio", "an audio encoder"));
        }
        if task == Task::Audio {
            self.text = None;
            self.max_tokens = None;
            self.text_cleaning = Cleaning::None;
        } else if self.text.is_none() {
            return Err(lacks("text", "a text encoder"));
        }
        Ok(self)
    }
}

/// A field that is there and not `null`.
fn part(top: &Map<String, Value>, field: &str) -> Option<Value> {
    top.get(field).filter(|v| !v.is_null()).cloned()
}

/// RoBERTa has variants with the same tensors and other arithmetic; without this they would
/// convert and give wrong scores.
fn refuse_variants(text: &Value) -> Result<()> {
    let odd = [
        ("position_embedding_type", Value::from("absolute")),
        ("is_decoder", false.into()),
        ("add_cross_attention", false.into()),
    ]
    .into_iter()
    .find_map(|(field, usual)| text.get(field).filter(|v| !v.is_null() && **v != usual).map(|v| (field, v)));
    match odd {
        None => Ok(()),
        Some((field, value)) => Err(Error::input(format!(
            "the text encoder's {field} is {value}, a variant that is not built here"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_from_lines_lists_and_maps() {
        let abc = ["a", "b c", "d"].map(str::to_owned).to_vec();
        for text in [
            "a\nb c\n\nd\n",
            "\u{feff}a\r\nb c\r\nd",
            r#"["a", "b c", "d"]"#,
            r#"{"1": "b c", "0": "a", "2": "d"}"#,
            r#"{"model_type": "roberta", "id2label": {"0": "a", "1": "b c", "2": "d"}}"#,
        ] {
            assert_eq!(parse_labels(text), Ok(abc.clone()), "{text}");
        }
        assert_eq!(split_labels("a, b c,d"), abc);
        for text in ["", " \n", "[]", "{}", "[1]", r#"{"0": "a", "2": "b"}"#, r#"{"a": 0}"#, "[\"a\""] {
            assert!(parse_labels(text).is_err(), "{text}");
        }
    }

    #[test]
    fn published_sets_are_sorted_and_of_the_published_sizes() {
        for (name, n) in [("m4a-genre", 9), ("m4a-emotion", 9), ("audioset-genre", 7)] {
            let labels = published_labels(name).unwrap();
            assert!(labels.len() == n && labels.is_sorted(), "{name}");
        }
        assert_eq!(published_labels("genre"), None);
    }

    #[test]
    fn a_configuration_is_read_with_or_without_preprocessing() {
        let text = r#"{"vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 8, "hidden_act": "gelu", "max_position_embeddings": 12, "type_vocab_size": 1,
            "layer_norm_eps": 1e-5, "pad_token_id": 1, "is_decoder": false, "some_other_field": [1]}"#;
        let bare = Settings::parse(format!(r#"{{"text": {text}}}"#).as_bytes()).unwrap();
        assert_eq!(bare.text.as_ref().unwrap().vocab_size, 9);
        assert_eq!((bare.text_cleaning, bare.max_tokens), (Cleaning::None, None));
        let full = format!(
            r#"{{"text": {text}, "audio": null, "text_cleaning": "paper", "max_tokens": 7,
                "feature_extractor": {{"sampling_rate": 16000, "max_length": 64, "num_mel_bins": 8, "mean": -4, "std": 4, "do_normalize": false}}}}"#
        );
        let full = Settings::parse(full.as_bytes()).unwrap();
        assert_eq!((full.text_cleaning, full.max_tokens), (Cleaning::Paper, Some(7)));
        let extractor = full.feature_extractor.unwrap();
        assert_eq!((extractor.max_frames, extractor.mean, extractor.std), (64, 0.0, 0.5));

        let own = text.replacen('{', r#"{"model_type": "roberta", "#, 1);
        assert_eq!(Settings::parse(own.as_bytes()).unwrap(), bare);
        assert!(bare.clone().for_task(Task::Lyrics).is_ok());
        assert!(bare.clone().for_task(Task::Multimodal).unwrap_err().message().contains("no \"audio\""));

        for (from, to, said) in [
            ("\"is_decoder\": false", "\"is_decoder\": true", "is_decoder is true"),
            ("\"hidden_size\": 4,", "", "hidden_size"),
            ("\"hidden_size\": 4", "\"hidden_size\": -4", "\"text\" can't be read"),
            ("\"vocab_size\"", "\"model_type\": \"bert\", \"vocab_size\"", "type bert"),
        ] {
            let wrong = text.replace(from, to);
            let json = if said == "type bert" { wrong } else { format!(r#"{{"text": {wrong}}}"#) };
            let e = Settings::parse(json.as_bytes()).unwrap_err();
            assert!(e.message().contains(said), "{e}");
        }
        for json in ["", "[]", "{}", r#"{"audio": null}"#] {
            assert!(Settings::parse(json.as_bytes()).is_err());
        }
    }

    #[test]
    fn the_papers_settings_serve_all_three_tasks() {
        let audio = Settings::paper().for_task(Task::Audio).unwrap();
        assert!(audio.text.is_none() && audio.max_tokens.is_none() && audio.feature_extractor.is_some());
        let lyrics = Settings::paper().for_task(Task::Lyrics).unwrap();
        assert!(
            lyrics.audio.is_none() && lyrics.feature_extractor.is_none() && lyrics.max_tokens == Some(256)
        );
        assert_eq!(Settings::paper().for_task(Task::Multimodal), Ok(Settings::paper()));
    }
}
