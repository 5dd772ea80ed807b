//! Scores masks with the model, encoding each distinct sound and each distinct text once.

use super::{Listener, Song, material::Material};
use crate::audio::{Stem, segments};
use crate::lime::{Mask, Score};
use crate::model::{Embeddings, softmax};
use crate::{Error, Result};
use std::collections::HashMap;
use std::hash::Hash;

/// Forward passes of each encoder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Passes {
    pub(super) audio: usize,
    pub(super) text: usize,
}

/// A song's features under a model that fuses late: each encoder's answer to a perturbed input
/// is kept, so that masks which agree on one modality share its pass.
pub(super) struct PairScorer<'a> {
    listener: &'a Listener,
    song: &'a Song,
    material: &'a Material,
    sounds: HashMap<Vec<bool>, Vec<f32>>,
    texts: HashMap<Vec<u32>, Vec<f32>>,
    /// The tokens of the whole lyrics, which are most rows' where only the audio is explained.
    whole: Vec<u32>,
    passes: Passes,
}

impl<'a> PairScorer<'a> {
    /// A scorer for a song that was separated, unless its audio is kept whole.
    pub(super) fn new(listener: &'a Listener, song: &'a Song, material: &'a Material) -> Result<Self> {
        if material.varies_audio() {
            song.stems()?;
        }
        Ok(Self {
            listener,
            song,
            material,
            sounds: HashMap::new(),
            texts: HashMap::new(),
            whole: listener.tokens(material.whole_text())?,
            passes: Passes::default(),
        })
    }

    pub(super) fn passes(&self) -> Passes {
        self.passes
    }

    /// The part of the mask that decides what the model hears: features in segments past its
    /// window are left out, so that masks which differ only there share a pass.
    fn sound_key(&self, mask: &Mask) -> Vec<bool> {
        if !self.material.varies_audio() {
            return Vec::new();
        }
        let audio = self.material.layout().audio;
        mask.as_slice()[..audio]
            .iter()
            .enumerate()
            .map(|(i, on)| *on && !self.material.audible()[i / Stem::ALL.len()].is_empty())
            .collect()
    }

    /// The spectrogram of the stems that are on, or of the whole mix where audio is kept whole.
    fn spectrogram(&self, key: &[bool]) -> Result<Vec<f32>> {
        if key.is_empty() {
            return self.listener.spectrogram(self.material.mix(self.song));
        }
        let mut mix = Vec::new();
        let offset = self.material.window().start;
        segments::compose(self.song.stems()?, offset, self.material.audible(), key, &mut mix)?;
        self.listener.spectrogram(&mix)
    }

    fn tokens(&self, mask: &Mask) -> Result<Vec<u32>> {
        let words = &mask.as_slice()[self.material.layout().audio..];
        if words.iter().all(|&on| on) {
            return Ok(self.whole.clone());
        }
        self.listener.tokens(&self.material.text_with(words))
    }

    async fn encode_sounds(&mut self, keys: &[Vec<bool>]) -> Result<()> {
        let fresh = unencoded(keys, &self.sounds);
        let classifier = self.listener.classifier();
        for batch in fresh.chunks(batch_size(self.listener.flops(1).audio)) {
            let spectrograms = batch.iter().map(|key| self.spectrogram(key)).collect::<Result<Vec<_>>>()?;
            let views: Vec<&[f32]> = spectrograms.iter().map(Vec::as_slice).collect();
            let embeddings = classifier.embed_audio(&views).await?;
            self.passes.audio += batch.len();
            self.sounds.extend(batch.iter().map(|key| (*key).clone()).zip(embeddings));
        }
        Ok(())
    }

    async fn encode_texts(&mut self, texts: &[Vec<u32>]) -> Result<()> {
        let mut fresh = unencoded(texts, &self.texts);
        // Texts of like length share a batch, so that little of it is padding. The order within
        // a length is the order of the rows: the same seed gives the same batches.
        fresh.sort_by_key(|text| text.len());
        let classifier = self.listener.classifier();
        let longest = fresh.last().map_or(1, |text| text.len());
        for batch in fresh.chunks(batch_size(self.listener.flops(longest).text)) {
            let views: Vec<&[u32]> = batch.iter().map(|text| text.as_slice()).collect();
            let embeddings = classifier.embed_text(&views).await?;
            self.passes.text += batch.len();
            self.texts.extend(batch.iter().map(|text| (*text).clone()).zip(embeddings));
        }
        Ok(())
    }
}

impl Score for PairScorer<'_> {
    async fn score(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
        let sounds: Vec<Vec<bool>> = masks.iter().map(|mask| self.sound_key(mask)).collect();
        let texts = masks.iter().map(|mask| self.tokens(mask)).collect::<Result<Vec<_>>>()?;
        if self.listener.hears() {
            self.encode_sounds(&sounds).await?;
        }
        if self.listener.reads() {
            self.encode_texts(&texts).await?;
        }
        let pairs: Vec<Embeddings<'_>> = sounds
            .iter()
            .zip(&texts)
            .map(|(sound, text)| {
                (self.sounds.get(sound).map(Vec::as_slice), self.texts.get(text).map(Vec::as_slice))
            })
            .collect();
        let logits = self.listener.classifier().logits(&pairs).await?;
        if logits.len() != masks.len() {
            return Err(Error::internal("the model returned another number of rows than it was given"));
        }
        Ok(logits.iter().map(|row| softmax(row)).collect())
    }
}

/// The inputs that have no embedding yet, each once, in the order of the rows.
fn unencoded<'k, K: Eq + Hash>(keys: &'k [K], known: &HashMap<K, Vec<f32>>) -> Vec<&'k K> {
    let mut fresh = Vec::new();
    for key in keys {
        if !known.contains_key(key) && !fresh.contains(&key) {
            fresh.push(key);
        }
    }
    fresh
}

/// How many inputs of this cost go through an encoder at once.
///
/// About 4 GFLOP a batch keeps matrix products large enough to run at full speed, and takes
/// a fifth of a second on one wasm thread (20 GFLOP/s measured), after which the word
/// "cancel" can be heard. It depends on the model alone, never on time: the same seed gives
/// the same batches, and so the same bits.
fn batch_size(flops: f64) -> usize {
    const FLOPS_PER_BATCH: f64 = 4e9;
    ((FLOPS_PER_BATCH / flops.max(1.0)) as usize).clamp(1, 32)
}

/// The number of rows between two chances to stop, for the longest text that the model reads.
pub(super) fn rows_per_batch(listener: &Listener) -> usize {
    let flops = listener.flops(listener.bundle().token_limit());
    batch_size(flops.audio + flops.text)
}
