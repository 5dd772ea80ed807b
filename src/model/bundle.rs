//! The manifest of a model bundle, `bundle.json`: what the model is and what its files hold.
//!
//! A bundle is a folder with `bundle.json`, usually a `tokenizer.json`, and the weights: one
//! safetensors stream cut into consecutive shards, so that joining the shards in order gives
//! a plain safetensors file. Manifests come from strangers' web servers, so
//! [`Bundle::parse`] believes nothing: every name, size, sum and setting is checked before
//! anyone downloads or allocates by it.

use super::digest::sha256;
use super::stream::damaged;
use super::{AstConfig, FeatureExtractor, ModelConfig, RobertaConfig, Task, schema};
use crate::lyrics::Cleaning;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The layout of `bundle.json` that this program writes and reads.
pub const SCHEMA: u32 = 1;

/// Most bytes of one file of a bundle, shards and tokenizer alike.
///
/// Static hosts cap a file at 25 MB, so 24 leaves room for whatever they count on top.
pub const MAX_FILE_BYTES: u64 = 24_000_000;

/// Most bytes of `bundle.json`; the manifest of the paper's 1.8 GB model has some 15 kB.
pub const MAX_MANIFEST_BYTES: usize = 1 << 20;

/// Most bytes of the safetensors header; the paper's 592 tensors need about 90 kB.
pub(crate) const MAX_HEADER_BYTES: u64 = 4 << 20;

/// Most shards: at 24 MB each that is 24 GB, beyond what a browser or wasm could hold anyway.
const MAX_SHARDS: usize = 1000;

/// Most labels; AudioSet, the largest tag set in use, has 527.
const MAX_LABELS: usize = 10_000;

/// How a song is split into stems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Separator {
    /// By signal processing alone, without weights.
    #[default]
    Dsp,
}

impl Separator {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dsp => "dsp",
        }
    }
}

/// How the numbers of the weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floats: exact.
    F32,
    /// 16-bit floats: half the size, widened to 32 bits when loaded.
    F16,
}

impl Dtype {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }

    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its plain name, in the bundle's own folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// Holds a file's bytes against the manifest.
    ///
    /// # Errors
    /// If their SHA-256 differs.
    pub fn verify(&self, bytes: &[u8]) -> Result<()> {
        let found = sha256(bytes);
        if found == self.sha256 { Ok(()) } else { Err(damaged(&self.file, &found, &self.sha256)) }
    }
}

/// The safetensors stream and the shards that it is cut into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsEntry {
    /// Length of the whole stream.
    pub bytes: u64,
    /// SHA-256 of the whole stream, in lower-case hexadecimal.
    pub sha256: String,
    /// The consecutive pieces; a tensor may span several.
    pub shards: Vec<FileEntry>,
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
        let shards = &self.weights.shards;
        if shards.is_empty() || shards.len() > MAX_SHARDS {
            return Err(Error::bundle(format!(
                "weights have {} shards; they come in 1 to {MAX_SHARDS}",
                shards.len()
            )));
        }
        let mut names = HashSet::from(["bundle.json"]);
        for entry in self.tokenizer.iter().chain(shards) {
            plain_name(&entry.file)?;
            if !names.insert(&entry.file) {
                return Err(Error::bundle(format!("file {} is listed twice", entry.file)));
            }
            if entry.bytes == 0 || entry.bytes > MAX_FILE_BYTES {
                return Err(Error::bundle(format!(
                    "file {} has {} bytes; a file of a bundle has 1 to {MAX_FILE_BYTES}",
                    entry.file, entry.bytes
                )));
            }
            digest(&entry.file, &entry.sha256)?;
        }
        digest("weights", &self.weights.sha256)?;
        let sum: u64 = shards.iter().map(|s| s.bytes).sum();
        if sum != self.weights.bytes {
            return Err(Error::bundle(format!(
                "weights have {} bytes, but their shards have {sum} together",
                self.weights.bytes
            )));
        }
        // The configuration already says how much there is to store; only the header's length
        // is open. This keeps a manifest from making us fetch gigabytes for a small model.
        let payload = payload_bytes(&self.model_config(), self.dtype)?;
        if sum <= payload + 8 || sum > payload + 8 + MAX_HEADER_BYTES {
            return Err(Error::bundle(format!(
                "weights have {sum} bytes, but the configuration asks for {payload} and a header"
            )));
        }
        Ok(())
    }
}

/// Texts of at most this many tokens have a position for each, since positions start behind
/// the padding id.
pub(crate) fn positions(text: &RobertaConfig) -> usize {
    text.max_position_embeddings.saturating_sub(text.pad_token_id + 1)
}

/// Bytes of all tensors of a (valid) configuration.
pub(crate) fn payload_bytes(config: &ModelConfig, dtype: Dtype) -> Result<u64> {
    schema(config)
        .iter()
        .try_fold(0u64, |sum, tensor| {
            let numbers = tensor.shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64))?;
            sum.checked_add(numbers.checked_mul(dtype.size() as u64)?)
        })
        .filter(|&bytes| bytes <= MAX_FILE_BYTES * MAX_SHARDS as u64)
        .ok_or_else(|| Error::bundle("the configuration asks for more weights than a bundle can hold"))
}

/// Refuses whatever could point outside the bundle's folder or mean something to a shell or a
/// web server.
fn plain_name(name: &str) -> Result<()> {
    let plain = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with(['.', '-'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain {
        return Ok(());
    }
    Err(Error::bundle(format!(
        "file name {:?} is not a plain one of letters, digits, '.', '_' and '-'",
        excerpt(name)
    )))
}

fn digest(of: &str, hex: &str) -> Result<()> {
    if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Ok(());
    }
    Err(Error::bundle(format!("sha256 of {of} is not 64 lower-case hexadecimal digits")))
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

/// The beginning of something hostile, for a message of one line.
fn excerpt(value: &str) -> String {
    value.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
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
