//! From the bytes of a song file to one channel of samples.
//!
//! WAV, MP3, FLAC, Ogg Vorbis and AAC (as M4A or ADTS) are read by symphonia. What a file is
//! called doesn't matter, only what it holds. Nothing that a header says is believed: no memory
//! is set aside by it, and every limit is checked as samples arrive.
//!
//! Damage is treated as players treat it: a packet that can't be decoded is skipped, and a file
//! that was cut short gives what is there. A file that gives nothing, or in which most packets
//! are damaged, is an error.
//!
//! Limits of symphonia 0.6.1: M4A starts with the encoder's delay (23 ms at 44.1 kHz, since edit
//! lists aren't read) and gives nothing when cut short; of Ogg Vorbis in 5.1, the right rear
//! channel is missing in the mean (channel couplings are undone in the wrong order); tags of WAV
//! files are dropped.
//!
//! symphonia is fuzzed, and still a hostile file could find a panic in it. Natively such a panic
//! becomes an error like any other. WebAssembly cannot unwind: there the page decodes in a
//! worker, which a panic ends without ending the page.

use super::{Sound, require_usable};
use crate::{Error, Observer, Result, Stage};
use std::io::{Cursor, ErrorKind as IoErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error as Symphonia;
use symphonia::core::formats::{
    FormatOptions, FormatReader, TrackType,
    probe::{Hint, Probe, ProbeOptions},
};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::{MetadataOptions, MetadataRevision, StandardTag};

/// What a song may be at most. The defaults keep decoding within some 500 MB of memory, which
/// a browser's tab can give. A song that is taken apart by a network needs more: some 60 MB for
/// each minute, 1.2 GB for the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Bytes of the file. 256 MiB hold 20 minutes of 16-bit stereo WAV at 48 kHz.
    pub max_bytes: usize,
    /// Seconds of sound. 20 minutes are longer than nearly every song, and shorter than a
    /// whole album in one file, which is no song.
    pub max_seconds: f64,
    /// Samples after down-mixing. 20 minutes at 48 kHz, 230 MB: a file at 192 kHz may be
    /// 5 minutes long.
    pub max_samples: usize,
    /// Channels. 8 are 7.1 surround, the most that music is published in.
    pub max_channels: usize,
    /// The lowest sampling rate in Hz. Below 4 kHz there is no music to recognise.
    pub min_rate: u32,
    /// The highest sampling rate in Hz. 384 kHz is the most that audio files are sold at.
    pub max_rate: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 << 20,
            max_seconds: 20.0 * 60.0,
            max_samples: 20 * 60 * 48_000,
            max_channels: 8,
            min_rate: 4000,
            max_rate: 384_000,
        }
    }
}

/// A decoded song, and what its tags call it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The sound, down-mixed to one channel; at least one sample.
    pub sound: Sound,
    /// The title from the file's tags.
    pub title: Option<String>,
    /// The artist from the file's tags.
    pub artist: Option<String>,
}

/// Packets and samples between two pauses, whichever comes first: some tens of milliseconds
/// of decoding in WebAssembly.
const PACKETS_PER_PAUSE: usize = 256;
const SAMPLES_PER_PAUSE: usize = 1 << 16;

/// How far into a file its format is looked for, beside tags. Tags that precede the sound are
/// recognised and don't count; so this only has to span stray bytes, and a small number keeps
/// pictures and archives from being taken for MP3 because of a chance pattern deep inside.
const PROBE_BYTES: u32 = 64 << 10;

/// Chained streams (as internet radio records them) may start anew this often.
const MAX_RESTARTS: usize = 64;

/// Longer tags than this are no title; they are cut for display.
const MAX_TAG_CHARACTERS: usize = 200;

/// Decodes a song file and down-mixes it to the mean of its channels.
///
/// Reports [`Stage::Decode`] in bytes of the file.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) for a file that is empty, too large, too long,
/// of a kind that isn't read, without sound, damaged from the start, with samples that aren't
/// finite, or with channels or a sampling rate beyond `limits`;
/// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) when stopped.
pub async fn decode(bytes: &[u8], limits: &Limits, observer: &mut impl Observer) -> Result<Decoded> {
    let (mut mix, title, artist) = decode_as(Keep::Mean, bytes, limits, observer).await?;
    let samples = mix.channels.swap_remove(0);
    Ok(Decoded { sound: Sound { rate: mix.rate, samples }, title, artist })
}

/// Decodes a song file to one channel or, if it is in stereo, to two, left and right; more
/// channels than two are down-mixed to one.
///
/// # Errors
/// As [`decode`].
pub async fn decode_stereo(
    bytes: &[u8],
    limits: &Limits,
    observer: &mut impl Observer,
) -> Result<(u32, Vec<Vec<f32>>)> {
    let (mix, ..) = decode_as(Keep::Stereo, bytes, limits, observer).await?;
    Ok((mix.rate, mix.channels))
}

async fn decode_as<'a>(
    keep: Keep,
    bytes: &[u8],
    limits: &'a Limits,
    observer: &mut impl Observer,
) -> Result<(DownMix<'a>, Option<String>, Option<String>)> {
    if bytes.is_empty() {
        return Err(Error::input("the file is empty").hint("choose a song file"));
    }
    if bytes.len() > limits.max_bytes {
        return Err(Error::input(format!(
            "the file has {} MB, more than the {} MB that are allowed",
            bytes.len().div_ceil(1_000_000),
            limits.max_bytes / 1_000_000
        ))
        .hint("export the song as MP3, FLAC or M4A, or cut it"));
    }
    let mut reader = guard(|| open(bytes))??;
    let mut decoder = guard(|| select(bytes, &*reader, limits))??;
    let mut mix = DownMix::new(keep, limits);
    let (mut read, mut packets, mut damaged, mut restarts) = (0usize, 0usize, 0usize, 0usize);
    let (mut packets_then, mut samples_then) = (0, 0);
    loop {
        let packet = match guard(|| reader.next_packet())? {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(Symphonia::ResetRequired) if restarts < MAX_RESTARTS => {
                restarts += 1;
                decoder = guard(|| select(bytes, &*reader, limits))??;
                continue;
            }
            // A file that was cut short, or whose container is damaged from here on.
            Err(_) => break,
        };
        read = read.saturating_add(packet.data.len());
        packets += 1;
        if packet.track_id == decoder.track {
            match guard(|| decoder.codec.decode(&packet).map(|buffer| mix.push(&buffer)))? {
                Ok(pushed) => pushed?,
                Err(Symphonia::ResetRequired) if restarts < MAX_RESTARTS => {
                    restarts += 1;
                    decoder = guard(|| select(bytes, &*reader, limits))??;
                }
                Err(Symphonia::DecodeError(_) | Symphonia::IoError(_)) => damaged += 1,
                Err(error) => return Err(unreadable(bytes, &error)),
            }
        }
        if packets - packets_then >= PACKETS_PER_PAUSE || mix.len() - samples_then >= SAMPLES_PER_PAUSE {
            (packets_then, samples_then) = (packets, mix.len());
            observer.report(Stage::Decode, read.min(bytes.len()), bytes.len());
            observer.check().await?;
        }
    }
    if mix.len() == 0 {
        return Err(Error::input(match damaged {
            0 => "the file holds no sound: it is zero-length, or cut short before its sound begins",
            _ => "the file is damaged: none of its sound can be decoded",
        })
        .hint("export or download the song again"));
    }
    if damaged * 2 > packets {
        return Err(Error::input(format!(
            "the file is damaged: {damaged} of {packets} packets can't be decoded"
        ))
        .hint("export or download the song again"));
    }
    let (title, artist) = guard(|| tags(&mut *reader))?;
    observer.report(Stage::Decode, bytes.len(), bytes.len());
    Ok((mix, title, artist))
}

/// Turns a panic inside symphonia into the user's error, where panics unwind.
fn guard<T>(work: impl FnOnce() -> T) -> Result<T> {
    // What symphonia leaves half-changed is never used again after the error.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
        Error::input("the file is damaged in a way that its decoder can't handle")
            .hint("export the song again, for example as WAV")
    })
}

/// Finds out what the file is and reads its head.
fn open(bytes: &[u8]) -> Result<Box<dyn FormatReader + '_>> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    // Cover pictures are skipped, and tags that are no titles.
    let metadata = MetadataOptions::default()
        .limit_visual_bytes(Limit::Maximum(0))
        .limit_tag_bytes(Limit::Maximum(64 << 10));
    let mut probe =
        Probe::new_with_options(&ProbeOptions { max_probe_depth: PROBE_BYTES, ..Default::default() });
    symphonia::default::register_enabled_formats(&mut probe);
    probe
        .probe(&Hint::new(), stream, FormatOptions::default(), metadata)
        .map_err(|error| unreadable(bytes, &error))
}

/// The decoder of the track that is heard.
struct Selected {
    track: u32,
    codec: Box<dyn AudioDecoder>,
}

fn select(bytes: &[u8], reader: &(dyn FormatReader + '_), limits: &Limits) -> Result<Selected> {
    let none = || Error::input("the file holds no sound that can be read").hint(SUPPORTED);
    let track = reader.default_track(TrackType::Audio).ok_or_else(none)?;
    let parameters =
        track.codec_params.as_ref().and_then(|parameters| parameters.audio()).ok_or_else(none)?;
    check(parameters, limits)?;
    let codec = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| match looks_like(bytes) {
            Some(kind) => not_read(kind),
            None => Error::input(format!("the file's sound is coded in a way that isn't read: {error}"))
                .hint(SUPPORTED),
        })?;
    Ok(Selected { track: track.id, codec })
}

/// Refuses what the header itself says is beyond the limits, before a decoder sets memory
/// aside for it.
fn check(parameters: &AudioCodecParameters, limits: &Limits) -> Result<()> {
    if let Some(channels) = &parameters.channels {
        check_channels(channels.count(), limits)?;
    }
    if let Some(rate) = parameters.sample_rate {
        check_rate(rate, limits)?;
    }
    Ok(())
}

fn check_channels(channels: usize, limits: &Limits) -> Result<()> {
    if channels == 0 || channels > limits.max_channels {
        return Err(Error::input(format!(
            "the file has {channels} channels, not between 1 and {}",
            limits.max_channels
        ))
        .hint("export the song as stereo"));
    }
    Ok(())
}

fn check_rate(rate: u32, limits: &Limits) -> Result<()> {
    if !(limits.min_rate..=limits.max_rate).contains(&rate) {
        return Err(Error::input(format!(
            "the file's sampling rate is {rate} Hz, not between {} and {} Hz",
            limits.min_rate, limits.max_rate
        ))
        .hint("export the song at 44100 Hz"));
    }
    Ok(())
}

/// Which channels are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// The mean of all.
    Mean,
    /// Both of a stereo file, the mean of any other.
    Stereo,
}

/// The kept channels of all that has been decoded.
struct DownMix<'a> {
    keep: Keep,
    limits: &'a Limits,
    rate: u32,
    /// One or two, of one length.
    channels: Vec<Vec<f32>>,
    planes: Vec<Vec<f32>>,
}

impl<'a> DownMix<'a> {
    fn new(keep: Keep, limits: &'a Limits) -> Self {
        Self { keep, limits, rate: 0, channels: vec![Vec::new()], planes: Vec::new() }
    }

    /// Samples of each channel.
    fn len(&self) -> usize {
        self.channels.first().map_or(0, Vec::len)
    }

    fn push(&mut self, buffer: &GenericAudioBufferRef<'_>) -> Result<()> {
        if buffer.frames() == 0 {
            return Ok(());
        }
        let (rate, channels) = (buffer.spec().rate(), buffer.num_planes());
        check_channels(channels, self.limits)?;
        if self.rate == 0 {
            check_rate(rate, self.limits)?;
            self.rate = rate;
            if self.keep == Keep::Stereo && channels == 2 {
                self.channels.push(Vec::new());
            }
        }
        if rate != self.rate {
            return Err(Error::input(format!(
                "the file changes its sampling rate from {} to {rate} Hz midway",
                self.rate
            ))
            .hint("export the song again at one rate"));
        }
        let start = self.len();
        let length = start + buffer.frames();
        let seconds = length as f64 / f64::from(rate);
        if seconds > self.limits.max_seconds || length > self.limits.max_samples {
            let allowed = self.limits.max_seconds.min(self.limits.max_samples as f64 / f64::from(rate));
            return Err(Error::input(format!(
                "the song is longer than the {:.1} minutes that are allowed at {rate} Hz",
                allowed / 60.0
            ))
            .hint("cut out the part that is to be explained"));
        }
        buffer.copy_to_vecs_planar(&mut self.planes);
        if self.channels.len() == channels {
            for (kept, plane) in self.channels.iter_mut().zip(&self.planes) {
                kept.extend_from_slice(plane);
            }
        } else {
            // A file that turns from stereo to something else midway goes on with the mean on both.
            for frame in 0..buffer.frames() {
                let sum: f32 = self.planes[..channels].iter().map(|plane| plane[frame]).sum();
                self.channels.iter_mut().for_each(|kept| kept.push(sum / channels as f32));
            }
        }
        self.channels
            .iter()
            .try_for_each(|kept| require_usable(&kept[start..]))
            .map_err(|error| error.context(format!("after {:.1} s", start as f64 / f64::from(rate))))
    }
}

/// Title and artist, if the tags have them: those of the latest revision first.
fn tags(reader: &mut (dyn FormatReader + '_)) -> (Option<String>, Option<String>) {
    let mut metadata = reader.metadata();
    let (mut title, mut artist) = (None, None);
    // Revisions come oldest first; an ID3 tag before the sound and one behind it are two.
    loop {
        if let Some(revision) = metadata.current() {
            let (newer_title, newer_artist) = tags_of(revision);
            title = newer_title.or(title);
            artist = newer_artist.or(artist);
        }
        if metadata.is_latest() || metadata.pop().is_none() {
            return (title, artist);
        }
    }
}

fn tags_of(revision: &MetadataRevision) -> (Option<String>, Option<String>) {
    let (mut title, mut artist) = (None, None);
    let per_track = revision.per_track.iter().flat_map(|track| &track.metadata.tags);
    for tag in revision.media.tags.iter().chain(per_track) {
        match &tag.std {
            Some(StandardTag::TrackTitle(text)) if title.is_none() => title = readable(text),
            Some(StandardTag::Artist(text)) if artist.is_none() => artist = readable(text),
            _ => {}
        }
    }
    (title, artist)
}

/// A tag as one short line, or nothing.
fn readable(text: &str) -> Option<String> {
    let clean: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_TAG_CHARACTERS).collect();
    (!clean.is_empty()).then_some(clean)
}

const SUPPORTED: &str = "songs can be WAV, MP3, FLAC, Ogg Vorbis, or AAC in M4A";

/// The error for a file that symphonia can't open or go on with.
fn unreadable(bytes: &[u8], error: &Symphonia) -> Error {
    if let Some(kind) = looks_like(bytes) {
        return not_read(kind);
    }
    match error {
        Symphonia::IoError(error) if error.kind() == IoErrorKind::UnexpectedEof => {
            Error::input("the file is cut short: it ends before its sound begins")
                .hint("export or download the song again")
        }
        Symphonia::Unsupported(_) => Error::input("the file is no sound that can be read").hint(SUPPORTED),
        error => Error::input(format!("the file is damaged: {error}")).hint(SUPPORTED),
    }
}

fn not_read(kind: &str) -> Error {
    Error::input(format!("the file is {kind}, which isn't read")).hint(SUPPORTED)
}

/// What a file that isn't read looks like from its first bytes, so that the user hears
/// "a PDF" instead of "no sound".
fn looks_like(bytes: &[u8]) -> Option<&'static str> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let kinds: [(bool, &str); 15] = [
        (starts(b"OggS") && at(28, b"OpusHead"), "Ogg Opus"),
        (starts(b"OggS") && at(28, b"Speex"), "Ogg Speex"),
        (starts(&[0x1a, 0x45, 0xdf, 0xa3]), "Matroska or WebM"),
        (starts(&[0x30, 0x26, 0xb2, 0x75]), "Windows Media"),
        (starts(b"FORM"), "AIFF"),
        (starts(b"MThd"), "MIDI, notes without sound"),
        (starts(b"caff"), "Core Audio"),
        (starts(b"MAC "), "Monkey's Audio"),
        (starts(b"wvpk"), "WavPack"),
        (starts(b"RIFF") && at(8, b"AVI "), "AVI video"),
        (starts(b"%PDF"), "a PDF"),
        (starts(b"PK\x03\x04"), "a ZIP archive"),
        (starts(&[0x89, b'P', b'N', b'G']), "a PNG picture"),
        (starts(&[0xff, 0xd8, 0xff]), "a JPEG picture"),
        (starts(b"<!DOCTYPE") || starts(b"<html") || starts(b"<!doctype"), "a web page"),
    ];
    kinds.into_iter().find_map(|(matches, kind)| matches.then_some(kind))
}
