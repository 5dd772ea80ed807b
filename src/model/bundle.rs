//! The manifest of a model bundle, `bundle.json`: what the model is and what its files hold.
//!
//! A bundle is a folder with `bundle.json`, usually a `tokenizer.json`, and the weights: one
//! safetensors stream cut into consecutive shards, so that joining the shards in order gives
//! a plain safetensors file. Manifests come from strangers' web servers, so
//! [`Bundle::parse`] believes nothing: every name, size, sum and setting is checked before
//! anyone downloads or allocates by it.

use super::files::{Dtype, FileEntry, WeightsEntry, excerpt};
use super::{
    AstConfig, FeatureExtractor, ModelConfig, OpenUnmixConfig, RobertaConfig, Task, TensorSpec,
    open_unmix_schema, schema,
};
use crate::lyrics::Cleaning;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The layout of `bundle.json` that this program writes and reads.
pub const SCHEMA: u32 = 1;

/// Most bytes of `bundle.json`; the manifest of the paper's 1.8 GB model has some 15 kB.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// Most labels; AudioSet, the largest tag set in use, has 527.
const MAX_LABELS: usize = 10_000;

/// How a song is split into stems.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separator {
    /// By signal processing alone, without weights.
    #[default]
    Dsp,
    /// By Open-Unmix, with weights of its own.
    OpenUnmix(Box<OpenUnmixEntry>),
}

impl Separator {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Dsp => "dsp",
            Self::OpenUnmix(_) => "openunmix",
        }
    }
}

/// The separator part of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenUnmixEntry {
    /// The sizes of its four networks.
    pub config: OpenUnmixConfig,
    /// How its weights are stored.
    pub dtype: Dtype,
    /// Its weights, in shards of their own.
    pub weights: WeightsEntry,
}

impl OpenUnmixEntry {
    /// Its stream of weights.
    pub(crate) fn part(&self) -> Part<'_> {
        Part { tensors: open_unmix_schema(&self.config), dtype: self.dtype, weights: &self.weights }
    }
}

/// One stream of a bundle's weights: the tensors that it should hold, and the files that do.
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    pub(crate) tensors: Vec<TensorSpec>,
    pub(crate) dtype: Dtype,
    pub(crate) weights: &'a WeightsEntry,
}

/// A model bundle's manifest.
///
/// The fields are public because a manifest is plain data; whoever builds one by hand calls
/// [`validate`](Self::validate), which [`parse`](Self::parse) and
/// [`to_json`](Self::to_json) do by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// [`SCHEMA`].
    pub schema: u32,
    /// A short name for files and addresses: lower-case letters, digits, `.`, `_` and `-`.
    pub id: String,
    /// A name for people.
    pub title: String,
    /// What the model is, and what it isn't.
    #[serde(default)]
    pub description: String,
    /// The terms that the weights come under.
    #[serde(default)]
    pub licence: String,
    /// Which of the three architectures.
    pub task: Task,
    /// The classes, in the order of the logits.
    pub labels: Vec<String>,
    /// The audio encoder; absent if the model reads lyrics only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AstConfig>,
    /// The text encoder; absent if the model hears audio only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<RobertaConfig>,
    /// How a waveform becomes the audio encoder's input; without it songs can't be explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_extractor: Option<FeatureExtractor>,
    /// How lyrics are cleaned.
    #[serde(default)]
    pub text_cleaning: Cleaning,
    /// Tokens that the text encoder is given at most, `<s>` and `</s>` included; where it is
    /// absent, as many as there are positions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// How stems are made.
    #[serde(default)]
    pub separator: Separator,
    /// How the weights are stored.
    pub dtype: Dtype,
    /// `tokenizer.json` of Hugging Face's tokenizers; without it lyrics can't be explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<FileEntry>,
    /// The weights.
    pub weights: WeightsEntry,
}

impl Bundle {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// If it isn't JSON of the known layout, or anything in it contradicts itself or is out of
    /// bounds; the message says which field.
    pub fn parse(json: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let fail = |e: serde_json::Error| {
            Error::bundle(format!("bundle.json can't be read: {e}"))
                .hint("it should be the manifest that `musiclime convert` writes")
        };
        if json.len() > MAX_MANIFEST_BYTES {
            return Err(Error::bundle(format!(
                "bundle.json has {} bytes, more than the {MAX_MANIFEST_BYTES} that a manifest may have",
                json.len()
            )));
        }
        // The version first: a later layout should be called that, not "missing field".
        let version: Version = serde_json::from_slice(json).map_err(fail)?;
        if version.schema != SCHEMA {
            return Err(Error::bundle(format!(
                "bundle.json has layout {}, but this program reads layout {SCHEMA}",
                version.schema
            ))
            .hint("use the release of musiclime that made the bundle, or convert the checkpoint again"));
        }
        let bundle: Self = serde_json::from_slice(json).map_err(fail)?;
        bundle.validate()?;
        Ok(bundle)
    }

    /// The manifest as JSON, for writing.
    ///
    /// # Errors
    /// If [`validate`](Self::validate) finds fault.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        self.validate()?;
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::internal(format!("bundle.json can't be written: {e}")))?;
        json.push(b'\n');
        Ok(json)
    }

    /// Checks everything that can be checked without the other files.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn validate(&self) -> Result<()> {
        self.validate_about()?;
        self.validate_files()
    }

    /// [`validate`](Self::validate) without the files, for a bundle whose weights are still to
    /// be written.
    pub(crate) fn validate_about(&self) -> Result<()> {
        self.validate_words()?;
        self.validate_labels()?;
        self.validate_settings()
    }

    /// What decides the shapes of the tensors.
    pub fn model_config(&self) -> ModelConfig {
        ModelConfig {
            task: self.task,
            classes: self.labels.len(),
            audio: self.audio.clone(),
            text: self.text.clone(),
        }
    }

    /// The streams of weights in the order in which they are loaded: the classifier's, then the
    /// separator's if it has any.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let mut parts =
            vec![Part { tensors: schema(&self.model_config()), dtype: self.dtype, weights: &self.weights }];
        if let Separator::OpenUnmix(entry) = &self.separator {
            parts.push(entry.part());
        }
        parts
    }

    /// Bytes of all weights, the separator's included.
    pub fn weight_bytes(&self) -> u64 {
        let of_separator = match &self.separator {
            Separator::Dsp => 0,
            Separator::OpenUnmix(entry) => entry.weights.bytes,
        };
        self.weights.bytes.saturating_add(of_separator)
    }

    /// Tokens that the text encoder is given at most; 0 for a model that reads no lyrics.
    pub fn token_limit(&self) -> usize {
        let positions = self.text.as_ref().map_or(0, positions);
        self.max_tokens.map_or(positions, |n| n.min(positions))
    }

    /// Whether songs can be explained with this bundle: logits alone can be computed without a
    /// tokenizer and a feature extractor, an explanation cannot.
    ///
    /// # Errors
    /// Says what is missing and how to add it.
    pub fn can_explain(&self) -> Result<()> {
        let mut missing = Vec::new();
        if self.audio.is_some() && self.feature_extractor.is_none() {
            missing.push((
                "feature extractor",
                "a --config that has \"feature_extractor\": \
                 {sampling_rate, max_frames, num_mel_bins, mean, std}",
            ));
        }
        if self.text.is_some() && self.tokenizer.is_none() {
            missing.push(("tokenizer", "--tokenizer tokenizer.json"));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let (what, how): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
        Err(Error::bundle(format!(
            "bundle {} has no {}, so it can be checked but not explained with",
            self.id,
            what.join(" and no ")
        ))
        .hint(format!("convert the checkpoint again with {}", how.join(" and "))))
    }

    fn validate_words(&self) -> Result<()> {
        if self.schema != SCHEMA {
            return Err(Error::bundle(format!("schema is {}, not {SCHEMA}", self.schema)));
        }
        let id_is_plain = self.id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && self.id.len() <= 64
            && self.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b));
        if !id_is_plain {
            return Err(Error::bundle(format!(
                "id {:?} is not a name of at most 64 lower-case letters, digits, '.', '_' or '-'",
                excerpt(&self.id)
            )));
        }
        if self.title.trim().is_empty() {
            return Err(Error::bundle("title is empty"));
        }
        text("title", &self.title, 200, false)?;
        text("description", &self.description, 10_000, true)?;
        text("licence", &self.licence, 1000, true)
    }

    fn validate_labels(&self) -> Result<()> {
        if self.labels.is_empty() || self.labels.len() > MAX_LABELS {
            return Err(Error::bundle(format!(
                "there are {} labels; a model has 1 to {MAX_LABELS}",
                self.labels.len()
            )));
        }
        let mut seen = HashSet::new();
        for label in &self.labels {
            if label.trim().is_empty() {
                return Err(Error::bundle("a label is empty"));
            }
            text("a label", label, 200, false)?;
            if !seen.insert(label.as_str()) {
                return Err(Error::bundle(format!("label {label:?} is there twice")));
            }
        }
        Ok(())
    }

    fn validate_settings(&self) -> Result<()> {
        self.model_config().validate()?;
        if let Separator::OpenUnmix(entry) = &self.separator {
            entry.config.validate().map_err(|e| e.context("separator"))?;
            if self.audio.is_none() {
                return Err(Error::bundle("separator has weights, but the model hears no audio"));
            }
        }
        if let Some(extractor) = &self.feature_extractor {
            let Some(audio) = &self.audio else {
                return Err(Error::bundle("feature_extractor is given, but the model hears no audio"));
            };
            if extractor.num_mel_bins != audio.num_mel_bins || extractor.max_frames != audio.max_length {
                return Err(Error::bundle(format!(
                    "feature_extractor makes {} frames of {} mel bins, but the audio encoder hears {} of {}",
                    extractor.max_frames, extractor.num_mel_bins, audio.max_length, audio.num_mel_bins
                )));
            }
            // 192 kHz is the most that audio interfaces record at; below 4 kHz no music is left.
            if !(4000..=192_000).contains(&extractor.sampling_rate) {
                return Err(Error::bundle(format!(
                    "feature_extractor.sampling_rate is {}; it should lie between 4000 and 192000",
                    extractor.sampling_rate
                )));
            }
            if !extractor.mean.is_finite() || !extractor.std.is_finite() || extractor.std <= 0.0 {
                return Err(Error::bundle(format!(
                    "feature_extractor.mean {} and std {} should be finite, and std positive",
                    extractor.mean, extractor.std
                )));
            }
        }
        match (&self.text, self.max_tokens) {
            (None, Some(_)) => Err(Error::bundle("max_tokens is given, but the model reads no lyrics")),
            // Two are taken by <s> and </s>.
            (Some(text), Some(n)) if n < 3 || n > positions(text) => Err(Error::bundle(format!(
                "max_tokens is {n}; it should lie between 3 and {}, the positions of the text encoder",
                positions(text)
            ))),
            _ if self.tokenizer.is_some() && self.text.is_none() => {
                Err(Error::bundle("tokenizer is given, but the model reads no lyrics"))
            }
            _ => Ok(()),
        }
    }

    fn validate_files(&self) -> Result<()> {
        let mut names = HashSet::from(["bundle.json"]);
        if let Some(tokenizer) = &self.tokenizer {
            tokenizer.validate(&mut names)?;
        }
        for part in self.parts() {
            part.weights.validate(&part.tensors, part.dtype, &mut names)?;
        }
        Ok(())
    }
}

/// Texts of at most this many tokens have a position for each, since positions start behind
/// the padding id.
pub(crate) fn positions(text: &RobertaConfig) -> usize {
    text.max_position_embeddings.saturating_sub(text.pad_token_id + 1)
}

fn text(what: &str, value: &str, most: usize, lines: bool) -> Result<()> {
    if value.chars().count() > most {
        return Err(Error::bundle(format!("{what} has more than {most} characters")));
    }
    match value.chars().find(|&c| c.is_control() && !(lines && c == '\n')) {
        Some(c) => Err(Error::bundle(format!("{what} has the control character {c:?}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::MAX_FILE_BYTES;
    use super::super::testing::{manifest, sample};
    use super::*;
    use serde_json::{Value, json};

    fn parse(value: &Value) -> Result<Bundle> {
        Bundle::parse(&serde_json::to_vec(value).unwrap())
    }

    /// The message for a manifest in which one field, by its JSON pointer, is another.
    fn refusal(pointer: &str, value: Value) -> String {
        let mut manifest = manifest();
        *manifest.pointer_mut(pointer).unwrap() = value;
        parse(&manifest).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_written() {
        let (bundle, _) = sample(Task::Multimodal, Dtype::F16, 1000);
        assert_eq!(Bundle::parse(&bundle.to_json().unwrap()), Ok(bundle));
    }

    #[test]
    fn what_is_unknown_is_ignored_but_another_layout_is_refused() {
        let mut manifest = manifest();
        manifest["some_later_field"] = json!([1]);
        assert!(parse(&manifest).is_ok());
        assert!(refusal("/schema", json!(2)).contains("layout 2"));
        for json in [&b""[..], b"[]", b"{}", b"{\"schema\": 1}", b"\xff", &vec![b' '; MAX_MANIFEST_BYTES + 1]]
        {
            assert!(Bundle::parse(json).is_err());
        }
        let deep = "[".repeat(100_000);
        assert!(Bundle::parse(format!("{{\"schema\": 1, \"x\": {deep}").as_bytes()).is_err());
    }

    #[test]
    fn hostile_fields_are_refused_by_name() {
        let long = "x".repeat(20_000);
        for (pointer, value, said) in [
            ("/id", json!("../x"), "id"),
            ("/id", json!(""), "id"),
            ("/id", json!(long), "id"),
            ("/title", json!(" "), "title is empty"),
            ("/title", json!("a\u{1b}[31m"), "control character"),
            ("/description", json!(long), "description has more than"),
            ("/labels", json!([]), "0 labels"),
            ("/labels", json!(["a", "a", "b"]), "\"a\" is there twice"),
            ("/labels", json!(["a", " ", "b"]), "a label is empty"),
            ("/labels", json!(["a", "b\n", "c"]), "control character"),
            ("/task", json!("video"), "video"),
            ("/task", json!("audio"), "text"),
            ("/dtype", json!("f8"), "f8"),
            ("/separator", json!("magic"), "magic"),
            ("/audio", Value::Null, "audio"),
            ("/audio/num_hidden_layers", json!(1u64 << 60), "num_hidden_layers"),
            ("/audio/hidden_size", json!(-1), "bundle.json can't be read"),
            ("/text/hidden_act", json!("relu"), "relu"),
            ("/feature_extractor/num_mel_bins", json!(999), "999 mel bins"),
            ("/feature_extractor/sampling_rate", json!(1), "sampling_rate is 1"),
            ("/feature_extractor/std", json!(0.0), "std"),
            ("/max_tokens", json!(2), "max_tokens is 2"),
            ("/max_tokens", json!(9999), "max_tokens is 9999"),
            ("/tokenizer/file", json!("../tokenizer.json"), "not a plain one"),
            ("/tokenizer/file", json!("/etc/passwd"), "not a plain one"),
            ("/tokenizer/file", json!("bundle.json"), "listed twice"),
            ("/tokenizer/bytes", json!(MAX_FILE_BYTES + 1), "24000001 bytes"),
            ("/tokenizer/sha256", json!("0"), "sha256 of tokenizer.json"),
            ("/weights/sha256", json!("A".repeat(64)), "sha256 of weights"),
            ("/weights/shards", json!([]), "0 shards"),
            ("/weights/shards/0/file", json!("a\\b"), "not a plain one"),
            ("/weights/shards/0/file", json!(".hidden"), "not a plain one"),
            ("/weights/shards/0/file", json!("weights-001.bin"), "listed twice"),
            ("/weights/shards/0/bytes", json!(0), "has 0 bytes"),
            ("/weights/shards/0/bytes", json!(MAX_FILE_BYTES + 1), "24000001 bytes"),
            ("/weights/shards/0/bytes", json!(999), "together"),
            ("/weights/shards/0/bytes", json!(1.5), "bundle.json can't be read"),
            ("/weights/bytes", json!(u64::MAX), "together"),
            ("/text/vocab_size", json!(1_000_000), "the configuration asks for"),
        ] {
            let message = refusal(pointer, value);
            assert!(message.contains(said), "{pointer}: {message}");
        }
    }

    #[test]
    fn a_bundle_says_what_it_lacks_for_explaining() {
        let (mut bundle, _) = sample(Task::Multimodal, Dtype::F32, 1000);
        assert_eq!(bundle.can_explain(), Ok(()));
        bundle.tokenizer = None;
        let e = bundle.can_explain().unwrap_err();
        assert!(
            e.message().contains("has no tokenizer, so") && e.next_step().unwrap().contains("--tokenizer"),
            "{e}"
        );
        bundle.feature_extractor = None;
        let e = bundle.can_explain().unwrap_err();
        assert!(e.message().contains("has no feature extractor and no tokenizer"), "{e}");
        assert!(bundle.validate().is_ok());
    }

    #[test]
    fn tokens_are_limited_by_setting_and_positions() {
        let (mut bundle, _) = sample(Task::Lyrics, Dtype::F32, 1000);
        let positions = bundle.text.as_ref().unwrap().max_position_embeddings - 2;
        bundle.max_tokens = None;
        assert_eq!(bundle.token_limit(), positions);
        bundle.max_tokens = Some(5);
        assert_eq!(bundle.token_limit(), 5);
        bundle.max_tokens = Some(positions + 1);
        assert!(bundle.validate().is_err());
    }
}
