//! From checkpoints to bundles and back to logits, through the command line: `musiclime convert`
//! and `musiclime bundle check` against what transformers computed.

#![cfg(all(feature = "cli", feature = "cpu"))]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it, in its helpers too")]

use safetensors::SafeTensors;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Exit code, stdout and stderr of a run.
struct Run {
    code: i32,
    out: String,
    err: String,
}

fn musiclime<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_musiclime")).args(arguments).output().unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/convert").join(name)
}

/// Labels for the golden model of that kind.
fn labels(kind: &str) -> &'static str {
    if kind == "audio" { "a, b, c, d" } else { "a, b, c" }
}

/// Converts a golden checkpoint, with further arguments that override the usual ones.
fn convert(checkpoint: &Path, kind: &str, out: &Path, further: &[&str]) -> Run {
    let mut arguments: Vec<String> = vec!["convert".into(), checkpoint.display().to_string()];
    let config = golden(&format!("{kind}.json")).display().to_string();
    for (name, value) in
        [("--labels", labels(kind)), ("--config", &config), ("--out", &out.display().to_string())]
    {
        if !further.contains(&name) {
            arguments.extend([name.into(), value.into()]);
        }
    }
    arguments.extend(further.iter().map(|&a| a.to_owned()));
    musiclime(arguments)
}

fn check(dir: &Path, golden: Option<&Path>) -> Run {
    let mut arguments = vec!["bundle".into(), "check".into(), dir.display().to_string()];
    arguments.extend(["--backend".into(), "cpu".into()]);
    arguments.extend(golden.iter().flat_map(|path| ["--golden".into(), path.display().to_string()]));
    musiclime(arguments)
}

/// One line on stderr that says all of this, exit code 2, and nothing on stdout.
#[track_caller]
fn refused(run: &Run, said: &[&str]) {
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{}", run.err);
    assert_eq!(run.err.trim_end().lines().count(), 1, "{}", run.err);
    for part in said {
        assert!(run.err.contains(part), "{part:?} is not in {}", run.err);
    }
}

/// A sound bundle of the golden multimodal model.
fn bundle() -> TempDir {
    let dir = TempDir::new().unwrap();
    let run = convert(&golden("multimodal.transformers4.pth"), "multimodal", dir.path(), &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    dir
}

#[test]
fn every_kind_of_checkpoint_computes_what_transformers_did() {
    for (checkpoint, kind) in [
        ("multimodal.transformers4.pth", "multimodal"),
        ("multimodal.transformers4.half.pth", "multimodal"),
        ("multimodal.transformers5.safetensors", "multimodal"),
        ("audio.transformers5.pth", "audio"),
        ("lyrics.transformers5.pth", "lyrics"),
        ("lyrics.training.pth", "lyrics"),
    ] {
        // A checkpoint in half precision can't agree to f32's bound, since the golden logits are of the
        // weights before they were rounded.
        let dtypes: &[&str] = if checkpoint.contains("half") { &["f16"] } else { &["f32", "f16"] };
        for dtype in dtypes {
            let dir = TempDir::new().unwrap();
            let run = convert(&golden(checkpoint), kind, dir.path(), &["--dtype", dtype]);
            assert_eq!(run.code, 0, "{checkpoint}: {}", run.err);
            assert!(run.out.contains("can be checked but not explained with"), "{}", run.out);
            let run = check(dir.path(), Some(&golden(&format!("{kind}.golden.safetensors"))));
            assert_eq!(run.code, 0, "{checkpoint} {dtype}: {}{}", run.out, run.err);
            let line = run.out.lines().find(|l| l.starts_with("largest difference")).unwrap();
            println!("{checkpoint} {dtype}: {line}");
        }
    }
}

#[test]
fn what_the_model_does_not_need_is_reported() {
    let dir = TempDir::new().unwrap();
    let run = convert(&golden("lyrics.training.pth"), "lyrics", dir.path(), &[]);
    assert!(run.out.contains("tensors left out: optimizer.state.0.exp_avg"), "{}", run.out);
    assert!(run.out.contains("Python objects ignored: argparse.Namespace"), "{}", run.out);
}

#[test]
fn shards_joined_are_a_safetensors_file_with_canonical_names() {
    let dir = TempDir::new().unwrap();
    convert(&golden("audio.transformers5.pth"), "audio", dir.path(), &["--dtype", "f16"]);
    let stream = fs::read(dir.path().join("weights-000.bin")).unwrap();
    let file = SafeTensors::deserialize(&stream).unwrap();
    let tensor = file.tensor("audio_model.encoder.layer.1.attention.attention.query.weight").unwrap();
    assert_eq!((tensor.dtype(), tensor.shape()), (safetensors::Dtype::F16, &[12, 12][..]));
    assert!(file.tensor("classifier.layernorm.bias").is_ok());
}

#[test]
fn the_manifest_says_what_it_was_told() {
    let dir = TempDir::new().unwrap();
    let labels = dir.path().join("config.json");
    fs::write(&labels, r#"{"id2label": {"2": "rock", "0": "pop", "1": "hip hop"}}"#).unwrap();
    let out = dir.path().join("My Model");
    let run = convert(
        &golden("lyrics.transformers5.pth"),
        "lyrics",
        &out,
        &[
            "--labels",
            labels.to_str().unwrap(),
            "--title",
            "Mine",
            "--description",
            "Only a test.",
            "--licence",
            "MIT",
        ],
    );
    assert_eq!(run.code, 0, "{}", run.err);
    let json: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("bundle.json")).unwrap()).unwrap();
    assert_eq!(json["id"], "my-model");
    assert_eq!(json["title"], "Mine");
    assert_eq!(json["description"], "Only a test.");
    assert_eq!(json["licence"], "MIT");
    assert_eq!(json["task"], "lyrics");
    assert_eq!(json["labels"], serde_json::json!(["pop", "hip hop", "rock"]));
    assert_eq!(json["text"]["vocab_size"], 53);
    assert!(json.get("audio").is_none() && json.get("feature_extractor").is_none());
}

#[test]
fn tensors_that_do_not_fit_the_configuration_are_named() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("bundle");
    let checkpoint = golden("multimodal.transformers5.safetensors");

    let run = convert(&checkpoint, "multimodal", &out, &["--labels", "a,b"]);
    refused(&run, &["2 wrongly shaped tensors: classifier.fc.weight is [3, ", "instead of [2, "]);

    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(golden("multimodal.json")).unwrap()).unwrap();
    let layers = config["text"]["num_hidden_layers"].as_u64().unwrap();
    let path = dir.path().join("config.json");
    config["text"]["num_hidden_layers"] = (layers + 1).into();
    fs::write(&path, config.to_string()).unwrap();
    let run = convert(&checkpoint, "multimodal", &out, &["--config", path.to_str().unwrap()]);
    refused(&run, &["16 missing tensors: text_model.encoder.layer.", "and 8 more"]);

    config["text"]["num_hidden_layers"] = (layers - 1).into();
    fs::write(&path, config.to_string()).unwrap();
    let run = convert(&checkpoint, "multimodal", &out, &["--config", path.to_str().unwrap()]);
    refused(&run, &["16 surplus tensors: text_model.encoder.layer."]);

    config.as_object_mut().unwrap().remove("text");
    fs::write(&path, config.to_string()).unwrap();
    let run = convert(&checkpoint, "multimodal", &out, &["--config", path.to_str().unwrap()]);
    refused(&run, &["the configuration has no \"text\""]);

    refused(
        &convert(&checkpoint, "multimodal", &out, &["--config", "paper"]),
        &["missing", "wrongly shaped"],
    );
    refused(&convert(&checkpoint, "multimodal", &out, &["--labels", "a,b,a"]), &["\"a\" is there twice"]);
    assert!(!out.exists(), "nothing is written before everything fits");
}

#[test]
fn what_is_no_checkpoint_or_no_argument_is_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("x.pth");
    refused(&convert(&file, "lyrics", dir.path(), &[]), &["can't be opened"]);
    refused(&convert(dir.path(), "lyrics", dir.path(), &[]), &["is a folder"]);
    fs::write(&file, "not a checkpoint").unwrap();
    refused(&convert(&file, "lyrics", dir.path(), &[]), &["can't be read as a checkpoint"]);
    let whole = fs::read(golden("lyrics.transformers5.pth")).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    refused(&convert(&file, "lyrics", dir.path(), &[]), &["can't be read as a checkpoint"]);
    let good = golden("lyrics.transformers5.pth");
    refused(&convert(&good, "lyrics", dir.path(), &["--labels", "nothing"]), &["no such file", "m4a-genre"]);
    refused(&convert(&good, "lyrics", dir.path(), &["--config", "nothing"]), &["no such file", "paper"]);
    refused(&convert(&good, "lyrics", dir.path(), &["--id", "A B"]), &["id \"A B\""]);
    refused(&convert(&good, "lyrics", dir.path(), &["--tokenizer", "nothing"]), &["nothing: can't be read"]);
    let audio = golden("audio.transformers5.pth");
    refused(&convert(&audio, "audio", dir.path(), &["--tokenizer", "x"]), &["takes no tokenizer"]);
}

#[test]
fn a_pickle_that_calls_a_command_is_refused_and_not_executed() {
    let dir = TempDir::new().unwrap();
    let (proof, file, out) =
        (dir.path().join("executed"), dir.path().join("x.pth"), dir.path().join("bundle"));
    // pickle.dumps(..., protocol=2) of an object whose __reduce__ returns (os.system, ("touch ...",)).
    let command = format!("touch {}", proof.display());
    let length = (command.len() as u32).to_le_bytes();
    let pickle = [b"\x80\x02cposix\nsystem\nX".as_slice(), &length, command.as_bytes(), b"\x85R."].concat();
    fs::write(&file, pickle).unwrap();
    refused(&convert(&file, "lyrics", &out, &[]), &["posix.system", "nothing was executed"]);
    assert!(!proof.exists() && !out.exists());
}

/// A copy of the golden safetensors checkpoint in which the last value of one tensor is another.
fn spoiled(dir: &Path, tensor: &str, value: f32) -> PathBuf {
    let mut bytes = fs::read(golden("multimodal.transformers5.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = file.tensor(tensor).unwrap().data();
    let at = data.as_ptr() as usize - bytes.as_ptr() as usize + data.len() - 4;
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    let path = dir.join("spoiled.safetensors");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn values_that_cannot_be_stored_stop_the_conversion_and_leave_no_bundle() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("bundle");
    let large = spoiled(dir.path(), "classifier.fc.weight", 65_520.0);
    let f16 = convert(&large, "multimodal", &out, &["--dtype", "f16"]);
    refused(&f16, &["classifier.fc.weight holds 65520", "--dtype f32"]);
    assert!(out.exists() && !out.join("bundle.json").exists());
    refused(&check(&out, None), &["there is no bundle.json"]);
    assert_eq!(convert(&large, "multimodal", &out, &["--dtype", "f32"]).code, 0);

    let nan = spoiled(dir.path(), "classifier.fc.weight", f32::NAN);
    refused(&convert(&nan, "multimodal", &out, &[]), &["classifier.fc.weight holds NaN"]);
    assert!(!out.join("bundle.json").exists(), "the earlier bundle's manifest does not outlive its weights");
}

#[test]
fn an_earlier_bundle_is_replaced() {
    let dir = bundle();
    fs::write(dir.path().join("weights-001.bin"), "stale").unwrap();
    fs::write(dir.path().join("README.md"), "mine").unwrap();
    let run = convert(&golden("lyrics.transformers5.pth"), "lyrics", dir.path(), &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(!dir.path().join("weights-001.bin").exists() && dir.path().join("README.md").exists());
    assert_eq!(check(dir.path(), Some(&golden("lyrics.golden.safetensors"))).code, 0);
}

#[test]
fn damage_fails_the_check_and_names_the_file() {
    let dir = bundle();
    let shard = dir.path().join("weights-000.bin");
    let good = fs::read(&shard).unwrap();
    assert_eq!(check(dir.path(), None).code, 0);
    let fails = |said: &str| {
        let run = check(dir.path(), Some(&golden("multimodal.golden.safetensors")));
        assert_eq!((run.code, run.err.as_str()), (1, ""), "{}", run.out);
        assert!(run.out.contains(said) && run.out.ends_with("FAILED\n"), "{}", run.out);
    };
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    fs::write(&shard, &bad).unwrap();
    fails("weights-000.bin is damaged: its sha256 is");
    fs::write(&shard, &good[1..]).unwrap();
    fails(&format!("weights-000.bin has {} bytes instead of {}", good.len() - 1, good.len()));
    fs::write(&shard, [&good[..], &[0]].concat()).unwrap();
    fails("weights-000.bin has more bytes instead of");
    fs::remove_file(&shard).unwrap();
    fails("weights-000.bin is missing");
    fs::write(&shard, &good).unwrap();
    let manifest = dir.path().join("bundle.json");
    let json = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, json.replace("weights-000.bin", "../weights-000.bin")).unwrap();
    fails("is not a plain one");
    fs::write(&manifest, json.replace("\"c\"", "\"b\"")).unwrap();
    fails("label \"b\" is there twice");
    fs::remove_file(&manifest).unwrap();
    refused(&check(dir.path(), None), &["there is no bundle.json"]);
}

#[test]
fn other_logits_fail_the_check_and_other_shapes_are_refused() {
    let dir = bundle();
    let path = dir.path().join("golden.safetensors");
    let mut bytes = fs::read(golden("multimodal.golden.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = file.tensor("logits").unwrap().data();
    let at = data.as_ptr() as usize - bytes.as_ptr() as usize;
    let off = f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) + 0.01;
    bytes[at..at + 4].copy_from_slice(&off.to_le_bytes());
    fs::write(&path, &bytes).unwrap();
    let run = check(dir.path(), Some(&path));
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(
        run.out.contains("largest difference of a logit: 1.000e-2 over 2 rows on CPU, bound 1.0e-3"),
        "{}",
        run.out
    );
    assert!(run.out.ends_with("FAILED\n"));

    refused(&check(dir.path(), Some(&golden("lyrics.golden.safetensors"))), &["has no input_values"]);
    refused(&check(dir.path(), Some(&golden("audio.golden.safetensors"))), &["logits are F32 [2, 4]"]);
    refused(&check(dir.path(), Some(&golden("multimodal.json"))), &["no safetensors file"]);
    refused(&check(dir.path(), Some(Path::new("nothing"))), &["nothing: the golden file can't be read"]);
}

/// RoBERTa's pair of tokenizer files with the ids that the golden model has room for.
fn tokenizer_folder(size: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    let special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].map(str::to_owned);
    let letters = ('!'..='~').map(|c| c.to_string());
    let vocab: serde_json::Map<_, _> =
        special.into_iter().chain(letters).take(size).enumerate().map(|(id, t)| (t, id.into())).collect();
    fs::write(dir.path().join("vocab.json"), serde_json::Value::Object(vocab).to_string()).unwrap();
    fs::write(dir.path().join("merges.txt"), "#version: 0.2\n").unwrap();
    dir
}

#[test]
fn a_tokenizer_comes_along_and_must_fit() {
    let (dir, fits, large) = (TempDir::new().unwrap(), tokenizer_folder(53), tokenizer_folder(54));
    let convert_with = |folder: &TempDir| {
        let folder = folder.path().to_str().unwrap();
        convert(&golden("lyrics.transformers5.pth"), "lyrics", dir.path(), &["--tokenizer", folder])
    };
    refused(&convert_with(&large), &["the tokenizer has ids up to 53, but the text encoder knows 53"]);
    let run = convert_with(&fits);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(!run.out.contains("note:"), "{}", run.out);
    assert_eq!(check(dir.path(), None).code, 0);
    let tokenizer = dir.path().join("tokenizer.json");
    let json = fs::read_to_string(&tokenizer).unwrap();
    fs::write(&tokenizer, json + " ").unwrap();
    let run = check(dir.path(), None);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("tokenizer.json is damaged"), "{}", run.out);
}

/// Remembers what it was told, and stops the work when there is something to stop.
struct Watch {
    heard: Vec<(usize, usize)>,
    stop: bool,
}

impl musiclime::Observer for Watch {
    fn report(&mut self, stage: musiclime::Stage, done: usize, total: usize) {
        assert_eq!(stage, musiclime::Stage::LoadModel);
        self.heard.push((done, total));
    }

    async fn pause(&mut self) -> musiclime::Flow {
        if self.stop { musiclime::Flow::Stop } else { musiclime::Flow::Continue }
    }
}

#[test]
fn loading_reports_progress_and_can_be_stopped() {
    let dir = bundle();
    pollster::block_on(async {
        let (device, _) = musiclime::model::device(musiclime::model::Backend::Cpu).await.unwrap();
        let mut watch = Watch { heard: Vec::new(), stop: false };
        let loaded = musiclime::model::load_dir(dir.path(), &device, &mut watch).await.unwrap();
        assert_eq!(loaded.bundle.labels, ["a", "b", "c"]);
        assert_eq!(loaded.classifier.config(), &loaded.bundle.model_config());
        assert!(loaded.tokenizer_json.is_none());
        assert!(watch.heard.is_sorted() && watch.heard.last().is_some_and(|(done, total)| done == total));
        let mut watch = Watch { heard: Vec::new(), stop: true };
        let stopped = musiclime::model::load_dir(dir.path(), &device, &mut watch).await.err().unwrap();
        assert_eq!(stopped.kind(), musiclime::ErrorKind::Cancelled);
    });
}

/// Converts the golden model together with the golden separator.
fn with_separator(out: &Path, separator: &Path) -> Run {
    convert(
        &golden("multimodal.transformers4.pth"),
        "multimodal",
        out,
        &["--separator", &separator.display().to_string()],
    )
}

#[test]
fn a_separator_comes_along_and_separates_as_the_package_does() {
    let dir = TempDir::new().unwrap();
    let bundle = dir.path().join("bundle");
    let run = with_separator(&bundle, &golden("separator"));
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(run.out.contains("separator: Open-Unmix, 0.1 MB f32 in 1 shards"), "{}", run.out);
    let run = check(&bundle, Some(&golden("multimodal.golden.safetensors")));
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);

    let file = fs::read(golden("separator.golden.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let samples = |name: &str| -> Vec<f32> {
        tensors.tensor(name).unwrap().data().as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
    };
    let song = dir.path().join("song.wav");
    fs::write(&song, musiclime::audio::write_wav(8000, &samples("mix"))).unwrap();
    let out = dir.path().join("stems");
    let arguments = ["separate", song.to_str().unwrap(), "--model", bundle.to_str().unwrap()];
    let run = musiclime(arguments.into_iter().chain(["--backend", "cpu", "--out", out.to_str().unwrap()]));
    assert_eq!(run.code, 0, "{}", run.err);
    let said: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((said["separator"].as_str(), said["rate"].as_u64()), (Some("openunmix"), Some(8000)));
    for stem in ["vocals", "drums", "bass", "other"] {
        let found: Vec<f32> = hound::WavReader::open(out.join(format!("{stem}.wav")))
            .unwrap()
            .samples::<f32>()
            .map(|sample| sample.unwrap())
            .collect();
        let wanted = samples(stem);
        assert_eq!(found.len(), wanted.len(), "{stem}");
        let largest = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{stem}: largest difference {largest:.1e}");
        assert!(largest <= 1e-3, "{stem}: {largest}");
    }
}

/// Also when the bundle that has it is the one that is replaced.
#[test]
fn a_separator_is_taken_over_from_a_bundle() {
    let dir = TempDir::new().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    assert_eq!(with_separator(&first, &golden("separator")).code, 0);
    let separator = fs::read(first.join("separator-000.bin")).unwrap();
    for out in [&second, &first] {
        let run = with_separator(out, &first);
        assert_eq!(run.code, 0, "{}", run.err);
        assert_eq!(fs::read(out.join("separator-000.bin")).unwrap(), separator);
        let run = check(out, Some(&golden("multimodal.golden.safetensors")));
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    }

    refused(&with_separator(&second, bundle().path()), &["signal processing", "leave --separator out"]);
    fs::write(first.join("separator-000.bin"), &separator[1..]).unwrap();
    refused(&with_separator(&second, &first), &["separator-000.bin is damaged"]);
    assert_eq!(check(&second, None).code, 0, "a refusal costs nothing");
}

#[test]
fn folders_that_are_no_separator_are_refused() {
    let dir = TempDir::new().unwrap();
    let separator = dir.path().join("separator");
    fs::create_dir(&separator).unwrap();
    let out = dir.path().join("bundle");
    refused(&with_separator(&out, &separator), &["has no vocals.pth"]);
    for file in fs::read_dir(golden("separator")).unwrap().flatten() {
        fs::copy(file.path(), separator.join(file.file_name())).unwrap();
    }
    let vocals = separator.join("vocals-0123abcd.pth");
    fs::copy(&vocals, separator.join("vocals.pth")).unwrap();
    refused(&with_separator(&out, &separator), &["several files for vocals"]);
    fs::remove_file(separator.join("vocals.pth")).unwrap();
    fs::copy(golden("audio.transformers5.pth"), &vocals).unwrap();
    refused(&with_separator(&out, &separator), &["no tensor input_mean", "no Open-Unmix"]);
    fs::write(&vocals, b"nothing").unwrap();
    refused(&with_separator(&out, &separator), &["vocals-0123abcd.pth"]);
    fs::copy(golden("separator/vocals-0123abcd.pth"), &vocals).unwrap();
    for (json, said) in [
        ("{", "separator.json can't be read"),
        (r#"{"sample_rate": 8000, "nfft": 512, "nhop": 64}"#, "nfft 512, but the networks are for 256"),
        (r#"{"sample_rate": 0.5, "nfft": 256, "nhop": 64}"#, "sample rate 0.5"),
        (r#"{"sample_rate": 8000, "nfft": 256, "nhop": 0}"#, "n_hop is 0"),
    ] {
        fs::write(separator.join("separator.json"), json).unwrap();
        refused(&with_separator(&out, &separator), &[said]);
    }
    assert!(!out.exists());
    // Without it the package's usual hop and rate hold.
    fs::remove_file(separator.join("separator.json")).unwrap();
    let run = with_separator(&out, &separator);
    assert_eq!(run.code, 0, "{}", run.err);
    let run = convert(
        &golden("lyrics.transformers5.pth"),
        "lyrics",
        &dir.path().join("lyrics"),
        &["--separator", separator.to_str().unwrap()],
    );
    refused(&run, &["hears no audio, so it takes no separator"]);
}

#[test]
fn a_damaged_separator_is_found() {
    let dir = TempDir::new().unwrap();
    let run = with_separator(dir.path(), &golden("separator"));
    assert_eq!(run.code, 0, "{}", run.err);
    let shard = dir.path().join("separator-000.bin");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[5000] ^= 1;
    fs::write(&shard, &bytes).unwrap();
    let run = check(dir.path(), None);
    assert_eq!(run.code, 1, "{}{}", run.out, run.err);
    assert!(run.out.contains("separator-000.bin is damaged"), "{}{}", run.out, run.err);
}
