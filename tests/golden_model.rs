//! The networks against transformers, and against bad input, natively.
#![cfg(all(not(target_family = "wasm"), any(feature = "cpu", feature = "wgpu")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests count as ordinary functions")]

#[path = "support/golden.rs"]
mod golden;
#[path = "support/model_cases.rs"]
mod model_cases;

use model_cases::{Case, TOLERANCE, cases, run_all};
use musiclime::ErrorKind;
use musiclime::model::{Backend, Classifier, Inputs, TensorSpec, Weights, device, flops, softmax};
use pollster::block_on;

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}

fn model(name: &str) -> Classifier {
    let (device, _) = block_on(device(Backend::BUILT[0])).unwrap();
    case(name).model(&device).unwrap()
}

#[test]
fn agrees_with_transformers_on_every_backend() {
    golden::natively(run_all, TOLERANCE);
}

#[test]
fn hidden_tokens_have_no_weight_at_all() {
    let case = case("multimodal_holes");
    let model = model("multimodal_holes");
    let values = case.floats("input_values").unwrap();
    let mask = case.integers("attention_mask").unwrap();
    let mut ids = case.integers("input_ids").unwrap();
    let run = |ids: &[i64]| {
        let inputs = Inputs {
            rows: case.rows(),
            input_values: Some(&values),
            input_ids: Some(ids),
            attention_mask: Some(&mask),
        };
        block_on(model.forward(&inputs)).unwrap()
    };
    let before = run(&ids);
    let pad = case.config.text.as_ref().unwrap().pad_token_id as i64;
    let mut changed = 0;
    for (id, visible) in ids.iter_mut().zip(&mask) {
        // Padding stays padding, since positions are counted by it.
        if *visible == 0 && *id != pad {
            *id = (*id + 7) % 40 + 5;
            changed += 1;
        }
    }
    assert!(changed > 0);
    assert_eq!(before, run(&ids));
}

#[test]
fn rows_do_not_depend_on_their_neighbours() {
    let case = case("multimodal");
    let model = model("multimodal");
    let texts = case.texts().unwrap();
    let together = block_on(model.embed_text(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>())).unwrap();
    for (text, expected) in texts.iter().zip(together) {
        let alone = block_on(model.embed_text(&[text])).unwrap().remove(0);
        let largest = alone.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest < 1e-5, "{largest}");
    }
}

#[test]
fn missing_superfluous_and_misshapen_tensors_are_named() {
    let (device, _) = block_on(device(Backend::BUILT[0])).unwrap();
    let case = case("multimodal");
    let build = |change: &dyn Fn(&mut Vec<TensorSpec>)| {
        let mut list = case.weight_list();
        change(&mut list);
        let mut weights = Weights::new(&device);
        for TensorSpec { name, shape } in list {
            weights.insert(&name, &shape, vec![0.5; shape.iter().product()]).unwrap();
        }
        Classifier::new(&case.config, weights).err().map(|e| (e.kind(), e.message().to_owned()))
    };
    assert_eq!(build(&|_| {}), None);
    for name in [
        "audio_model.encoder.layer.1.attention.attention.query.bias",
        "text_model.embeddings.word_embeddings.weight",
        "classifier.fc.weight",
    ] {
        let (kind, message) = build(&|list| list.retain(|tensor| tensor.name != name)).unwrap();
        assert_eq!(kind, ErrorKind::Bundle);
        assert!(message.contains(name) && message.contains("missing"), "{message}");

        let (_, message) = build(&|list| {
            list.iter_mut().filter(|tensor| tensor.name == name).for_each(|tensor| tensor.shape[0] += 1)
        })
        .unwrap();
        assert!(message.contains(name) && message.contains("has shape"), "{message}");
    }
    let (_, message) = build(&|list| {
        list.push(TensorSpec { name: "text_model.pooler.dense.bias".to_owned(), shape: vec![18] })
    })
    .unwrap();
    assert!(message.contains("text_model.pooler.dense.bias"), "{message}");
}

#[test]
fn bad_input_is_an_error_with_its_cause() {
    let model = model("multimodal");
    let text =
        |ids: &[u32]| block_on(model.embed_text(&[&[0, 2], ids])).map_err(|e| (e.kind(), e.to_string()));
    assert!(text(&[0, 52, 2]).is_ok());
    assert!(matches!(text(&[0, 53, 2]), Err((ErrorKind::Bundle, m)) if m.contains("53")));
    assert!(matches!(text(&[0, u32::MAX, 2]), Err((ErrorKind::Bundle, _))));
    assert!(text(&[5; 13]).is_ok());
    assert!(matches!(text(&[5; 14]), Err((ErrorKind::Input, m)) if m.contains("13 tokens")));
    assert!(matches!(text(&[]), Err((ErrorKind::Input, _))));

    let audio = |values: &[f32]| block_on(model.embed_audio(&[values])).map_err(|e| e.kind());
    assert!(audio(&[0.5; 41 * 23]).is_ok());
    assert_eq!(audio(&[0.5; 41 * 23 - 1]), Err(ErrorKind::Input));
    assert_eq!(audio(&[]), Err(ErrorKind::Input));
    assert_eq!(audio(&[f32::NAN; 41 * 23]), Err(ErrorKind::Bundle));

    assert!(block_on(model.embed_text(&[])).unwrap().is_empty());
    assert!(block_on(model.embed_audio(&[])).unwrap().is_empty());
    assert!(block_on(model.logits(&[])).unwrap().is_empty());
    assert!(block_on(model.logits(&[(Some(&[0.0; 12]), None)])).is_err());
    assert!(block_on(model.logits(&[(Some(&[0.0; 11]), Some(&[0.0; 18]))])).is_err());
    let song = (Some([0.0; 12].as_slice()), Some([1.0; 18].as_slice()));
    assert_eq!(block_on(model.logits(&[song; 3])).unwrap().len(), 3);

    let values = [0.5; 2 * 41 * 23];
    let ids = [0, 5, 2, 0, 2, 1];
    let good = Inputs { rows: 2, input_values: Some(&values), input_ids: Some(&ids), attention_mask: None };
    let run = |inputs: Inputs| block_on(model.forward(&inputs)).map_err(|e| e.to_string());
    assert!(run(good).is_ok());
    assert!(run(Inputs { input_values: None, ..good }).unwrap_err().contains("input_values"));
    assert!(run(Inputs { input_ids: None, ..good }).unwrap_err().contains("input_ids"));
    for rows in [0, 1, 3, 4, usize::MAX] {
        assert!(run(Inputs { rows, ..good }).is_err(), "{rows}");
    }

    assert!(block_on(self::model("audio").embed_text(&[&[0, 2]])).is_err());
    assert!(block_on(self::model("lyrics").embed_audio(&[&[0.0]])).is_err());
}

#[test]
fn softmax_is_stable() {
    assert_eq!(softmax(&[0.0, 0.0]), [0.5, 0.5]);
    assert_eq!(softmax(&[1e30, 0.0]), [1.0, 0.0]);
    let p = softmax(&[1.0, 2.0, 3.0]);
    assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-15);
    assert!((p[2] / p[1] - 1f64.exp()).abs() < 1e-12);
}

#[test]
fn flops_of_the_papers_model() {
    let config = serde_json::from_str(
        r#"{"task":"multimodal","classes":9,
            "audio":{"hidden_size":768,"num_hidden_layers":12,"num_attention_heads":12,"intermediate_size":3072,
                     "layer_norm_eps":1e-12,"patch_size":16,"frequency_stride":10,"time_stride":10,
                     "max_length":1024,"num_mel_bins":128},
            "text":{"hidden_size":1024,"num_hidden_layers":24,"num_attention_heads":16,"intermediate_size":4096,
                    "layer_norm_eps":1e-5,"vocab_size":50265,"max_position_embeddings":514,"type_vocab_size":1,
                    "pad_token_id":1}}"#,
    )
    .unwrap();
    let cost = flops(&config, 512);
    // Eleven and 23 whole layers of 21.7 and 14.0 GFLOP, and little more than the keys and values
    // of the last one.
    assert!((cost.audio / 1e9 - 242.0).abs() < 1.0, "{}", cost.audio / 1e9);
    assert!((cost.text / 1e9 - 323.0).abs() < 1.5, "{}", cost.text / 1e9);
}
