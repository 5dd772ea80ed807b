//! `musiclime predict`: one song, or a list of them with one load of the model.

use super::files;
use super::manifest::{Listed, Manifest};
use super::progress::{Bars, Unseen};
use super::song::{self, ModelArgs};
use super::tally::{self, Entry};
use crate::explain::{Listener, Request, predict};
use crate::explanation::Predictions;
use crate::{Error, ErrorKind, Observer, Result, Stage};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Predict the classes of a song, or of each song of a list, most probable first, as JSON.
///
/// A list (--manifest) is a CSV file in UTF-8. Its first line names the columns, in any order:
///
///   id      the song's name, which no other song of the list has
///   audio   the recording; may be empty, then the model hears silence
///   lyrics  a lyrics file, plain or timed (LRC); may be empty
///   text    the lyrics themselves, instead of a file
///   label   the class to expect; may be empty
///   title   the song's title [default: that of the file's tags, or its name]
///
/// Only id and one of audio, lyrics and text are needed. Paths start from the list's folder. A
/// column "note" is for you; any other is named on stderr and not read. A song that fails is
/// reported and does not stop the others; the exit code is then 1. Where songs have a label,
/// the summary tells how many predictions are right, for each class too, and which classes
/// were taken for which.
///
/// Ctrl-C writes what is known by then and ends with exit code 130.
#[derive(clap::Args)]
#[command(verbatim_doc_comment, group = clap::ArgGroup::new("songs").required(true))]
pub(super) struct Args {
    /// The song: WAV, MP3, FLAC, Ogg Vorbis, or AAC/M4A
    #[arg(group = "songs")]
    song: Option<PathBuf>,

    /// The song's lyrics, a UTF-8 text file, plain or timed (LRC) [default: none, only the audio is used]
    #[arg(long, value_name = "FILE", conflicts_with = "manifest")]
    lyrics: Option<PathBuf>,

    /// A list of songs instead of one, a CSV file; predict --help tells its columns
    #[arg(long, value_name = "FILE", group = "songs", conflicts_with = "window")]
    manifest: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Print a list's predictions as a table, for reading
    #[arg(long, conflicts_with = "song")]
    table: bool,

    /// Where to write the result [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    let request =
        Request { preset: args.model.preset, window_start: args.model.window, ..Request::default() };
    match (&args.song, &args.manifest) {
        (Some(path), None) => pollster::block_on(one(args, path, &request)),
        (None, Some(path)) => pollster::block_on(list(args, path, &request)),
        _ => Err(Error::input("give a song, or a list of songs with --manifest")),
    }
}

async fn one(args: &Args, path: &Path, request: &Request) -> Result<ExitCode> {
    let opened = song::open(path, args.lyrics.as_deref(), &args.model, &mut Bars::new()).await?;
    let predictions = predict(&opened.listener, &opened.song, &opened.lyrics, request).await?;
    files::write(args.out.as_deref(), &files::to_json(&Predictions { predictions })?)?;
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &Args, path: &Path, request: &Request) -> Result<ExitCode> {
    let manifest = Manifest::read(path)?;
    if let Some(out) = &args.out {
        files::writable(out)?;
    }
    if !manifest.unread.is_empty() {
        eprintln!("{}: columns that are not read: {}", path.display(), manifest.unread.join(", "));
    }
    let mut bars = Bars::new();
    let listener = args.model.load(&mut bars).await?;
    let expected = expectations(&manifest, &listener).map_err(|e| e.context(path.display()))?;

    let mut entries = Vec::new();
    let mut stopped = None;
    for (listed, expected) in manifest.songs.iter().zip(expected) {
        bars.report(Stage::Score, entries.len(), manifest.songs.len());
        let mut entry = Entry {
            id: listed.id.clone(),
            title: listed.title.clone(),
            expected,
            predictions: Vec::new(),
            error: None,
        };
        match predict_listed(listed, &listener, request, &mut bars, &mut entry).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Input => {
                bars.say(&format!("{}, line {} ({}): {error}", path.display(), listed.line, listed.id));
                entry.error = Some(error.to_string());
            }
            // Ctrl-C, or a device that was lost: what is known by now is kept.
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
        entries.push(entry);
    }
    bars.report(Stage::Score, 1, 1);

    let report = tally::report(entries, listener.labels(), stopped.is_some());
    let text = if args.table { report.table() } else { files::to_json(&report)? };
    files::write(args.out.as_deref(), &text)?;
    match (stopped, report.failed()) {
        (Some(error), _) => Err(error),
        (None, 0) => Ok(ExitCode::SUCCESS),
        (None, failed) => {
            eprintln!("musiclime: {failed} of {} songs failed", report.songs.len());
            Ok(ExitCode::from(1))
        }
    }
}

/// The class that each song is expected to be, in the model's spelling. A class that the model
/// doesn't have could never be right, and would pass for the model's mistake.
fn expectations(manifest: &Manifest, listener: &Listener) -> Result<Vec<Option<String>>> {
    let find = |listed: &Listed| {
        let Some(wanted) = &listed.label else { return Ok(None) };
        let labels = listener.labels();
        let exact = labels.iter().find(|label| *label == wanted);
        let found = exact.or_else(|| labels.iter().find(|l| l.to_lowercase() == wanted.to_lowercase()));
        found.cloned().map(Some).ok_or_else(|| {
            Error::input(format!("line {}: the model has no label \"{wanted}\"", listed.line))
                .hint(format!("its labels are {}; leave the field empty for none", labels.join(", ")))
        })
    };
    manifest.songs.iter().map(find).collect()
}

async fn predict_listed(
    listed: &Listed,
    listener: &Listener,
    request: &Request,
    bars: &mut Bars,
    entry: &mut Entry,
) -> Result<()> {
    bars.check().await?;
    let (song, lyrics) = listed.open(listener, &mut Unseen(bars)).await?;
    if entry.title.is_none() {
        entry.title = song.title().map(str::to_owned);
    }
    entry.predictions = predict(listener, &song, &lyrics, request).await?;
    Ok(())
}
