//! The audio room against others: files written by ffmpeg's encoders, and the spectrograms of
//! torchaudio and transformers. `cargo test --test golden_audio -- --nocapture` prints the
//! measured differences.

use musiclime::audio::{
    Decoded, Fbank, FbankSettings, Limits, Sound, Stems, compose, decode, dsp, resample, resampled, segments,
    window, write_wav,
};
use musiclime::{Error, ErrorKind, Flow, Observer, Quiet, Result, Stage};
use pollster::block_on;
use safetensors::SafeTensors;
use serde_json::Value;
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

fn tests_folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn read(path: &str) -> Vec<u8> {
    std::fs::read(tests_folder(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn open(bytes: &[u8]) -> Result<Decoded> {
    block_on(decode(bytes, &Limits::default(), &mut Quiet))
}

fn listed() -> Vec<Value> {
    serde_json::from_slice(&read("golden/audio/files.json"))
        .unwrap_or_else(|error| panic!("files.json: {error}"))
}

// ------------------------------------------------------------------------- decoding

/// Amplitude of the sine of `hertz` in the middle half of a sound, and of all the rest.
fn measure(sound: &Sound, hertz: f64) -> (f64, f64) {
    let quarter = sound.samples.len() / 4;
    // Whole periods, so that sine and cosine are orthogonal.
    let period = f64::from(sound.rate) / hertz;
    let count = ((sound.samples.len() - 2 * quarter) as f64 / period).floor() * period;
    let middle = &sound.samples[quarter..quarter + count.round() as usize];
    let angle = |i: usize| TAU * hertz * i as f64 / f64::from(sound.rate);
    let project = |wave: fn(f64) -> f64| {
        let sum: f64 = middle.iter().enumerate().map(|(i, &s)| f64::from(s) * wave(angle(i))).sum();
        2.0 * sum / middle.len() as f64
    };
    let (sine, cosine) = (project(f64::sin), project(f64::cos));
    let rest: f64 = middle
        .iter()
        .enumerate()
        .map(|(i, &s)| (f64::from(s) - sine * angle(i).sin() - cosine * angle(i).cos()).powi(2))
        .sum();
    (sine.hypot(cosine), (2.0 * rest / middle.len() as f64).sqrt())
}

#[test]
fn every_format_decodes_to_its_tone() {
    println!(
        "{:<30} {:>6} {:>8} {:>8} {:>9} {:>9}",
        "file", "rate", "samples", "expected", "amplitude", "rest"
    );
    for entry in listed() {
        let name = entry["file"].as_str().unwrap();
        let song =
            open(&read(&format!("golden/audio/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let samples = entry["samples"].as_u64().unwrap() as usize;
        let amplitude = entry["amplitude"].as_f64().unwrap();
        let (found, rest) = measure(&song.sound, entry["hertz"].as_f64().unwrap());
        println!(
            "{name:<30} {:>6} {:>8} {samples:>8} {found:>9.4} {rest:>9.5}",
            song.sound.rate,
            song.sound.samples.len()
        );
        assert_eq!(u64::from(song.sound.rate), entry["rate"].as_u64().unwrap(), "{name}");
        // Encoders of lossy formats pad the ends, and not every container can say by how much.
        let lossless = name.ends_with("flac") || (name.ends_with("wav") && !name.starts_with("adpcm"));
        let most_samples = if lossless { 0 } else { 2 * 1152 };
        assert!(
            song.sound.samples.len().abs_diff(samples) <= most_samples,
            "{name}: {} samples",
            song.sound.samples.len()
        );
        // symphonia 0.6.1 undoes Vorbis's channel couplings in the order in which they are listed,
        // where the specification (4.3.5) asks for the reverse. It makes no difference to stereo;
        // of 5.1 the right rear channel is lost, a sixteenth of this sound.
        // AAC starts 1024 samples late, since symphonia doesn't read edit lists, and ffmpeg's
        // encoder makes a noise that differs from place to place.
        let aac = name.ends_with("m4a") || name.ends_with("aac");
        let most_error = if name == "48000-5.1.ogg" || aac { 0.02 } else { 0.002 };
        assert!((found - amplitude).abs() <= most_error, "{name}: amplitude {found}, expected {amplitude}");
        assert!(rest <= if aac { 0.1 } else { 0.02 }, "{name}: noise {rest}");
        let tags = (song.title.as_deref(), song.artist.as_deref());
        let expected = if entry["tagged"] == true { (Some("Tone"), Some("Sine")) } else { (None, None) };
        assert_eq!(tags, expected, "{name}");
    }
}

#[test]
fn the_name_of_a_file_does_not_matter() {
    // Decoding never sees a name; what begins like another format must still be told apart.
    let mut padded = vec![0; 300];
    padded.extend(read("golden/audio/44100-stereo.mp3"));
    assert_eq!(open(&padded).unwrap().sound.rate, 44_100);
}

#[test]
fn a_large_cover_picture_is_no_obstacle() {
    // An ID3v2 tag with a picture of 3 MB before the sound.
    let picture = 3_000_000usize;
    let mut frame = b"APIC".to_vec();
    let body: Vec<u8> = [b"\0image/png\0\x03\0".as_slice(), &vec![0xff; picture]].concat();
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(body);
    let size = frame.len() as u32;
    let mut file = b"ID3\x03\0\0".to_vec();
    file.extend([21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8));
    file.extend(frame);
    file.extend(read("golden/audio/22050-stereo.mp3"));
    let song = open(&file).unwrap();
    assert_eq!(song.sound.rate, 22_050);
}

#[test]
fn an_old_tag_at_the_end_is_read() {
    let mut file = read("golden/audio/48000-mono-vbr.mp3");
    let mut tag = b"TAGOld Title".to_vec();
    tag.resize(33, 0);
    tag.extend(b"Old Artist");
    tag.resize(128, 0);
    file.extend(tag);
    let song = open(&file).unwrap();
    assert_eq!((song.title.as_deref(), song.artist.as_deref()), (Some("Old Title"), Some("Old Artist")));
}

#[test]
fn the_example_song() {
    let song = open(&read("data/audio_example.mp3")).unwrap();
    assert_eq!(song.title.as_deref(), Some("Slow Motion Dream (ft. CSoul,Alex Beroza & Robert Siekawitch)"));
    assert_eq!(song.artist.as_deref(), Some("Steven M Bryant"));
    assert_eq!(song.sound.rate, 44_100);
    let seconds = song.sound.samples.len() as f64 / 44_100.0;
    assert!((seconds - 10.9).abs() < 0.05, "{seconds}");
    let energy: f64 = song.sound.samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    let level = (energy / song.sound.samples.len() as f64).sqrt();
    assert!((0.05..0.5).contains(&level), "{level}");
}

// ------------------------------------------------------------------------- what can't be decoded

fn refusal(bytes: &[u8]) -> Error {
    match open(bytes) {
        Ok(song) => panic!("decoded to {} samples at {} Hz", song.sound.samples.len(), song.sound.rate),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Input, "{error}");
            assert!(error.next_step().is_some(), "{error}");
            error
        }
    }
}

#[test]
fn files_that_are_no_songs_say_what_they_are() {
    let says = |bytes: &[u8], words: &str| {
        let error = refusal(bytes);
        assert!(error.message().contains(words), "{error} should contain {words:?}");
    };
    says(b"", "empty");
    says(&read("golden/audio/opus.ogg"), "Opus");
    says(&read("golden/audio/alac.m4a"), "isn't read");
    says(&read("golden/audio/video-only.mp4"), "no sound");
    says(b"%PDF-1.7 and so on", "a PDF");
    says(b"PK\x03\x04 and so on", "ZIP");
    says(b"\x89PNG\r\n\x1a\n and so on", "PNG");
    says(b"\xff\xd8\xff\xe0\0\x10JFIF\0 and so on", "JPEG");
    says(b"MThd\0\0\0\x06\0\x01", "MIDI");
    says(b"<!DOCTYPE html><p>404", "web page");
    says(b"These are lyrics, not a song.\n", "no sound that can be read");
    says(&[0; 5000], "no sound that can be read");
    says(b"R", "");
    says(b"RIFF", "");
    says(b"ID3\x03\0\0\0\0\0\0", "");
}

/// The canonical 44 bytes of a PCM WAV file, and the samples.
fn wav(format: u16, channels: u16, rate: u32, bits: u16, says_bytes: u32, data: &[u8]) -> Vec<u8> {
    let align = (u32::from(channels) * u32::from(bits / 8)).min(65_535) as u16;
    let mut file = b"RIFF".to_vec();
    file.extend(says_bytes.saturating_add(36).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(format.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
    file.extend(align.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(says_bytes.to_le_bytes());
    file.extend(data);
    file
}

#[test]
fn hostile_headers_are_refused() {
    let data = [0u8; 4000];
    assert_eq!(open(&wav(1, 1, 8000, 16, 4000, &data)).unwrap().sound.samples.len(), 2000);
    // A header that promises 4 GB, and a file that gives 4 kB: what is there is decoded.
    assert_eq!(open(&wav(1, 1, 8000, 16, u32::MAX, &data)).unwrap().sound.samples.len(), 2000);
    for channels in [0, 9, 27, 1000, u16::MAX] {
        refusal(&wav(1, channels, 8000, 16, 4000, &data));
    }
    for rate in [0, 1, 3999, 384_001, u32::MAX] {
        refusal(&wav(1, 1, rate, 16, 4000, &data));
    }
    for bits in [0, 1, 7, 65_535] {
        refusal(&wav(1, 1, 8000, bits, 4000, &data));
    }
    refusal(&wav(0x1234, 1, 8000, 16, 4000, &data));
    let error = refusal(&wav(1, 1, 8000, 16, 0, &[]));
    assert!(error.message().contains("zero-length"), "{error}");
    let error = refusal(&wav(1, 12, 8000, 16, 4000, &data));
    assert!(error.message().contains("12 channels"), "{error}");
}

#[test]
fn samples_that_are_no_sound_are_refused() {
    for (bad, word) in [
        (f32::NAN, "not a finite number"),
        (f32::INFINITY, "not a finite number"),
        (f32::NEG_INFINITY, "not a finite number"),
        (20_000.0, "full scale"),
    ] {
        let mut samples = vec![0.25; 9000];
        samples[8765] = bad;
        let error = refusal(&write_wav(8000, &samples));
        assert!(error.message().contains(word), "{error}");
    }
    // Louder than full scale is allowed.
    assert!(open(&write_wav(8000, &[1.5; 100])).is_ok());
}

#[test]
fn limits_hold_and_say_what_they_are() {
    let file = write_wav(8000, &[0.1; 16_000]);
    let with = |limits: Limits| block_on(decode(&file, &limits, &mut Quiet));
    assert!(with(Limits { max_seconds: 2.0, ..Limits::default() }).is_ok());
    let error = with(Limits { max_seconds: 1.9, ..Limits::default() }).unwrap_err();
    assert!(error.message().contains("longer"), "{error}");
    assert!(with(Limits { max_samples: 15_999, ..Limits::default() }).is_err());
    assert!(with(Limits { max_samples: 16_000, ..Limits::default() }).is_ok());
    let error = with(Limits { max_bytes: file.len() - 1, ..Limits::default() }).unwrap_err();
    assert!(error.message().contains("MB"), "{error}");
    let stereo = read("golden/audio/44100-stereo.flac");
    let error =
        block_on(decode(&stereo, &Limits { max_channels: 1, ..Limits::default() }, &mut Quiet)).unwrap_err();
    assert!(error.message().contains("2 channels"), "{error}");
}

#[test]
fn a_file_that_was_cut_short_gives_what_is_there() {
    for entry in listed() {
        let name = entry["file"].as_str().unwrap();
        let bytes = read(&format!("golden/audio/{name}"));
        let whole = open(&bytes).unwrap().sound.samples.len();
        for eighths in 1..8 {
            match open(&bytes[..bytes.len() * eighths / 8]) {
                Ok(song) => assert!((1..=whole).contains(&song.sound.samples.len()), "{name}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Input, "{name}: {error}"),
            }
        }
        // M4A keeps its sound in one box unless it is fragmented, and these Ogg files in a single page: symphonia reads
        // neither without its end.
        let fragmented = name.contains("fragmented");
        let needs_its_end = (name.ends_with("m4a") && !fragmented) || name.ends_with("ogg");
        let cut = open(&bytes[..bytes.len() - 60]);
        assert_eq!(cut.is_ok(), !needs_its_end, "{name}: {:?}", cut.map(|song| song.sound.samples.len()));
        let error = refusal(&bytes[..20]);
        assert!(!error.message().is_empty());
    }
}

struct Count {
    reports: usize,
    last: usize,
    pauses_left: usize,
}

impl Observer for Count {
    fn report(&mut self, stage: Stage, done: usize, total: usize) {
        assert_eq!(stage, Stage::Decode);
        assert!(done >= self.last && done <= total && total > 0);
        self.last = done;
        self.reports += 1;
    }
    async fn pause(&mut self) -> Flow {
        match self.pauses_left.checked_sub(1) {
            None => Flow::Stop,
            Some(left) => {
                self.pauses_left = left;
                Flow::Continue
            }
        }
    }
}

#[test]
fn decoding_reports_and_stops() {
    let bytes = read("data/audio_example.mp3");
    let mut count = Count { reports: 0, last: 0, pauses_left: 1000 };
    block_on(decode(&bytes, &Limits::default(), &mut count)).unwrap();
    assert!(count.reports > 5);
    assert_eq!(count.last, bytes.len());
    let mut count = Count { reports: 0, last: 0, pauses_left: 2 };
    let error = block_on(decode(&bytes, &Limits::default(), &mut count)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// What is said of a file in which symphonia panicked.
const PANICKED: &str = "damaged in a way that its decoder can't handle";

#[test]
fn a_panic_inside_the_decoder_is_the_users_error() {
    // symphonia 0.6.1 asserts that nobody seeks 2^63 bytes ahead, and a fragment can ask for it.
    let mut file = read("golden/audio/48000-stereo-fragmented.m4a");
    let header = file.windows(4).position(|name| name == b"tfhd").unwrap();
    let flags = u32::from_be_bytes([file[header + 4], file[header + 5], file[header + 6], file[header + 7]]);
    assert_eq!(flags & 1, 1, "the fragment says where its data is");
    file[header + 12..header + 20].copy_from_slice(&0xc000_0000_0000_0000u64.to_be_bytes());
    let error = refusal(&file);
    println!("{error}");
}

/// Damages small files of every format at random, but the same way each time: whatever comes
/// out is a sound within the limits or the user's error. `FUZZ_ROUNDS` asks for more rounds.
#[test]
fn damaged_files_give_sound_or_an_error() {
    // splitmix64, seeded.
    let mut state = 20_240_917u64;
    let mut random = move |below: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    };
    let limits = Limits { max_seconds: 30.0, ..Limits::default() };
    let asked = std::env::var("FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let rounds = asked.unwrap_or(60);
    let (mut sounds, mut errors, mut caught) = (0, 0, 0);
    for entry in listed() {
        let name = entry["file"].as_str().unwrap();
        let valid = read(&format!("golden/audio/{name}"));
        for round in 0..rounds {
            let mut bytes = valid.clone();
            // Headers are where a changed byte does the most; so half of the changes go there.
            for _ in 0..1 + random(8) {
                let reach = if random(2) == 0 { bytes.len().min(200) } else { bytes.len() };
                let place = random(reach);
                match random(4) {
                    0 => bytes[place] ^= 1 << random(8),
                    1 => bytes[place] = [0x00, 0xff, 0x7f, 0x80][random(4)],
                    2 => bytes[place] = random(256) as u8,
                    _ => {
                        // Four bytes at once: sizes, counts and rates.
                        let value = [0, u32::MAX, 0x7fff_ffff, 0x8000_0000, 0x00ff_ffff][random(5)];
                        let end = (place + 4).min(bytes.len());
                        let wide = value.to_be_bytes();
                        bytes[place..end].copy_from_slice(&wide[..end - place]);
                    }
                }
            }
            match random(6) {
                0 => bytes.truncate(random(bytes.len())),
                1 => {
                    let start = random(bytes.len());
                    let end = (start + random(500)).min(bytes.len());
                    bytes.drain(start..end);
                }
                2 => {
                    let start = random(bytes.len());
                    let end = (start + random(500)).min(bytes.len());
                    let twice = bytes[start..end].to_vec();
                    bytes.splice(start..start, twice);
                }
                _ => {}
            }
            match block_on(decode(&bytes, &limits, &mut Quiet)) {
                Ok(song) => {
                    sounds += 1;
                    assert!(!song.sound.samples.is_empty());
                    assert!(song.sound.samples.iter().all(|sample| sample.is_finite()));
                    assert!((limits.min_rate..=limits.max_rate).contains(&song.sound.rate));
                }
                Err(error) => {
                    errors += 1;
                    assert_eq!(error.kind(), ErrorKind::Input, "{name}, round {round}: {error}");
                    caught += usize::from(error.message().contains(PANICKED));
                }
            }
        }
    }
    println!(
        "{sounds} damaged files gave sound, {errors} an error ({caught} of them a panic that was caught)"
    );
    if asked.is_none() {
        // A caught panic is an error here, but would end the page's worker. 276,000 damaged files
        // found one; that these few do would mean that symphonia got worse.
        assert_eq!(caught, 0);
    }
    assert!(sounds > 0 && errors > 0);
}

// ------------------------------------------------------------------------- the spectrogram

/// Uniform in [-1, 1): the upper 24 bits of splitmix64 of the sample's number.
fn noise(count: usize) -> Vec<f32> {
    (1..=count as u64)
        .map(|i| {
            let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let z = z ^ (z >> 31);
            ((z >> 40) as i64 - (1 << 23)) as f32 / (1 << 23) as f32
        })
        .collect()
}

/// From 0 Hz to nearly Nyquist, by integers and a polynomial, as the script makes it.
fn sweep(count: usize) -> Vec<f32> {
    let rise = (1u64 << 31) / count as u64;
    (0..count as u64)
        .map(|i| {
            let phase = (i * i / 2).wrapping_mul(rise) & 0xffff_ffff;
            let x = phase as f64 / (1u64 << 31) as f64 - 1.0;
            let s = 4.0 * x * (1.0 - x.abs());
            (s * (0.775 + 0.225 * s.abs())) as f32
        })
        .collect()
}

#[test]
fn spectrograms_are_those_of_torchaudio_and_transformers() {
    let file = read("golden/fbank/fbank.safetensors");
    let (_, metadata) = SafeTensors::read_metadata(&file).unwrap();
    let cases = metadata.metadata().clone().unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let mut names: Vec<&String> = cases.keys().collect();
    names.sort();
    assert_eq!(names.len(), 32);
    println!("{:<42} {:>7} {:>5} {:>5} {:>10}", "case", "samples", "rows", "bins", "max |diff|");
    let mut worst_of_all = 0.0f64;
    for name in names {
        let case: Value = serde_json::from_str(&cases[name]).unwrap();
        let number = |key: &str| case[key].as_f64().unwrap();
        let count = number("samples") as usize;
        let samples = match case["signal"].as_str().unwrap() {
            "noise" => noise(count),
            "sweep" => sweep(count),
            "soft-sweep" => sweep(count).into_iter().map(|sample| sample * 0.125).collect(),
            "silence" => vec![0.0; count],
            other => panic!("{other}"),
        };
        let fbank = Fbank::new(&FbankSettings {
            sampling_rate: number("rate") as u32,
            max_frames: number("max_frames") as usize,
            num_mel_bins: number("bins") as usize,
            mean: number("mean"),
            std: number("std"),
        })
        .unwrap();
        let spectrogram = fbank.extract(&samples).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        let golden: Vec<f32> =
            tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let bins = spectrogram.bins;
        let rows: Vec<usize> =
            case["rows"].as_array().unwrap().iter().map(|r| r.as_u64().unwrap() as usize).collect();
        assert_eq!(golden.len(), rows.len() * bins);
        // Raw log energies are compared as the published normalisation would scale them.
        let scale = if name.starts_with("kaldi") { 2.0 * 4.568_997_4 } else { 1.0 };
        let mut worst = 0.0f64;
        for (golden, &row) in golden.chunks_exact(bins).zip(&rows) {
            for (&golden, &value) in golden.iter().zip(&spectrogram.values[row * bins..(row + 1) * bins]) {
                worst = worst.max(f64::from(golden - value).abs() / scale);
            }
        }
        println!("{name:<42} {count:>7} {:>5} {bins:>5} {worst:>10.2e}", rows.len());
        assert!(worst <= 1e-3, "{name}: {worst}");
        worst_of_all = worst_of_all.max(worst);
    }
    println!("{:<42} {:>30.2e}", "largest", worst_of_all);
}

// ------------------------------------------------------------------------- the room as a whole

#[test]
fn the_example_song_goes_all_the_way() {
    let song = open(&read("data/audio_example.mp3")).unwrap();
    let samples = block_on(resampled(&song.sound.samples, 44_100, 16_000, &mut Quiet)).unwrap();
    assert_eq!(samples, resample(&song.sound.samples, 44_100, 16_000).unwrap());
    let mix = Sound { rate: 16_000, samples };

    let stems: Stems = block_on(dsp::separate(&mix, &mut Quiet)).unwrap();
    let total: f64 = mix.samples.iter().map(|&s| f64::from(s).powi(2)).sum();
    for (stem, track) in musiclime::audio::Stem::ALL.iter().zip(&stems.tracks) {
        let energy: f64 = track.iter().map(|&s| f64::from(s).powi(2)).sum();
        println!("{:>6}: {:4.1} % of the mix's energy", stem.name(), 100.0 * energy / total);
        assert!(energy > 0.001 * total, "{} is empty", stem.name());
    }

    let fbank = Fbank::new(&FbankSettings {
        sampling_rate: 16_000,
        max_frames: 1024,
        num_mel_bins: 128,
        mean: -4.267_739_3,
        std: 4.568_997_4,
    })
    .unwrap();
    let heard = window::loudest(&mix.samples, fbank.window_samples());
    let cut = segments(heard.len(), 10, musiclime::audio::Tail::Spread).unwrap();
    let mut composed = Vec::new();
    compose(&stems, heard.start, &cut, &[true; 40], &mut composed).unwrap();
    let worst =
        composed.iter().zip(&mix.samples[heard.clone()]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-4, "the stems miss the mix by {worst}");

    let original = fbank.extract(&mix.samples[heard]).unwrap();
    let again = fbank.extract(&composed).unwrap();
    let worst = original.values.iter().zip(&again.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("spectrograms of the mix and of its stems' sum differ by {worst:.2e}");
    assert!(worst < 1e-2);
}

#[test]
fn four_minutes_are_separated_in_bounded_time() {
    // A tune of tones and clicks; what is timed is the size, not the sound.
    let samples: Vec<f32> = noise(4 * 60 * 16_000)
        .into_iter()
        .enumerate()
        .map(|(i, n)| {
            let t = i as f32 / 16_000.0;
            0.2 * (440.0 * std::f32::consts::TAU * t).sin() + 0.3 * n * (-((i % 8000) as f32) / 300.0).exp()
        })
        .collect();
    let start = std::time::Instant::now();
    let stems =
        block_on(dsp::separate(&Sound { rate: 16_000, samples: samples.clone() }, &mut Quiet)).unwrap();
    println!("separating 4 minutes at 16 kHz took {:.1} s", start.elapsed().as_secs_f64());
    let worst = (0..samples.len())
        .map(|i| (stems.tracks.iter().map(|track| track[i]).sum::<f32>() - samples[i]).abs())
        .fold(0.0, f32::max);
    assert!(worst <= 1e-4, "{worst}");

    let fbank = Fbank::new(&FbankSettings {
        sampling_rate: 16_000,
        max_frames: 1024,
        num_mel_bins: 128,
        mean: 0.0,
        std: 0.5,
    })
    .unwrap();
    let start = std::time::Instant::now();
    for i in 0..10 {
        fbank.extract(&samples[i * 1000..i * 1000 + fbank.window_samples()]).unwrap();
    }
    println!("a spectrogram of 1024 frames at 16 kHz took {:.1} ms", start.elapsed().as_secs_f64() * 100.0);
}
