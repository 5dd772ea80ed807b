//! The command line as a stranger uses it: the real binary, the embedded bundle, a real song.
#![cfg(feature = "cli")]

#[path = "support/command_line.rs"]
mod command_line;

use command_line::{MODEL, SONG, musiclime};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

const LINE: &str = "It always seems like time stands still when I'm with you.\n";

fn json(args: &[&str]) -> Value {
    let output = musiclime(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("stdout is JSON and nothing else")
}

/// The error of a command that must end with code 2 and one line on stderr.
fn refusal(args: &[&str]) -> String {
    let output = musiclime(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{args:?} printed to stdout");
    let own: Vec<&str> = stderr.lines().filter(|line| line.starts_with("musiclime: ")).collect();
    assert_eq!(own.len(), 1, "{args:?}: {stderr}");
    assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    own[0].to_owned()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a temporary file");
        text(&path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn features(explanation: &Value) -> &Vec<Value> {
    explanation["explanations"][0]["features"].as_array().expect("features")
}

#[test]
fn predict_prints_every_label_most_probable_first() {
    let folder = Folder::new();
    let lyrics = folder.file("line.txt", LINE);
    let output = json(&["predict", SONG, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu"]);
    let probabilities: Vec<f64> = output["predictions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["probability"].as_f64().unwrap())
        .collect();
    assert_eq!(probabilities.len(), 4);
    assert!(probabilities.is_sorted_by(|a, b| a >= b), "{probabilities:?}");
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn the_same_seed_gives_the_same_explanation_and_another_seed_another() {
    let folder = Folder::new();
    let lyrics = folder.file("line.txt", LINE);
    let explain = |seed: &str| {
        let out = text(&folder.path("e.json"));
        let args = ["explain", SONG, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu"];
        let output = musiclime(&[&args[..], &["--samples", "64", "--seed", seed, "--out", &out]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty(), "with --out nothing goes to stdout");
        std::fs::read(&out).expect("the explanation")
    };
    let first = explain("7");
    assert_eq!(first, explain("7"), "bit for bit");
    assert_ne!(first, explain("8"));
}

#[test]
fn an_explanation_tells_what_was_done() {
    let folder = Folder::new();
    let lyrics = folder.file("line.txt", LINE);
    let args =
        ["explain", SONG, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu", "--samples", "64"];
    let e = json(&args);
    assert_eq!(e["schema"], 1);
    assert_eq!(e["lyrics"], LINE);
    assert_eq!(e["song"]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(e["settings"]["preset"], "default");
    assert_eq!(e["settings"]["separator"], "openunmix");
    assert_eq!(e["settings"]["backend"], "cpu");
    assert_eq!(e["run"]["rows"], 64);
    assert_eq!(e["run"]["stopped"], "budget");
    assert_eq!(e["explanations"][0]["label"], e["predictions"][0]["label"]);
    // 4 stems x 10 segments, and 12 words, one of them the "m" of "I'm".
    assert_eq!(features(&e).len(), 40 + 12);
    let window = &e["settings"]["window"];
    let (start, end) = (window["start"].as_f64().unwrap(), window["end"].as_f64().unwrap());
    for feature in features(&e).iter().filter(|f| f["kind"] == "audio") {
        let (from, to) = (feature["start"].as_f64().unwrap(), feature["end"].as_f64().unwrap());
        assert!(start <= from && from < to && to <= end + 1e-9, "{feature} lies outside of {window}");
        assert!(feature.get("heard").is_none(), "the default preset explains nothing that is not heard");
    }
    for feature in features(&e) {
        let (low, high) = (feature["low"].as_f64().unwrap(), feature["high"].as_f64().unwrap());
        assert!(low <= feature["weight"].as_f64().unwrap() && feature["weight"].as_f64().unwrap() <= high);
    }
    let separation = &e["separation"];
    let shares: f64 =
        separation["shares"].as_array().unwrap().iter().map(|s| s["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    // The separator loses little of the mix, so the stems' sum is predicted nearly like it.
    assert!(separation["residual"].as_f64().unwrap() < 0.05, "{separation}");
    for (mix, composed) in e["predictions"].as_array().unwrap().iter().zip(e["composed"].as_array().unwrap())
    {
        let difference = mix["probability"].as_f64().unwrap() - composed["probability"].as_f64().unwrap();
        assert!(difference.abs() < 0.1, "{mix} and {composed}");
    }
}

#[test]
fn modalities_and_labels_are_what_was_asked_for() {
    let folder = Folder::new();
    let lyrics = folder.file("line.txt", LINE);
    let base =
        ["explain", SONG, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu", "--samples", "24"];
    let kinds = |e: &Value| {
        let mut kinds: Vec<_> = features(e).iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let audio = json(&[&base[..], &["--modality", "audio"]].concat());
    assert_eq!(kinds(&audio), ["audio"]);
    assert_eq!(audio["run"]["text_passes"], 1);
    let words = json(&[&base[..], &["--modality", "lyrics", "--label", "Angry", "--label", "calm"]].concat());
    assert_eq!(kinds(&words), ["word"]);
    assert_eq!(words["run"]["audio_passes"], 1);
    assert_eq!(words["settings"]["separator"], "none");
    let labels: Vec<_> = words["explanations"].as_array().unwrap().iter().map(|e| &e["label"]).collect();
    assert_eq!(labels, ["angry", "calm"]);
    let all = json(&[&base[..], &["--top-labels", "4"]].concat());
    assert_eq!(all["explanations"].as_array().map(Vec::len), Some(4));
    let few = json(&[&base[..], &["--preset", "paper", "--num-features", "7"]].concat());
    assert_eq!(features(&few).len(), 7);
    assert_eq!(few["settings"]["window"]["start"], 0.0);
    let no_lyrics = json(&["explain", SONG, "--model", MODEL, "--backend", "cpu", "--samples", "24"]);
    assert_eq!(kinds(&no_lyrics), ["audio"]);
    assert_eq!(no_lyrics["settings"]["modality"], "audio");
    assert!(no_lyrics.get("lyrics").is_none());
}

#[test]
fn the_published_presets_tell_which_segments_and_words_are_never_heard() {
    let folder = Folder::new();
    // Thirty seconds: of ten segments the model hears the first four, the fourth in part.
    let rate = 16_000;
    let samples: Vec<f32> =
        (0..30 * rate + 7).map(|i| 0.3 * (i as f32 * 0.03).sin() * (i as f32 * 0.0007).sin()).collect();
    let song = folder.file("long.wav", musiclime::audio::write_wav(rate as u32, &samples));
    let words: Vec<String> = (0..400).map(|i| format!("word{i}")).collect();
    let lyrics = folder.file("long.txt", words.join(" "));
    let base =
        ["explain", &song, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu", "--samples", "8"];
    let unheard = |e: &Value, kind: &str| {
        features(e).iter().filter(|f| f["kind"] == kind && f["heard"] == false).count()
    };
    let paper = json(&[&base[..], &["--preset", "paper"]].concat());
    assert_eq!(unheard(&paper, "audio"), 6 * 4);
    // Ten equal segments leave seven samples over, which are dropped as published, but not silently.
    assert_eq!(paper["settings"]["dropped_seconds"], 7.0 / f64::from(rate));
    assert!(unheard(&paper, "word") > 200, "{}", unheard(&paper, "word"));
    let default = json(&base);
    assert_eq!(unheard(&default, "audio"), 0);
    assert_eq!(default["settings"]["dropped_seconds"], Value::Null);
    assert_eq!(unheard(&default, "word"), unheard(&paper, "word"));
    for feature in features(&default).iter().filter(|f| f["heard"] == false) {
        assert_eq!(feature["weight"], 0.0, "what is not heard can't matter");
    }
    let moved = json(&[&base[..], &["--window", "12.5"]].concat());
    assert_eq!(moved["settings"]["window"]["start"], 12.5);
    assert!(refusal(&[&base[..], &["--window", "31"]].concat()).contains("30"));
    assert!(refusal(&[&base[..], &["--window", "3", "--preset", "paper"]].concat()).contains("whole clip"));
}

#[test]
fn stems_that_the_user_brings_are_used() {
    let folder = Folder::new();
    let rate = 16_000;
    let tone = |frequency: f32| -> Vec<f32> {
        (0..3 * rate)
            .map(|i| 0.2 * (i as f32 * frequency / rate as f32 * std::f32::consts::TAU).sin())
            .collect()
    };
    let tracks = [tone(440.0), tone(2000.0), tone(80.0), tone(900.0)];
    let mix: Vec<f32> = (0..3 * rate).map(|i| tracks.iter().map(|t| t[i]).sum()).collect();
    let wav = |samples: &[f32]| musiclime::audio::write_wav(rate as u32, samples);
    for (name, track) in ["vocals", "drums", "bass", "other"].iter().zip(&tracks) {
        folder.file(&format!("{name}.wav"), wav(track));
    }
    let song = folder.file("mix.wav", wav(&mix));
    let stems = text(folder.0.path());
    let args = ["explain", &song, "--model", MODEL, "--backend", "cpu", "--samples", "16", "--stems", &stems];
    let e = json(&args);
    assert_eq!(e["settings"]["separator"], "files");
    std::fs::remove_file(folder.path("bass.wav")).unwrap();
    let error = refusal(&args);
    assert!(error.contains("bass.wav") && error.contains("vocals.wav"), "{error}");
    folder.file("bass.wav", wav(&tracks[2][..rate]));
    assert!(refusal(&args).contains("bass"));
}

/// The samples of a WAV file that was written for listening.
fn samples(path: &Path) -> Vec<f32> {
    let mut file = hound::WavReader::open(path).expect("a WAV file");
    file.samples::<f32>().map(|sample| sample.expect("a float")).collect()
}

#[test]
fn an_explanation_can_be_listened_to() {
    let folder = Folder::new();
    let lyrics = folder.file("line.txt", LINE);
    let dir = folder.path("heard");
    let args =
        ["explain", SONG, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu", "--samples", "64"];
    let e =
        json(&[&args[..], &["--top-labels", "2", "--listen", &text(&dir), "--listen-top", "12"]].concat());
    let index: Value = serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["song"]["artist"], "Steven M Bryant");
    let listed: Vec<&str> =
        index["files"].as_array().unwrap().iter().map(|f| f["file"].as_str().unwrap()).collect();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), listed.len() + 1, "nothing that is not listed");
    let stems = ["vocals", "drums", "bass", "other"].map(|stem| samples(&dir.join(format!("{stem}.wav"))));
    let length = samples(&dir.join("original.wav")).len();
    for explained in e["explanations"].as_array().unwrap() {
        let label = explained["label"].as_str().unwrap();
        let (on, off) = (
            samples(&dir.join(format!("{label}-for.wav"))),
            samples(&dir.join(format!("{label}-without.wav"))),
        );
        assert_eq!((on.len(), off.len()), (length, length));
        for (i, (on, off)) in on.iter().zip(&off).enumerate() {
            let whole: f32 = stems.iter().map(|stem| stem[i]).sum();
            assert!((on + off - whole).abs() < 1e-5, "sample {i} of {label}");
        }
        // Every sound among the strongest has its file, and is in one of the two where it should be.
        let mut ranked: Vec<&Value> = explained["features"].as_array().unwrap().iter().collect();
        let size = |f: &Value| f["weight"].as_f64().unwrap().abs();
        ranked.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let mut sounds = 0;
        for (place, feature) in ranked.iter().take(12).enumerate().filter(|(_, f)| f["kind"] == "audio") {
            sounds += 1;
            let start = format!("{label}-top{:02}-", place + 1);
            let file = listed.iter().find(|file| file.starts_with(&start)).expect("a file of the sound");
            let (stem, segment) = (feature["stem"].as_str().unwrap(), feature["segment"].as_u64().unwrap());
            assert!(file.contains(&format!("{stem}{segment}")), "{file}");
            let cell = samples(&dir.join(file));
            let heard = if feature["weight"].as_f64().unwrap() > 0.0 { &on } else { &off };
            // Beyond a cell's middle, where no fade reaches, others may sound as well.
            let from = (length as u64 * segment / 10) as usize;
            let track = &stems[["vocals", "drums", "bass", "other"].iter().position(|s| *s == stem).unwrap()];
            assert!(cell[4000..8000].iter().any(|sample| track[from..].contains(sample)), "{file}");
            assert!(heard[from + 4000..from + 8000].iter().any(|sample| *sample != 0.0));
        }
        let files = listed.iter().filter(|file| file.starts_with(&format!("{label}-top"))).count();
        assert_eq!(files, sounds);
    }
}

#[test]
fn a_folder_for_listening_holds_nothing_stale_and_nothing_of_others_is_lost() {
    let folder = Folder::new();
    let dir = text(&folder.path("heard"));
    let args = ["explain", SONG, "--model", MODEL, "--backend", "cpu", "--samples", "24", "--listen", &dir];
    json(&[&args[..], &["--label", "angry"]].concat());
    let mine = folder.file("heard/mine.wav", "my own");
    let angry = |dir: &str| {
        let names =
            std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("angry")).count()
    };
    assert!(angry(&dir) > 0);
    // Nothing but the index says what is ours, and it may have been meddled with.
    let index = std::fs::read_to_string(folder.path("heard/index.json")).unwrap();
    let outside = folder.file("outside.wav", "not ours");
    folder.file("heard/index.json", index.replacen("\"original.wav\"", "\"../outside.wav\"", 1));
    std::fs::remove_file(folder.path("heard/original.wav")).unwrap();
    json(&[&args[..], &["--label", "calm"]].concat());
    assert_eq!(angry(&dir), 0);
    assert_eq!(std::fs::read(mine).unwrap(), b"my own");
    assert_eq!(std::fs::read(outside).unwrap(), b"not ours");

    let foreign = text(folder.0.path());
    let file = folder.file("file", "");
    let song = &args[..args.len() - 1];
    assert!(refusal(&[song, &[&foreign]].concat()).contains("not of an earlier --listen"));
    assert!(refusal(&[song, &[&file]].concat()).contains("is no folder"));
    assert!(refusal(&[song, &[&format!("{file}/below")]].concat()).contains("can't be written"));
    assert!(refusal(&[&args[..], &["--modality", "lyrics"]].concat()).contains("only the lyrics"));
    assert!(refusal(&[&args[..], &["--listen-top", "0"]].concat()).contains("--listen-top"));
}

#[test]
fn labels_that_look_like_paths_stay_in_the_folder_and_silence_is_told() {
    let folder = Folder::new();
    let model = folder.path("model");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(MODEL).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let manifest = std::fs::read_to_string(model.join("bundle.json")).unwrap();
    let manifest = manifest.replace("\"angry\"", "\"../x/y\"").replace("\"calm\"", "\"..\\\\x:y\"");
    std::fs::write(model.join("bundle.json"), manifest).unwrap();
    let dir = folder.path("heard");
    let output = musiclime(&[
        "explain",
        SONG,
        "--model",
        &text(&model),
        "--backend",
        "cpu",
        "--samples",
        "24",
        "--label",
        "../x/y",
        "--label",
        "..\\x:y",
        "--listen",
        &text(&dir),
        "--listen-top",
        "1",
    ]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let e: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (explained, name) in e["explanations"].as_array().unwrap().iter().zip(["x-y", "x-y"]) {
        let strongest = explained["features"].as_array().unwrap().iter();
        let weight =
            strongest.map(|f| f["weight"].as_f64().unwrap()).max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let label = explained["label"].as_str().unwrap();
        if weight.unwrap() > 0.0 {
            assert!(dir.join(format!("{name}-for.wav")).exists(), "{stderr}");
        } else {
            assert!(stderr.contains("no sound among the top 1"), "{label}: {stderr}");
        }
    }
    assert!(!folder.path("x").exists());
}

#[test]
fn times_of_the_lyrics_are_not_read_as_words() {
    let folder = Folder::new();
    let plain = folder.file("line.txt", "It always seems like\ntime stands still");
    let timed =
        folder.file("line.lrc", "[ar:x]\n[00:01.00]It always seems like\n[00:03.00]time stands still\n");
    let explain = |lyrics: &str| {
        json(&["explain", SONG, "--lyrics", lyrics, "--model", MODEL, "--backend", "cpu", "--samples", "24"])
    };
    assert_eq!(explain(&plain), explain(&timed));
}

#[test]
fn the_surrogate_is_fitted_to_anybodys_masks_and_scores() {
    let folder = Folder::new();
    let masks = folder.file("m.json", r#"{"masks":[[1,1],[1,0],[0,1],[0,0]],"scores":[0.9,0.6,0.4,0.1]}"#);
    let fit = json(&["surrogate", "--masks", &masks, "--preset", "paper"]);
    let weights: Vec<(usize, f64)> = serde_json::from_value(fit["weights"].clone()).unwrap();
    // Centred, each column has a sum of squares of 1; the penalty of 1 halves the effects 0.5 and 0.3.
    assert_eq!(weights.iter().map(|w| w.0).collect::<Vec<_>>(), [0, 1]);
    assert!((weights[0].1 - 0.25).abs() < 1e-3 && (weights[1].1 - 0.15).abs() < 1e-3, "{weights:?}");
    for (name, wrong, tells) in [
        ("ragged.json", r#"{"masks":[[1,1],[1]],"scores":[1,2]}"#, "row 1"),
        ("two.json", r#"{"masks":[[1,1],[1,2]],"scores":[1,2]}"#, "row 1"),
        ("short.json", r#"{"masks":[[1,1],[1,0]],"scores":[1]}"#, "score"),
        ("empty.json", "", "empty.json"),
    ] {
        let path = folder.file(name, wrong);
        let error = refusal(&["surrogate", "--masks", &path]);
        assert!(error.contains(tells), "{error}");
    }
}

#[test]
fn errors_name_the_cause_and_the_next_step() {
    let folder = Folder::new();
    let not_utf8 = folder.file("latin1.txt", [b'n', 0xe9, b'e']);
    let no_sound = folder.file("words.mp3", "these are words, not sound");
    let empty = folder.file("empty.wav", "");
    let short = folder.file("short.wav", musiclime::audio::write_wav(16_000, &[0.1; 100]));
    let song = ["explain", SONG, "--model", MODEL, "--backend", "cpu"];
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (vec!["explain", "nowhere.mp3", "--model", MODEL], "nowhere.mp3"),
        (vec!["explain", SONG, "--model", "models/none", "--backend", "cpu"], "models/none"),
        (vec!["explain", &no_sound, "--model", MODEL, "--backend", "cpu"], "MP3"),
        (vec!["explain", &empty, "--model", MODEL, "--backend", "cpu"], "empty.wav"),
        (vec!["explain", &short, "--model", MODEL, "--backend", "cpu"], "400"),
        ([&song[..], &["--lyrics", &not_utf8]].concat(), "UTF-8"),
        ([&song[..], &["--label", "jazz"]].concat(), "calm"),
        ([&song[..], &["--modality", "lyrics"]].concat(), "no words"),
        ([&song[..], &["--samples", "1"]].concat(), "samples"),
        ([&song[..], &["--segments", "0"]].concat(), "segments"),
        ([&song[..], &["--out", "no/such/folder/e.json"]].concat(), "no/such/folder"),
    ];
    for (args, tells) in cases {
        let error = refusal(&args);
        assert!(error.contains(tells), "{args:?}: {error}");
    }
}

#[test]
fn help_is_there_for_every_command() {
    for command in [&["predict"][..], &["explain"], &["surrogate"], &["convert"], &["bundle", "check"]] {
        let output = musiclime(&[command, &["--help"]].concat());
        assert!(output.status.success());
        assert!(output.stdout.len() > 400, "{command:?}");
    }
}

#[test]
fn the_embedded_bundle_is_whole_and_computes_what_transformers_computed() {
    let output = musiclime(&[
        "bundle",
        "check",
        MODEL,
        "--golden",
        "tests/golden/demo/golden.safetensors",
        "--backend",
        "cpu",
    ]);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    println!("{stdout}");
}

/// Ctrl-C ends an explanation early, and what is known by then is printed.
#[cfg(unix)]
#[test]
fn an_interrupted_explanation_is_a_partial_one() {
    use std::io::Read;
    use std::process::Stdio;
    let mut child = Command::new(env!("CARGO_BIN_EXE_musiclime"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["explain", SONG, "--model", MODEL, "--backend", "cpu", "--samples", "90000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs");
    // Long enough to have scored something, far too short for 90,000 rows.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill runs").success());
    let mut printed = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut printed).expect("text");
    assert!(child.wait().expect("it ends").success());
    let e: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(e["run"]["stopped"], "cancelled");
    let rows = e["run"]["rows"].as_u64().expect("rows");
    assert!((2..90_000).contains(&rows), "{rows}");
    assert_eq!(features(&e).len(), 40);
}

#[test]
fn stems_are_measured_against_true_ones() {
    let folder = Folder::new();
    let stems = ["vocals", "drums", "bass", "other"];
    let tone = |n: usize| -> Vec<f32> {
        (0..20_000).map(|i| 0.2 * (i as f32 * 0.01 * (n + 1) as f32).sin()).collect()
    };
    for dir in ["true", "off", "other rate"] {
        std::fs::create_dir(folder.path(dir)).unwrap();
    }
    for (n, stem) in stems.into_iter().enumerate() {
        let file = |dir: &str, rate, samples: &[f32]| {
            folder.file(&format!("{dir}/{stem}.wav"), musiclime::audio::write_wav(rate, samples));
        };
        file("true", 8000, &tone(n));
        file("off", 8000, &tone(n).iter().map(|s| s * 0.9).collect::<Vec<_>>());
        file("other rate", 16_000, &tone(n));
    }
    let (truth, off) = (text(&folder.path("true")), text(&folder.path("off")));
    let found = json(&["sdr", &truth, &truth, &off]);
    for stem in stems {
        // An estimate a tenth too low is 20 dB off.
        assert!((found[1]["median"][stem].as_f64().unwrap() - 20.0).abs() < 1e-3, "{found}");
        assert_eq!(found[0]["songs"]["."][stem], "perfect");
    }
    let table = text(&folder.path("table.md"));
    assert!(musiclime(&["sdr", &truth, &off, "--table", "--out", &table]).status.success());
    let table = std::fs::read_to_string(table).unwrap();
    assert!(table.contains("| vocals | 20.00 |") && !table.contains("accompaniment"), "{table}");
    assert!(refusal(&["sdr", &truth, &text(&folder.path("other rate"))]).contains("is at 16000 Hz"));
    assert!(refusal(&["sdr", &truth, &text(&folder.path("nothing"))]).contains("is no folder"));
    assert!(refusal(&["sdr", &text(&folder.path("nothing")), &truth]).contains("nothing"));
}

#[test]
fn separating_without_a_model_leaves_nothing_and_never_replaces_the_song() {
    let folder = Folder::new();
    let out = text(&folder.path("stems"));
    let said = json(&["separate", SONG, "--out", &out]);
    assert_eq!((said["separator"].as_str(), said["channels"].as_u64()), (Some("dsp"), Some(2)));
    assert!(said["residual"].as_f64().unwrap() < 1e-8, "{said}");
    let shares: f64 = said["stems"].as_array().unwrap().iter().map(|s| s["energy"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    let vocals = format!("{out}/vocals.wav");
    let before = std::fs::read(&vocals).unwrap();
    assert!(refusal(&["separate", &vocals, "--out", &out]).contains("is the song itself"));
    assert_eq!(std::fs::read(&vocals).unwrap(), before);
}

#[test]
fn the_explanation_is_not_written_among_the_sounds() {
    let folder = Folder::new();
    let (heard, out) = (text(&folder.path("heard")), text(&folder.path("heard/index.json")));
    let args = ["explain", SONG, "--model", MODEL, "--listen", &heard, "--out", &out];
    assert!(refusal(&args).contains("--out lies in the folder of --listen"));
    let args = ["explain", SONG, "--model", MODEL, "--listen", &heard, "--drawing", &out];
    assert!(refusal(&args).contains("--drawing lies in the folder of --listen"));
    let one = text(&folder.path("one.json"));
    let args = ["explain", SONG, "--model", MODEL, "--out", &one, "--drawing", &one];
    assert!(refusal(&args).contains("--out and --drawing name the same file"));
}

/// The demo songs' list, and the one explanation that is stored with them.
fn stored_explanation() -> (Value, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/songs");
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let list = read("songs.json");
    let stored: Vec<&Value> = list["songs"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|song| song.get("explanation").is_some())
        .collect();
    assert_eq!(stored.len(), 1, "one of the demo songs has its explanation stored");
    (stored[0].clone(), read(stored[0]["explanation"].as_str().expect("a name")))
}

#[test]
fn the_page_shows_an_explanation_of_the_model_and_the_song_that_it_has() {
    let (song, drawing) = stored_explanation();
    let explanation = &drawing["explanation"];
    let bundle: Value =
        serde_json::from_slice(&std::fs::read(Path::new(MODEL).join("bundle.json")).unwrap()).unwrap();
    let again = "www/songs has an explanation of another time: run scripts/stored-explanation";
    assert_eq!(explanation["model"]["sha256"], bundle["weights"]["sha256"], "{again}");
    let separator = &bundle["separator"]["openunmix"]["weights"]["sha256"];
    assert_eq!(explanation["settings"].get("separator_sha256").unwrap_or(&Value::Null), separator, "{again}");

    // Few rows give another ranking of the same features: this is about the song and its lyrics.
    let path = |name: &str| format!("www/songs/{}", song[name].as_str().unwrap());
    let folder = Folder::new();
    let drawn = text(&folder.path("drawing.json"));
    let now = json(&[
        "explain",
        &path("file"),
        "--lyrics",
        &path("lyrics"),
        "--model",
        MODEL,
        "--backend",
        "cpu",
        "--samples",
        "2",
        "--modality",
        "lyrics",
        "--drawing",
        &drawn,
    ]);
    assert_eq!(explanation["song"], now["song"], "{again}");
    assert_eq!(explanation["lyrics"], now["lyrics"], "{again}");
    let redrawn: Value = serde_json::from_slice(&std::fs::read(&drawn).unwrap()).unwrap();
    for part in ["rate", "wave", "lyrics", "words"] {
        assert!(drawing.get(part).is_some() && drawing[part] == redrawn[part], "{part}: {again}");
    }
}

#[test]
fn a_drawing_tells_what_the_page_cannot_compute() {
    let folder = Folder::new();
    let timed = "[ar:Somebody]\n[00:01.50]Time \u{1f600} stands\n[00:04.00]still, time\n";
    let lyrics = folder.file("line.lrc", timed);
    let [out, drawn] = ["out.json", "drawing.json"].map(|name| text(&folder.path(name)));
    let args = ["explain", SONG, "--lyrics", &lyrics, "--model", MODEL, "--backend", "cpu", "--samples", "8"];
    let output =
        musiclime(&[&args[..], &["--modality", "lyrics", "--out", &out, "--drawing", &drawn]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |path: &str| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let drawing = read(&drawn);
    assert_eq!(drawing["explanation"], read(&out));
    assert_eq!(drawing["lyrics"]["text"], "Time \u{1f600} stands\nstill, time");
    // In UTF-16 code units the face counts twice.
    assert_eq!(
        drawing["lyrics"]["lines"],
        serde_json::json!([{"start": 1.5, "span": [0, 14]}, {"start": 4.0, "span": [15, 26]}])
    );
    let words: Vec<_> =
        drawing["words"].as_array().unwrap().iter().map(|w| (&w["word"], &w["spans"])).collect();
    assert_eq!(words[0].0, "time");
    assert_eq!(*words[0].1, serde_json::json!([[0, 4], [22, 26]]));
    let peaks = drawing["wave"]["peaks"].as_array().unwrap();
    let loudest = peaks.iter().map(|p| p.as_f64().unwrap().abs()).fold(0.0, f64::max);
    assert!(peaks.len() >= 1000 && (0.05..=1.0).contains(&loudest), "{} peaks up to {loudest}", peaks.len());

    let refused = refusal(&[&args[..], &["--drawing", "no/such/folder/drawing.json"]].concat());
    assert!(refused.contains("no/such/folder"), "{refused}");
}
