//! `musiclime predict --manifest` as a stranger uses it. The classes are read from the bundle.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it, in its helpers too")]

#[path = "support/command_line.rs"]
mod command_line;

use command_line::{MODEL, SONG, musiclime};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const LINE: &str = "It always seems like time stands still when I'm with you.";

fn predict(args: &[&str]) -> Output {
    musiclime(&[&["predict", "--model", MODEL, "--backend", "cpu"], args].concat())
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("stdout is JSON and nothing else")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn labels() -> Vec<String> {
    let bundle = std::fs::read(Path::new(MODEL).join("bundle.json")).expect("the demo bundle");
    let bundle: Value = serde_json::from_slice(&bundle).unwrap();
    bundle["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap().to_owned()).collect()
}

/// A folder with a song in it, and lists beside the song.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        std::fs::create_dir(folder.0.path().join("music")).unwrap();
        std::fs::copy(SONG, folder.0.path().join("music/song.mp3")).unwrap();
        folder
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a temporary file");
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

#[test]
fn a_list_gives_what_predict_gives_for_each_song() {
    let folder = Folder::new();
    let words = folder.file("line.lrc", format!("[00:01.00]{LINE}\n"));
    // A list may have a byte order mark, and lines that end as on Windows.
    let list = folder.file(
        "songs.csv",
        format!(
            "\u{feff}title,id,lyrics,audio,text,artist\r\n\
             Mine,both,line.lrc,music/song.mp3,,X\r\n\
             ,inline,,music/song.mp3,{LINE},X\r\n\
             ,sound,,music/song.mp3,,X\r\n\
             ,words,,,\"{LINE}\",X\r\n"
        ),
    );
    let output = predict(&["--manifest", &list]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("not read: artist"), "{}", stderr(&output));
    let found = json(&output);
    let songs = found["songs"].as_array().unwrap();
    assert_eq!(songs.iter().map(|s| &s["id"]).collect::<Vec<_>>(), ["both", "inline", "sound", "words"]);
    assert_eq!(songs[0]["title"], "Mine");
    assert!(songs[2]["title"].is_string(), "the file's own");
    assert_eq!(songs[3]["title"], Value::Null);

    // Where there is no recording the model hears silence.
    let silence = folder.file("silence.wav", musiclime::audio::write_wav(16_000, &vec![0.0; 16_000 * 20]));
    let alone = |args: &[&str]| json(&predict(args))["predictions"].clone();
    let both = alone(&[SONG, "--lyrics", &words]);
    assert_eq!(songs[0]["predictions"], both);
    assert_eq!(songs[1]["predictions"], both);
    assert_eq!(songs[2]["predictions"], alone(&[SONG]));
    assert_eq!(songs[3]["predictions"], alone(&[&silence, "--lyrics", &words]));
    assert_ne!(songs[2]["predictions"], both);

    let summary = &found["summary"];
    assert_eq!((&summary["songs"], &summary["failed"]), (&4.into(), &0.into()));
    assert_eq!((&summary["labelled"], &summary["accuracy"]), (&0.into(), &Value::Null));
}

#[test]
fn what_fails_does_not_stop_the_others() {
    let folder = Folder::new();
    folder.file("music/broken.mp3", "no music at all");
    folder.file("empty.txt", "\n");
    let right = json(&predict(&[SONG]))["predictions"][0]["label"].as_str().unwrap().to_owned();
    let wrong = labels().into_iter().find(|label| *label != right).unwrap();
    let list = folder.file(
        "songs.csv",
        format!(
            "id,audio,lyrics,label\n\
             missing,music/none.mp3,,{right}\n\
             broken,music/broken.mp3,,\n\
             folder,music,,\n\
             no-words,music/song.mp3,none.txt,\n\
             wordless,,empty.txt,\n\
             right,music/song.mp3,,{}\n\
             wrong,music/song.mp3,,{wrong}\n",
            right.to_uppercase()
        ),
    );
    let output = predict(&["--manifest", &list]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let found = json(&output);
    for (place, reason) in ["none.mp3", "broken.mp3", "music", "none.txt", "not a word"].iter().enumerate() {
        let song = &found["songs"][place];
        let error = song["error"].as_str().expect("an error");
        assert!(error.contains(reason), "{song}");
        assert_eq!(song["predictions"], Value::Array(Vec::new()));
        let line = format!("line {} ({}): {error}", place + 2, song["id"].as_str().unwrap());
        assert!(said.contains(&line), "{line}: {said}");
    }
    assert!(said.contains("5 of 7 songs failed") && !said.contains("panicked"), "{said}");
    assert_eq!(found["songs"][5]["expected"], right, "in the model's spelling");
    let summary = &found["summary"];
    assert_eq!(summary["failed"], 5);
    assert_eq!((&summary["labelled"], &summary["right"]), (&2.into(), &1.into()));
    assert_eq!(summary["accuracy"], 0.5);
    assert_eq!(summary["per_label"].as_array().map(Vec::len), Some(2));
    assert_eq!(summary["confusion"][&right][&right], 1);
    assert_eq!(summary["confusion"][&wrong][&right], 1);
    assert_eq!(summary["confusion"][&wrong][&wrong], 0);

    let out = folder.file("table.txt", "");
    let output = predict(&["--manifest", &list, "--table", "--out", &out]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "with --out nothing goes to stdout");
    let table = std::fs::read_to_string(&out).unwrap();
    let line = |id: &str| table.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    assert!(line("missing").contains("FAILED"), "{table}");
    assert!(line("right").ends_with("right") && line("wrong").ends_with("WRONG"), "{table}");
    assert!(table.contains("1 of 2 right (50 %)") && table.contains("7 songs, 5 failed"), "{table}");
}

/// The one line of a command that must end with code 2 and say nothing else.
fn refusal(args: &[&str]) -> String {
    let output = musiclime(args);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(output.stdout.is_empty(), "{args:?} printed to stdout");
    let own: Vec<&str> = said.lines().filter(|line| line.starts_with("musiclime: ")).collect();
    assert_eq!(own.len(), 1, "{args:?}: {said}");
    own[0].to_owned()
}

#[test]
fn a_list_that_is_wrong_is_refused_before_a_model_is_loaded() {
    let folder = Folder::new();
    let huge = folder.file("huge.csv", "id,text\n");
    // A file of nothing but a length, so that the test takes no place on the disk.
    std::fs::File::options().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
    let good = folder.file("good.csv", "id,text\n1,la la\n");
    let directory = folder.0.path().to_str().unwrap().to_owned();
    for (list, reason) in [
        (folder.file("twice.csv", "id,text\n1,la\n1,la\n"), "line 3: the id \"1\""),
        (folder.file("latin1.csv", b"id,text\n1,caf\xe9\n"), "not UTF-8"),
        (folder.file("utf16.csv", b"\xff\xfei\0d\0"), "not UTF-8"),
        (folder.file("zeros.csv", [0; 100]), "no column \"id\""),
        (folder.file("empty.csv", ""), "empty"),
        (huge, "larger than 200 MB"),
        (directory.clone(), "cannot read"),
        (format!("{directory}/none.csv"), "cannot open"),
    ] {
        let error = refusal(&["predict", "--manifest", &list, "--model", "no/such/model"]);
        assert!(error.contains(reason) && error.contains(&list), "{error}");
    }
    let error = refusal(&["predict", "--manifest", &good, "--model", "no/model", "--out", &directory]);
    assert!(error.contains("is a folder"), "{error}");
    let other = folder.file("other.csv", "id,text,label\n1,la,no such class\n");
    let error = refusal(&["predict", "--manifest", &other, "--model", MODEL, "--backend", "cpu"]);
    assert!(error.contains("line 2") && error.contains("no such class"), "{error}");
    assert!(labels().iter().all(|label| error.contains(label)), "{error}");
}

#[test]
fn there_is_a_song_or_a_list() {
    for (args, named) in [
        (&[][..], "<SONG|--manifest <FILE>>"),
        (&["--table"], "<SONG|--manifest <FILE>>"),
        (&[SONG, "--manifest", "list.csv"], "'[SONG]' cannot be used with '--manifest <FILE>'"),
        (&["--manifest", "list.csv", "--lyrics", "words.txt"], "'--lyrics <FILE>'"),
        (&["--manifest", "list.csv", "--window", "3"], "'--window <SECONDS>'"),
        (&[SONG, "--table"], "cannot be used with '--table'"),
    ] {
        let output = predict(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(named), "{args:?}: {}", stderr(&output));
    }
}

/// Ctrl-C ends a list early, and what is known by then is printed.
#[cfg(unix)]
#[test]
fn an_interrupted_list_is_a_partial_one() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    const SONGS: usize = 100_000;
    let folder = Folder::new();
    // The first song fails, and says by that that the work has begun.
    let rows: String = (1..SONGS).map(|i| format!("{i},,la la la\n")).collect();
    let list = folder.file("long.csv", format!("id,audio,text\nfirst,none.mp3,\n{rows}"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_musiclime"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["predict", "--manifest", &list, "--model", MODEL, "--backend", "cpu"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut said = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    said.read_line(&mut line).expect("text");
    assert!(line.contains("line 2 (first)"), "{line}");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let mut printed = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut printed).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    let found: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(found["summary"]["stopped"], true);
    let songs = found["songs"].as_array().map_or(0, Vec::len);
    assert!((1..SONGS).contains(&songs), "{songs}");
}
