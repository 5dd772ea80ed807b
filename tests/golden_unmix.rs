//! Open-Unmix against the openunmix package, and against bad input, natively.
#![cfg(all(not(target_family = "wasm"), any(feature = "cpu", feature = "wgpu")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests count as ordinary functions")]

#[path = "support/golden.rs"]
mod golden;
#[path = "support/unmix_cases.rs"]
mod unmix_cases;

use golden::floats;
use musiclime::ErrorKind;
use musiclime::audio::stft::Stft;
use musiclime::audio::wiener::{Frame, Wiener};
use musiclime::model::{Backend, OpenUnmix, TensorSpec, Weights, device};
use pollster::block_on;
use realfft::num_complex::Complex;
use safetensors::SafeTensors;
use unmix_cases::{FILTERS, TOLERANCE, cases, run_all};

#[test]
fn agrees_with_the_package_on_every_backend() {
    golden::natively(run_all, TOLERANCE);
}

fn parts() -> SafeTensors<'static> {
    SafeTensors::deserialize(include_bytes!("golden/open_unmix/parts.safetensors")).unwrap()
}

fn complex(values: &[f32]) -> Vec<Complex<f32>> {
    values.chunks(2).map(|pair| Complex::new(pair[0], pair[1])).collect()
}

fn difference(a: &[Complex<f32>], b: &[Complex<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max)
}

#[test]
fn the_transforms_are_pytorchs() {
    let file = parts();
    let get = |name: &str| floats(&file, name).unwrap();
    let stft = Stft::new(16, 4);
    let mut scratch = stft.scratch();
    let sound = get("stft.sound");
    let expected = complex(&get("stft.spectra"));
    assert_eq!(stft.frames(sound.len()) * stft.bins(), expected.len());
    let mut spectrum = vec![Complex::default(); stft.bins()];
    for (frame, expected) in expected.chunks(stft.bins()).enumerate() {
        stft.analyse(&sound, frame, &mut scratch, &mut spectrum);
        assert!(difference(&spectrum, expected) < 1e-6);
    }

    let expected = get("istft.sound");
    let mut track = vec![0.0; expected.len()];
    for (frame, spectrum) in complex(&get("istft.spectra")).chunks(stft.bins()).enumerate() {
        stft.add(spectrum, frame, &mut scratch, &mut track);
    }
    stft.normalise(&mut track);
    let worst = track.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-6, "{worst}");
}

/// Compares the filter with the package's, for mixes of `C` channels.
fn compare_filters<const C: usize>() {
    const BINS: usize = 5;
    let file = parts();
    let get = |name: String| floats(&file, &name).unwrap();
    for loudness in [1, 100] {
        let name = format!("filter.{C}.{loudness}");
        let mix = complex(&get(format!("{name}.mix")));
        let magnitudes = get(format!("{name}.magnitudes"));
        let row = C * BINS;
        let frame = |n: usize| Frame {
            mix: &mix[n * row..][..row],
            magnitudes: std::array::from_fn(|j| &magnitudes[j * mix.len() + n * row..][..row]),
        };
        let frames = mix.len() / row;
        let loudest = mix.iter().map(|value| value.norm()).fold(0.0, f32::max);
        for (filter_name, filter) in FILTERS {
            let expected = complex(&get(format!("{name}.{filter_name}")));
            let mut wiener = Wiener::<C>::new(filter, BINS, loudest);
            for _ in 0..wiener.passes() {
                (0..frames).for_each(|n| wiener.learn(&frame(n)));
                wiener.end_pass();
            }
            let mut out = vec![Complex::default(); expected.len()];
            out.chunks_mut(4 * row).enumerate().for_each(|(n, out)| wiener.apply(&frame(n), out));
            let worst = difference(&out, &expected) / loudness as f32;
            println!("{name} {filter_name}: {worst:.1e}");
            assert!(worst < 2e-6, "{name} {filter_name}: {worst}");
        }
    }
}

#[test]
fn the_filter_is_the_packages() {
    compare_filters::<1>();
    compare_filters::<2>();
}

#[test]
fn missing_superfluous_and_misshapen_tensors_are_named() {
    let (device, _) = block_on(device(Backend::BUILT[0])).unwrap();
    let case = cases().remove(0);
    let build = |change: &dyn Fn(&mut Vec<TensorSpec>)| {
        let mut list = case.weight_list();
        change(&mut list);
        let mut weights = Weights::new(&device);
        for TensorSpec { name, shape } in list {
            weights.insert(&name, &shape, vec![0.5; shape.iter().product()]).unwrap();
        }
        OpenUnmix::new(&case.config, weights).err().map(|e| (e.kind(), e.message().to_owned()))
    };
    assert_eq!(build(&|_| {}), None);
    for name in ["drums.input_mean", "bass.lstm.weight_hh_l1_reverse", "other.bn3.running_var"] {
        let (kind, message) = build(&|list| list.retain(|tensor| tensor.name != name)).unwrap();
        assert_eq!(kind, ErrorKind::Bundle);
        assert!(message.contains(name) && message.contains("missing"), "{message}");

        let (_, message) = build(&|list| {
            list.iter_mut().filter(|tensor| tensor.name == name).for_each(|tensor| tensor.shape[0] += 1)
        })
        .unwrap();
        assert!(message.contains(name) && message.contains("has shape"), "{message}");
    }
    let (_, message) =
        build(&|list| list.push(TensorSpec { name: "piano.fc1.weight".to_owned(), shape: vec![3] })).unwrap();
    assert!(message.contains("piano.fc1.weight"), "{message}");
}

#[test]
fn damaged_weights_are_an_error_and_not_noise() {
    use musiclime::audio::unmix::{UnmixSettings, separate};
    let (device, _) = block_on(device(Backend::BUILT[0])).unwrap();
    let case = cases().remove(0);
    let mut weights = Weights::new(&device);
    for TensorSpec { name, shape } in case.weight_list() {
        let value = if name == "drums.bn2.running_var" { -1.0 } else { 0.5 };
        weights.insert(&name, &shape, vec![value; shape.iter().product()]).unwrap();
    }
    let model = OpenUnmix::new(&case.config, weights).unwrap();
    let mix = case.mix("mono").unwrap();
    let settings = UnmixSettings::default();
    let error = block_on(separate(&model, &mix, &settings, &mut musiclime::Quiet)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bundle);
}
