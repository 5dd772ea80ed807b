//! A model with all that it needs to hear a song and to read its lyrics.

use crate::audio::fbank::{Fbank, FbankSettings};
use crate::lyrics::{self, Cleaning, Fold, IndexedLyrics, Tokenizer, Word};
use crate::model::{Backend, Bundle, Classifier, Flops, OpenUnmix, Task, flops, softmax};
use crate::{Error, Result};

/// A loaded classifier, its feature extractor and its tokenizer.
pub struct Listener {
    bundle: Bundle,
    classifier: Classifier,
    separator: Option<OpenUnmix>,
    fbank: Option<Fbank>,
    tokenizer: Option<Tokenizer>,
    backend: Backend,
}

impl Listener {
    /// Puts a loaded model and its bundle's parts together.
    ///
    /// `tokenizer` is the content of the bundle's `tokenizer.json`, which a model that reads
    /// no lyrics does without; without a `separator` songs are split by signal processing;
    /// `backend` is what the classifier's device turned out to be.
    ///
    /// # Errors
    /// If the bundle lacks what explaining needs, or a part of it is not what it should be.
    pub fn new(
        bundle: Bundle,
        classifier: Classifier,
        separator: Option<OpenUnmix>,
        tokenizer: Option<&[u8]>,
        backend: Backend,
    ) -> Result<Self> {
        bundle.can_explain()?;
        let fbank = match (&bundle.feature_extractor, bundle.task) {
            (Some(extractor), Task::Multimodal | Task::Audio) => Some(Fbank::new(&FbankSettings {
                sampling_rate: extractor.sampling_rate,
                max_frames: extractor.max_frames,
                num_mel_bins: extractor.num_mel_bins,
                mean: extractor.mean,
                std: extractor.std,
            })?),
            _ => None,
        };
        let tokenizer = match (tokenizer, bundle.task) {
            (Some(json), Task::Multimodal | Task::Lyrics) => {
                Some(Tokenizer::from_json(json, bundle.token_limit())?)
            }
            (None, Task::Multimodal | Task::Lyrics) => {
                return Err(Error::bundle("the bundle's tokenizer.json was not given"));
            }
            (_, Task::Audio) => None,
        };
        Ok(Self { bundle, classifier, separator, fbank, tokenizer, backend })
    }

    /// The bundle that the model came in.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// The model itself.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// The names of the classes.
    pub fn labels(&self) -> &[String] {
        &self.bundle.labels
    }

    /// What computes.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Operations of one pass of each encoder, with a text of so many tokens.
    pub fn flops(&self, tokens: usize) -> Flops {
        flops(self.classifier.config(), tokens)
    }

    /// Whether the model listens to audio.
    pub fn hears(&self) -> bool {
        self.fbank.is_some()
    }

    /// Whether the model reads lyrics.
    pub fn reads(&self) -> bool {
        self.tokenizer.is_some()
    }

    /// Samples per second that the model hears. A model that only reads hears nothing; songs
    /// are then kept at a rate that is good for drawing them.
    pub fn rate(&self) -> u32 {
        match &self.bundle.feature_extractor {
            Some(extractor) if self.hears() => extractor.sampling_rate,
            _ => 16_000,
        }
    }

    /// The network that takes songs apart, if the bundle has one.
    pub fn separator(&self) -> Option<&OpenUnmix> {
        self.separator.as_ref()
    }

    /// How many samples at [`rate`](Listener::rate) the model hears at once.
    pub fn window_samples(&self) -> usize {
        self.fbank.as_ref().map_or(usize::MAX, Fbank::window_samples)
    }

    pub(super) fn tokenizer(&self) -> Option<&Tokenizer> {
        self.tokenizer.as_ref()
    }

    pub(super) fn cleaning(&self) -> Cleaning {
        self.bundle.text_cleaning
    }

    /// The distinct words of the lyrics, folded by case, each with whether the model reads that far.
    ///
    /// # Errors
    /// If the lyrics are too long.
    pub fn words(&self, text: &str) -> Result<Vec<(Word, bool)>> {
        let indexed = IndexedLyrics::new(text, Fold::Case)?;
        let heard = match &self.tokenizer {
            Some(tokenizer) => lyrics::heard(&indexed, tokenizer, self.cleaning())?,
            None => vec![false; indexed.words().len()],
        };
        Ok(indexed.words().iter().cloned().zip(heard).collect())
    }

    /// The tokens of a text after the bundle's cleaning.
    pub(super) fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        match &self.tokenizer {
            Some(tokenizer) => Ok(tokenizer.encode(&lyrics::clean(text, self.cleaning()))?.ids),
            None => Ok(Vec::new()),
        }
    }

    /// The spectrogram that the model sees of these samples.
    pub(super) fn spectrogram(&self, samples: &[f32]) -> Result<Vec<f32>> {
        match &self.fbank {
            Some(fbank) => Ok(fbank.extract(samples)?.values),
            None => Ok(Vec::new()),
        }
    }

    /// Class probabilities of one recording with one text.
    pub(super) async fn listen(&self, samples: &[f32], text: &str) -> Result<Vec<f64>> {
        let audio = if self.hears() {
            let spectrogram = self.spectrogram(samples)?;
            self.classifier.embed_audio(&[&spectrogram]).await?.pop()
        } else {
            None
        };
        let words = if self.reads() {
            let tokens = self.tokens(text)?;
            self.classifier.embed_text(&[&tokens]).await?.pop()
        } else {
            None
        };
        let logits = self.classifier.logits(&[(audio.as_deref(), words.as_deref())]).await?;
        match logits.first() {
            Some(row) => Ok(softmax(row)),
            None => Err(Error::internal("the model's head returned no row")),
        }
    }

    /// Scores a short noise with a few tokens, as a device's first pass compiles its kernels.
    ///
    /// # Errors
    /// If the device fails.
    pub async fn warm_up(&self) -> Result<()> {
        // Noise rather than zeros: silence takes short cuts (denormals, constant rows) that a song doesn't.
        let samples: Vec<f32> = (0..self.window_samples().min(1 << 20))
            .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0 - 0.5)
            .collect();
        self.listen(&samples, "a few words of no meaning").await.map(drop)
    }
}
