//! Open-Unmix (Stöter, Uhlich, Liutkus and Mitsufuji 2019): one network per stem, each of which
//! turns the magnitudes of a mix into those of its stem. This file holds the sizes and the names;
//! those of the networks' tensors are the `openunmix` package's, behind the name of their stem.

use super::TensorSpec;
use super::config::within;
use crate::audio::Stem;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// The stems that are estimated, in the order of every result: the paper's, and the package's
/// own.
pub const TARGETS: [Stem; 4] = Stem::ALL;

/// The sizes of an Open-Unmix, equal for the networks of all stems; by the field names of the
/// `openunmix` package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenUnmixConfig {
    /// Samples per second of what is separated.
    pub sampling_rate: u32,
    /// Samples of a window of the short-time Fourier transform; even.
    pub n_fft: usize,
    /// Distance of two windows, in samples.
    pub n_hop: usize,
    /// 1 for a mono network, 2 for a stereo one.
    pub nb_channels: usize,
    /// Width of the layers between the spectrograms.
    pub hidden_size: usize,
    /// Layers of the LSTM.
    #[serde(default = "three")]
    pub nb_layers: usize,
    /// Lowest bins that the network reads; it writes all of them.
    pub max_bin: usize,
    /// Whether the LSTM only knows the past.
    #[serde(default)]
    pub unidirectional: bool,
}

/// The most weights of all four networks. `umxl` has 0.11 billion.
const MAX_VALUES: f64 = (1u64 << 29) as f64;

/// The most values of a layer for a second of song, so that the half minute that is heard at
/// once takes 120 MB for four stems. `umxl` has 44,000.
const MAX_STATES_PER_SECOND: usize = 250_000;

impl OpenUnmixConfig {
    /// Bins of a frame.
    pub fn bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Directions in which the LSTM runs through a song.
    pub fn directions(&self) -> usize {
        if self.unidirectional { 1 } else { 2 }
    }

    /// Width of the LSTM's state, for each direction.
    pub fn state_size(&self) -> usize {
        self.hidden_size / self.directions()
    }

    /// Checks that networks of these sizes can exist, so that nothing that is computed from them
    /// overflows or needs memory out of all proportion.
    ///
    /// # Errors
    /// [`ErrorKind::Bundle`](crate::ErrorKind::Bundle), naming the field.
    pub fn validate(&self) -> Result<()> {
        // As for the feature extractor: below 4 kHz no music is left, and 192 kHz is the most that
        // audio interfaces record at.
        within("sampling_rate", self.sampling_rate as usize, 4000, 192_000)?;
        within("n_fft", self.n_fft, 16, 1 << 16)?;
        if !self.n_fft.is_multiple_of(2) {
            return Err(Error::bundle(format!("n_fft is {}, which is not even", self.n_fft)));
        }
        // Hann windows that are further apart leave samples of which nothing is known. Closer ones
        // than a 32nd only multiply the work.
        within("n_hop", self.n_hop, self.n_fft.div_ceil(32), self.n_fft / 2)?;
        within("nb_channels", self.nb_channels, 1, 2)?;
        within("hidden_size", self.hidden_size, 1, 1 << 13)?;
        if !self.hidden_size.is_multiple_of(self.directions()) {
            return Err(Error::bundle(format!(
                "hidden_size {} can't be divided among the two directions of the LSTM",
                self.hidden_size
            )));
        }
        let frames = self.sampling_rate as usize / self.n_hop;
        if frames * self.hidden_size > MAX_STATES_PER_SECOND {
            return Err(Error::bundle(format!(
                "n_hop {} makes {frames} frames a second, too many for a network {} wide",
                self.n_hop, self.hidden_size
            )));
        }
        within("nb_layers", self.nb_layers, 1, 64)?;
        within("max_bin", self.max_bin, 1, self.bins())?;
        let values: f64 = open_unmix_schema(self).iter().map(|tensor| tensor.size() as f64).sum();
        if values > MAX_VALUES {
            return Err(Error::bundle(format!(
                "the configuration makes a separator of {:.2} billion weights, but at most {:.2} billion are supported",
                values / 1e9,
                MAX_VALUES / 1e9
            )));
        }
        Ok(())
    }
}

/// Every tensor that the networks of this configuration are made of, one network after the other,
/// and no other: what the package stores but inference never reads (`num_batches_tracked`, the
/// separator's windows and sampling rate) is not listed.
///
/// The configuration has to be [valid](OpenUnmixConfig::validate), or the list may be absurdly
/// long.
pub fn open_unmix_schema(config: &OpenUnmixConfig) -> Vec<TensorSpec> {
    let mut out = Vec::new();
    for target in TARGETS {
        let mut tensor = |name: &str, shape: &[usize]| {
            out.push(TensorSpec::new(format!("{}.{name}", target.name()), shape));
        };
        let (hidden, state) = (config.hidden_size, config.state_size());
        let inputs = config.max_bin * config.nb_channels;
        let outputs = config.bins() * config.nb_channels;
        tensor("input_mean", &[config.max_bin]);
        tensor("input_scale", &[config.max_bin]);
        tensor("output_scale", &[config.bins()]);
        tensor("output_mean", &[config.bins()]);
        let norm = ["weight", "bias", "running_mean", "running_var"];
        tensor("fc1.weight", &[hidden, inputs]);
        norm.iter().for_each(|part| tensor(&format!("bn1.{part}"), &[hidden]));
        for layer in 0..config.nb_layers {
            let width = if layer == 0 { hidden } else { state * config.directions() };
            for direction in ["", "_reverse"].iter().take(config.directions()) {
                tensor(&format!("lstm.weight_ih_l{layer}{direction}"), &[4 * state, width]);
                tensor(&format!("lstm.weight_hh_l{layer}{direction}"), &[4 * state, state]);
                tensor(&format!("lstm.bias_ih_l{layer}{direction}"), &[4 * state]);
                tensor(&format!("lstm.bias_hh_l{layer}{direction}"), &[4 * state]);
            }
        }
        tensor("fc2.weight", &[hidden, 2 * hidden]);
        norm.iter().for_each(|part| tensor(&format!("bn2.{part}"), &[hidden]));
        tensor("fc3.weight", &[outputs, hidden]);
        norm.iter().for_each(|part| tensor(&format!("bn3.{part}"), &[outputs]));
    }
    out
}

fn three() -> usize {
    3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn umxl() -> Value {
        json!({
            "sampling_rate": 44100, "n_fft": 4096, "n_hop": 1024, "nb_channels": 2,
            "hidden_size": 1024, "max_bin": 1487
        })
    }

    fn parsed(config: Value) -> OpenUnmixConfig {
        serde_json::from_value(config).unwrap()
    }

    #[test]
    fn the_published_networks_are_valid() {
        // As the package counts the parameters and running statistics of one target.
        for (hidden, weights) in [(512, 8_903_592), (1024, 28_269_480)] {
            let mut config = umxl();
            config["hidden_size"] = json!(hidden);
            let config = parsed(config);
            config.validate().unwrap();
            let schema = open_unmix_schema(&config);
            assert_eq!(schema.iter().map(TensorSpec::size).sum::<usize>(), 4 * weights);
        }
    }

    #[test]
    fn one_direction_has_the_whole_width() {
        let mut config = umxl();
        config["unidirectional"] = json!(true);
        config["hidden_size"] = json!(15);
        let config = parsed(config);
        config.validate().unwrap();
        let schema = open_unmix_schema(&config);
        assert!(schema.contains(&TensorSpec::new("bass.lstm.weight_hh_l2", [60, 15])));
        assert!(!schema.iter().any(|tensor| tensor.name.ends_with("_reverse")));
    }

    #[test]
    fn impossible_sizes_are_named() {
        for (field, value, message) in [
            ("sampling_rate", json!(0), "sampling_rate"),
            ("n_fft", json!(0), "n_fft"),
            ("n_fft", json!(4095), "not even"),
            ("n_fft", json!(u32::MAX), "n_fft"),
            ("n_hop", json!(0), "n_hop"),
            ("n_hop", json!(2049), "n_hop"),
            ("n_hop", json!(128), "344 frames a second"),
            ("nb_channels", json!(0), "nb_channels"),
            ("nb_channels", json!(3), "nb_channels"),
            ("hidden_size", json!(0), "hidden_size"),
            ("hidden_size", json!(15), "two directions"),
            ("hidden_size", json!(4096), "billion"),
            ("nb_layers", json!(0), "nb_layers"),
            ("nb_layers", json!(65), "nb_layers"),
            ("max_bin", json!(0), "max_bin"),
            ("max_bin", json!(2050), "max_bin"),
        ] {
            let mut config = umxl();
            config[field] = value;
            let error = parsed(config).validate().unwrap_err();
            assert!(error.message().contains(message), "{field}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_numbers_are_safe(numbers in proptest::collection::vec((0u32..64, any::<u64>()), 6)) {
            let mut config = umxl();
            let names = ["n_fft", "n_hop", "nb_channels", "hidden_size", "nb_layers", "max_bin"];
            for (name, (bits, number)) in names.iter().zip(numbers) {
                if bits > 30 {
                    config[name] = json!(number >> bits);
                }
            }
            let config = parsed(config);
            if config.validate().is_ok() {
                let size = |shape: &[usize]| shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n));
                prop_assert!(open_unmix_schema(&config).iter().all(|tensor| size(&tensor.shape).is_some()));
            }
        }
    }
}
