//! Loading the weights of a bundle from its bytes as they arrive.
//!
//! The bytes are pushed, because in a browser they come when they come. Beside what is already
//! on the device a [`Loader`] holds the one tensor that is being received, so the whole bundle
//! is never in memory twice.

#[cfg(feature = "cli")]
use super::bundle::OpenUnmixEntry;
use super::bundle::{Bundle, Part};
use super::digest::{Hasher, hex};
use super::files::{Dtype, FileEntry, MAX_HEADER_BYTES, damaged};
use super::header::{Header, HeaderTensor};
use super::{Classifier, OpenUnmix, Separator, TensorSpec, Weights, inventory};
use crate::{Error, Result};
use burn::tensor::Device;
use half::f16;
use std::collections::VecDeque;

/// Turns the bytes of a bundle's shards, in order and cut anyhow, into [`Weights`].
///
/// Each shard's SHA-256 is compared as soon as the shard is complete. Nothing can be used
/// before [`finish`](Self::finish), so a network never sees unverified weights.
pub struct Loader {
    /// The streams that are still to come; the first is being received.
    coming: VecDeque<Stream>,
    /// The weights of those that are complete.
    complete: Vec<Weights>,
    shards: Vec<FileEntry>,
    /// The shard that is being received.
    shard: usize,
    shard_done: u64,
    hasher: Hasher,
    done: u64,
    total: u64,
    failed: bool,
}

/// One of the bundle's streams.
struct Stream {
    weights: Weights,
    parser: Parser,
    /// Number of the first shard that is not part of it.
    end: usize,
}

/// All weights of a bundle, each of them verified.
pub struct BundleWeights {
    /// The classifier's.
    pub classifier: Weights,
    /// The separator's, if it has any.
    pub separator: Option<Weights>,
}

impl BundleWeights {
    /// Builds the networks that `bundle`, whose weights these are, describes.
    ///
    /// # Errors
    /// If the tensors are not those of its configurations.
    pub fn networks(self, bundle: &Bundle) -> Result<(Classifier, Option<OpenUnmix>)> {
        let classifier = Classifier::new(&bundle.model_config(), self.classifier)?;
        let separator = match (&bundle.separator, self.separator) {
            (Separator::OpenUnmix(entry), Some(weights)) => {
                Some(OpenUnmix::new(&entry.config, weights).map_err(|e| e.context("separator"))?)
            }
            _ => None,
        };
        Ok((classifier, separator))
    }
}

impl Loader {
    /// A loader for the weights of `bundle`, which it moves to `device`.
    ///
    /// # Errors
    /// If the manifest is not valid.
    pub fn new(bundle: &Bundle, device: &Device) -> Result<Self> {
        bundle.validate()?;
        Ok(Self::of(&bundle.parts(), device))
    }

    /// A loader for the weights of a valid bundle's separator alone.
    #[cfg(feature = "cli")]
    pub(crate) fn of_separator(entry: &OpenUnmixEntry, device: &Device) -> Self {
        Self::of(&[entry.part()], device)
    }

    fn of(parts: &[Part<'_>], device: &Device) -> Self {
        let mut shards = Vec::new();
        let mut coming = VecDeque::new();
        for part in parts {
            shards.extend_from_slice(&part.weights.shards);
            coming.push_back(Stream {
                weights: Weights::new(device),
                parser: Parser::new(part),
                end: shards.len(),
            });
        }
        Self {
            coming,
            complete: Vec::new(),
            shard: 0,
            shard_done: 0,
            hasher: Hasher::new(),
            done: 0,
            total: shards.iter().map(|shard| shard.bytes).sum(),
            shards,
            failed: false,
        }
    }

    /// The files whose bytes are to be pushed, in their order.
    pub fn shards(&self) -> &[FileEntry] {
        &self.shards
    }

    /// Takes the next bytes of all shards one after the other; where a chunk ends does not matter.
    ///
    /// # Errors
    /// If a shard's sum is wrong, a stream is not the safetensors stream that the manifest
    /// announces, or there is more of it. After an error the loader is of no more use.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        if self.failed {
            return Err(Error::bundle("the weights could not be loaded"));
        }
        let result = self.push_shards(chunk);
        self.failed = result.is_err();
        result
    }

    /// Bytes received, and bytes in all.
    pub fn progress(&self) -> (u64, u64) {
        (self.done, self.total)
    }

    /// Ends the loading and hands out the weights, all of them verified.
    ///
    /// # Errors
    /// If anything is missing.
    pub fn finish(self) -> Result<BundleWeights> {
        let mut complete = self.complete()?.into_iter();
        match complete.next() {
            Some(classifier) => Ok(BundleWeights { classifier, separator: complete.next() }),
            None => Err(Error::internal("a bundle without weights was loaded")),
        }
    }

    /// [`finish`](Self::finish) for [`of_separator`](Self::of_separator).
    #[cfg(feature = "cli")]
    pub(crate) fn finish_separator(self) -> Result<Weights> {
        self.complete()?.pop().ok_or_else(|| Error::internal("a separator without weights was loaded"))
    }

    /// The weights of every stream, in order.
    fn complete(self) -> Result<Vec<Weights>> {
        if self.failed {
            return Err(Error::bundle("the weights could not be loaded"));
        }
        if let Some(shard) = self.shards.get(self.shard) {
            return Err(Error::bundle(format!(
                "the weights end after {} of {} bytes, within shard {}",
                self.done, self.total, shard.file
            ))
            .hint("fetch the bundle again"));
        }
        Ok(self.complete)
    }

    fn push_shards(&mut self, mut chunk: &[u8]) -> Result<()> {
        while !chunk.is_empty() {
            let Some(shard) = self.shards.get(self.shard) else {
                return Err(Error::bundle(format!(
                    "the weights have more than the {} bytes that bundle.json announces",
                    self.total
                )));
            };
            let left = shard.bytes - self.shard_done;
            let here = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let (piece, rest) = chunk.split_at(here);
            chunk = rest;
            self.hasher.update(piece);
            self.shard_done += here as u64;
            self.done += here as u64;
            // The sum is compared first: "shard 3 is damaged" is the better message when
            // damage also makes the stream unreadable.
            let complete = self.shard_done == shard.bytes;
            if complete {
                let found = hex(std::mem::replace(&mut self.hasher, Hasher::new()));
                if found != shard.sha256 {
                    return Err(damaged(&shard.file, &found, &shard.sha256));
                }
            }
            let at = |e: Error| e.context(format_args!("shard {}", shard.file));
            let Some(Stream { weights, parser, end }) = self.coming.front_mut() else {
                return Err(Error::internal("there are more shards than streams of weights"));
            };
            parser
                .feed(piece, &mut |tensor, values| weights.insert(&tensor.name, &tensor.shape, values))
                .map_err(at)?;
            if complete {
                self.shard += 1;
                self.shard_done = 0;
                if self.shard == *end
                    && let Some(Stream { weights, parser, .. }) = self.coming.pop_front()
                {
                    parser.finish().map_err(at)?;
                    self.complete.push(weights);
                }
            }
        }
        Ok(())
    }
}

/// Reads a bundle's safetensors stream, without looking at shards or sums.
pub(crate) struct Parser {
    expected: Vec<TensorSpec>,
    dtype: Dtype,
    total: u64,
    state: State,
}

/// Where in the stream the next byte falls.
enum State {
    /// In the header, of which these bytes are here; it ends at `wanted`.
    Header { bytes: Vec<u8>, wanted: usize },
    /// In the values of `current`; those of `later` follow in this order.
    Tensors { current: Option<Receiving>, later: std::vec::IntoIter<HeaderTensor> },
}

/// What becomes of a tensor that is complete.
pub(crate) type Sink<'a> = dyn FnMut(&HeaderTensor, Vec<f32>) -> Result<()> + 'a;

impl Parser {
    /// A parser for one stream of a valid bundle.
    pub(crate) fn new(part: &Part<'_>) -> Self {
        Self {
            expected: part.tensors.clone(),
            dtype: part.dtype,
            total: part.weights.bytes,
            state: State::Header { bytes: Vec::new(), wanted: 8 },
        }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut Sink<'_>) -> Result<()> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header { bytes: header, wanted } => {
                    let (piece, rest) = bytes.split_at(bytes.len().min(*wanted - header.len()));
                    header.extend_from_slice(piece);
                    bytes = rest;
                    if header.len() < *wanted {
                        continue;
                    }
                    if let Ok(length) = <[u8; 8]>::try_from(header.as_slice()) {
                        *wanted = 8 + header_length(u64::from_le_bytes(length))?;
                        continue;
                    }
                    let parsed = Header::parse(header.get(8..).unwrap_or_default())?;
                    agree(&parsed, self.dtype, &self.expected, self.total.saturating_sub(*wanted as u64))?;
                    let mut later = parsed.tensors.into_iter();
                    let current = later.next().map(|t| Receiving::start(t, self.dtype)).transpose()?;
                    self.state = State::Tensors { current, later };
                }
                State::Tensors { current, later } => {
                    let Some(receiving) = current else {
                        return Err(Error::bundle("there are bytes behind the last tensor"));
                    };
                    bytes = receiving.take(bytes, self.dtype);
                    if receiving.is_complete() {
                        // The full buffer goes before the next one is made: never two tensors at once.
                        if let Some(Receiving { tensor, values, .. }) = current.take() {
                            sink(&tensor, values)?;
                        }
                        *current = later.next().map(|t| Receiving::start(t, self.dtype)).transpose()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the stream is complete.
    pub(crate) fn finish(self) -> Result<()> {
        match self.state {
            State::Tensors { current: None, .. } => Ok(()),
            State::Header { .. } => Err(Error::bundle("the weights end within their header")),
            State::Tensors { current: Some(r), .. } => {
                Err(Error::bundle(format!("the weights end within tensor {}", r.tensor.name)))
            }
        }
    }
}

/// Bytes of the JSON that follows the eight bytes which say so.
fn header_length(announced: u64) -> Result<usize> {
    match usize::try_from(announced) {
        Ok(n) if (2..=MAX_HEADER_BYTES).contains(&announced) => Ok(n),
        _ => Err(Error::bundle(format!(
            "the weights are not a safetensors stream: their header would have {announced} bytes"
        ))),
    }
}

/// Checks the header against the configuration before a single value is read.
fn agree(header: &Header, dtype: Dtype, expected: &[TensorSpec], payload: u64) -> Result<()> {
    let wanted = safetensors::Dtype::from(dtype);
    if let Some(odd) = header.tensors.iter().find(|t| t.dtype != wanted) {
        return Err(Error::bundle(format!(
            "tensor {} is stored as {}, but bundle.json says {wanted}",
            odd.name, odd.dtype
        )));
    }
    inventory::compare(
        expected,
        header.tensors.iter().map(|t| (t.name.as_str(), t.shape.as_slice())),
        str::to_owned,
    )?;
    let end = header.tensors.last().map_or(0, |t| t.end);
    if end != payload {
        return Err(Error::bundle(format!("the tensors take {end} bytes, but there are {payload} for them")));
    }
    Ok(())
}

/// A tensor of which a part is here.
struct Receiving {
    tensor: HeaderTensor,
    values: Vec<f32>,
    numbers: usize,
    /// The first bytes of a number that the last chunk cut in two.
    cut: Vec<u8>,
}

impl Receiving {
    fn start(tensor: HeaderTensor, dtype: Dtype) -> Result<Self> {
        // `agree` has bounded the shape by the configuration's, so this is no larger than what
        // the model needs anyway; a browser may still have no room for it.
        let numbers =
            usize::try_from((tensor.end - tensor.start) / dtype.size() as u64).unwrap_or(usize::MAX);
        let mut values = Vec::new();
        values.try_reserve_exact(numbers).map_err(|_| {
            Error::device(format!(
                "there is not enough memory for tensor {} ({numbers} numbers)",
                tensor.name
            ))
            .hint("try a smaller model")
        })?;
        Ok(Self { tensor, values, numbers, cut: Vec::with_capacity(dtype.size()) })
    }

    fn is_complete(&self) -> bool {
        self.values.len() == self.numbers
    }

    /// Takes what belongs to this tensor and returns the rest.
    fn take<'a>(&mut self, mut bytes: &'a [u8], dtype: Dtype) -> &'a [u8] {
        let size = dtype.size();
        if !self.cut.is_empty() {
            let (piece, rest) = bytes.split_at(bytes.len().min(size - self.cut.len()));
            self.cut.extend_from_slice(piece);
            bytes = rest;
            if self.cut.len() < size {
                return bytes;
            }
            widen(&self.cut, dtype, &mut self.values);
            self.cut.clear();
        }
        let wanted = (self.numbers - self.values.len()) * size;
        let (mine, rest) = bytes.split_at(bytes.len().min(wanted));
        let whole = mine.len() - mine.len() % size;
        let (whole, cut) = mine.split_at(whole);
        widen(whole, dtype, &mut self.values);
        self.cut.extend_from_slice(cut);
        rest
    }
}

/// Appends little-endian numbers as f32.
fn widen(bytes: &[u8], dtype: Dtype, into: &mut Vec<f32>) {
    match dtype {
        Dtype::F32 => into.extend(bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b))),
        Dtype::F16 => into.extend(bytes.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{around, config, cut, sample, stream, values};
    use super::super::{Task, device};
    use super::*;
    use proptest::prelude::*;

    fn cpu() -> Device {
        pollster::block_on(device(super::super::Backend::Cpu)).unwrap().0
    }

    fn load<'a>(bundle: &Bundle, chunks: impl Iterator<Item = &'a [u8]>) -> Result<BundleWeights> {
        let mut loader = Loader::new(bundle, &cpu())?;
        for chunk in chunks {
            loader.push(chunk)?;
        }
        loader.finish()
    }

    /// Takes every tensor and compares its values with those that went in.
    fn verify(bundle: &Bundle, weights: BundleWeights) {
        let BundleWeights { classifier, separator } = weights;
        assert_eq!(bundle.parts().len(), 1 + usize::from(separator.is_some()));
        for (part, mut weights) in
            bundle.parts().iter().zip([Some(classifier), separator].into_iter().flatten())
        {
            for (n, spec) in part.tensors.iter().enumerate() {
                let wanted = values(n, spec.size());
                let found = match *spec.shape.as_slice() {
                    [a] => weights.take(&spec.name, [a]).unwrap().into_data(),
                    [a, b] => weights.take(&spec.name, [a, b]).unwrap().into_data(),
                    [a, b, c] => weights.take(&spec.name, [a, b, c]).unwrap().into_data(),
                    [a, b, c, d] => weights.take(&spec.name, [a, b, c, d]).unwrap().into_data(),
                    _ => unreachable!("no tensor has another rank"),
                };
                assert_eq!(found.try_into_vec::<f32>().unwrap(), wanted, "{}", spec.name);
            }
            weights.finish().unwrap();
        }
    }

    /// The stream in chunks whose sizes are those given, over and over.
    fn chunks<'a>(mut bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
        let mut sizes = sizes.iter().cycle();
        std::iter::from_fn(move || {
            if bytes.is_empty() {
                return None;
            }
            let (chunk, rest) = bytes.split_at(bytes.len().min(*sizes.next()?));
            bytes = rest;
            Some(chunk)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_cutting_and_any_chunking_give_the_same_weights(
            limit in 20u64..12_000,
            sizes in proptest::collection::vec(1usize..3000, 1..5),
            half in any::<bool>(),
        ) {
            let dtype = if half { Dtype::F16 } else { Dtype::F32 };
            let (bundle, shards) = sample(Task::Multimodal, dtype, limit);
            prop_assert!(bundle.parts().iter().flat_map(|p| &p.weights.shards).all(|s| s.bytes <= limit));
            let joined = shards.concat();
            prop_assert!(joined.starts_with(&stream(&config(Task::Multimodal), dtype)));
            verify(&bundle, load(&bundle, chunks(&joined, &sizes)).unwrap());
        }

        #[test]
        fn a_changed_byte_is_noticed_and_its_shard_named(at in any::<prop::sample::Index>(), change in 1u8..) {
            let (bundle, mut shards) = sample(Task::Multimodal, Dtype::F16, 700);
            let shard = at.index(shards.len());
            let byte = at.index(shards[shard].len());
            shards[shard][byte] ^= change;
            let e = load(&bundle, shards.iter().map(Vec::as_slice)).err().unwrap();
            let parts = bundle.parts();
            let name = &parts.iter().flat_map(|part| &part.weights.shards).nth(shard).unwrap().file;
            prop_assert!(e.message().starts_with(&format!("{name} is damaged")), "{}", e);
        }

        #[test]
        fn a_stream_that_ends_early_is_noticed(at in any::<prop::sample::Index>()) {
            let (bundle, shards) = sample(Task::Lyrics, Dtype::F16, 700);
            let joined = shards.concat();
            let e = load(&bundle, [&joined[..at.index(joined.len())]].into_iter()).err().unwrap();
            prop_assert!(e.message().contains("of") && e.message().contains("within shard weights-"), "{}", e);
        }

        #[test]
        fn noise_is_refused(noise in proptest::collection::vec(any::<u8>(), 1..5000)) {
            let (mut bundle, _) = sample(Task::Lyrics, Dtype::F16, 100_000);
            // The sums are right, so that only the parser stands in the way.
            let (weights, shards) = cut(&noise, 1000);
            bundle.weights = weights;
            prop_assert!(load(&bundle, shards.iter().map(Vec::as_slice)).is_err());
        }
    }

    #[test]
    fn every_task_loads_byte_by_byte() {
        for task in [Task::Multimodal, Task::Audio, Task::Lyrics] {
            for dtype in [Dtype::F32, Dtype::F16] {
                let (bundle, shards) = sample(task, dtype, 1000);
                let mut loader = Loader::new(&bundle, &cpu()).unwrap();
                let joined = shards.concat();
                for (n, byte) in joined.chunks(1).enumerate() {
                    assert_eq!(loader.progress(), (n as u64, joined.len() as u64));
                    loader.push(byte).unwrap();
                }
                verify(&bundle, loader.finish().unwrap());
            }
        }
    }

    #[test]
    fn labels_that_are_not_the_heads_are_noticed_before_any_value() {
        let (mut bundle, shards) = sample(Task::Lyrics, Dtype::F32, 100_000);
        bundle.labels.push("one more".into());
        let header = 8 + u64::from_le_bytes(*shards[0].first_chunk().unwrap()) as usize;
        let e = load(&bundle, [&shards[0][..header]].into_iter()).err().unwrap();
        assert!(
            e.message().contains("2 wrongly shaped tensors: classifier.out_proj.weight is [3, 4]"),
            "{e}"
        );
    }

    #[test]
    fn bytes_behind_the_end_are_refused_and_errors_last() {
        let (bundle, shards) = sample(Task::Lyrics, Dtype::F32, 1000);
        let mut loader = Loader::new(&bundle, &cpu()).unwrap();
        loader.push(&shards.concat()).unwrap();
        assert!(loader.push(&[0]).unwrap_err().message().contains("more than the"));
        assert!(loader.push(&[]).is_err());
        assert!(loader.finish().is_err());
    }

    /// The message for a stream whose header is `header`, everything else being right.
    fn refusal(header: &str, length: Option<u64>) -> String {
        let config = config(Task::Lyrics);
        let good = stream(&config, Dtype::F32);
        let end = 8 + u64::from_le_bytes(*good.first_chunk().unwrap()) as usize;
        let mut hostile = length.unwrap_or(header.len() as u64).to_le_bytes().to_vec();
        hostile.extend(header.bytes());
        hostile.extend(&good[end..]);
        let (weights, shards) = cut(&hostile, 100_000);
        load(&around(&config, Dtype::F32, weights), shards.iter().map(Vec::as_slice))
            .err()
            .unwrap()
            .to_string()
    }

    #[test]
    fn hostile_headers_are_refused() {
        let good = stream(&config(Task::Lyrics), Dtype::F32);
        let end = 8 + u64::from_le_bytes(*good.first_chunk().unwrap()) as usize;
        let header = String::from_utf8(good[8..end].to_vec()).unwrap();
        for length in [0, 1, MAX_HEADER_BYTES + 1, u64::MAX] {
            assert!(refusal(&header, Some(length)).contains("header would have"));
        }
        for (from, to, said) in [
            ("{", "[", "header can't be read"),
            ("\"F32\"", "\"F99\"", "header can't be read"),
            ("\"shape\":[11,4]", "\"shape\":[11,5]", "header can't be read"),
            ("\"shape\":[11,4]", "\"shape\":[18446744073709551615,4]", "header can't be read"),
            ("\"shape\":[11,4]", "\"shape\":[4,11]", "is [4, 11] instead of [11, 4]"),
            ("\"data_offsets\":[0,", "\"data_offsets\":[4,", "header can't be read"),
            ("word_embeddings", "wort_embeddings", "1 missing tensor: text_model.embeddings.word_embeddings"),
            ("\"classifier.dense.bias\"", "\"classifier.dense.weight\"", "header can\'t be read"),
        ] {
            assert!(header.contains(from), "{from}");
            let message = refusal(&header.replacen(from, to, 1), None);
            assert!(message.contains(said), "{from} -> {to}: {message}");
        }
        let half = stream(&config(Task::Lyrics), Dtype::F16);
        let end = 8 + u64::from_le_bytes(*half.first_chunk().unwrap()) as usize;
        let message = refusal(std::str::from_utf8(&half[8..end]).unwrap(), None);
        assert!(message.contains("stored as F16, but bundle.json says F32"), "{message}");
    }
}
