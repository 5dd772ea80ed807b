//! `musiclime separate`.

use super::files;
use super::progress::Bars;
use crate::audio::decode::{Limits, decode_stereo};
use crate::audio::sdr::Channels;
use crate::audio::unmix::{self, UnmixSettings};
use crate::audio::{Sound, Stem, dsp, resample, write_wav_channels};
use crate::model::{self, Backend, OpenUnmix};
use crate::{Error, Flow, Observer, Result, Stage};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Split a song into vocals, drums, bass and other, as WAV files.
///
/// With --model it is done by the bundle's Open-Unmix, in stereo if the song is, at the rate that it
/// was trained at; without, or with a bundle that has none, by signal processing alone, which is
/// cruder. Each stem's share of the stems' energy is printed as JSON, and the residual: the energy of
/// what the four stems together leave of the song, or add to it, by the song's.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The song: WAV, MP3, FLAC, Ogg Vorbis, or AAC/M4A
    #[arg(value_name = "SONG")]
    song: PathBuf,

    /// Folder for vocals.wav, drums.wav, bass.wav and other.wav, which are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Folder of the model bundle whose separator is used [default: signal processing]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,

    /// What computes: auto, wgpu or cpu
    #[arg(long, value_name = "BACKEND", default_value = "auto")]
    backend: Backend,
}

#[derive(Serialize)]
struct Separated {
    separator: &'static str,
    rate: u32,
    channels: usize,
    seconds: f64,
    stems: Vec<StemFile>,
    residual: f64,
}

#[derive(Serialize)]
struct StemFile {
    stem: &'static str,
    file: String,
    energy: f64,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let bytes = files::read(&args.song, Limits::default().max_bytes as u64)?;
    let cannot = |e| Error::input(format!("cannot write to {}: {e}", args.out.display()));
    std::fs::create_dir_all(&args.out).map_err(cannot)?;
    if let Some(file) =
        Stem::ALL.iter().map(|stem| stem_file(&args.out, *stem)).find(|file| same(file, &args.song))
    {
        return Err(Error::input(format!("{} is the song itself and would be replaced", file.display()))
            .hint("name another folder with --out"));
    }
    let mut bars = Bars::new();
    let (rate, mix, stems, separator) = pollster::block_on(async {
        let network = match &args.model {
            Some(dir) => {
                let (device, _) = model::device(args.backend).await?;
                model::load_separator(dir, &device, &mut bars).await?
            }
            None => None,
        };
        let (rate, channels) = decode_stereo(&bytes, &Limits::default(), &mut bars)
            .await
            .map_err(|e| e.context(args.song.display()))?;
        separate(network.as_ref(), rate, channels, &mut bars).await
    })?;
    let energies = unmix::energies(&mix, stems.each_ref().map(Vec::as_slice));
    let mut written = Vec::new();
    for ((stem, channels), energy) in Stem::ALL.into_iter().zip(&stems).zip(energies.shares) {
        let file = stem_file(&args.out, stem);
        let channels: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
        std::fs::write(&file, write_wav_channels(rate, &channels)).map_err(cannot)?;
        written.push(StemFile { stem: stem.name(), file: file.display().to_string(), energy });
    }
    let separated = Separated {
        separator,
        rate,
        channels: mix.len(),
        seconds: mix.first().map_or(0, Vec::len) as f64 / f64::from(rate),
        stems: written,
        residual: energies.residual,
    };
    let json = files::to_json(&separated)?;
    files::write(None, &json)
}

/// Where a stem is written.
fn stem_file(folder: &Path, stem: Stem) -> PathBuf {
    folder.join(format!("{}.wav", stem.name()))
}

/// Whether both are one file that is there.
fn same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// The mix at the rate at which it was separated, its stems, and by what.
async fn separate(
    network: Option<&OpenUnmix>,
    rate: u32,
    channels: Channels,
    observer: &mut impl Observer,
) -> Result<(u32, Channels, [Channels; 4], &'static str)> {
    let Some(network) = network else {
        let mut stems: [Channels; 4] = Default::default();
        for (number, samples) in channels.iter().enumerate() {
            let mix = Sound { rate, samples: samples.clone() };
            let mut part = Part { observer, number, count: channels.len() };
            for (stem, track) in stems.iter_mut().zip(dsp::separate(&mix, &mut part).await?.tracks) {
                stem.push(track);
            }
        }
        return Ok((rate, channels, stems, "dsp"));
    };
    let wanted = network.config().sampling_rate;
    let channels = channels.into_iter().map(|c| resample(&c, rate, wanted)).collect::<Result<Channels>>()?;
    let stems = unmix::separate(network, &channels, &UnmixSettings::default(), observer).await?;
    Ok((wanted, channels, stems, "openunmix"))
}

/// Watches one of several runs of the same kind, each of which is a part of the whole.
struct Part<'a, O> {
    observer: &'a mut O,
    number: usize,
    count: usize,
}

impl<O: Observer> Observer for Part<'_, O> {
    fn report(&mut self, stage: Stage, done: usize, total: usize) {
        self.observer.report(stage, self.number * total + done, self.count * total);
    }

    async fn pause(&mut self) -> Flow {
        self.observer.pause().await
    }
}
