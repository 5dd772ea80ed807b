//! Every choice of the method, and the three named sets of choices.

use super::mask::Layout;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// The most rows of a design. A million rows of a hundred features are 100 MB of masks, and
/// far beyond what any model scores in a sitting.
pub const MAX_SAMPLES: usize = 1_000_000;

/// The most features of a design: the Gram matrix of 4,096 takes 134 MB. Lyrics that a model
/// hears have a few hundred distinct words.
pub const MAX_FEATURES: usize = 4_096;

/// The most values of a design, rows times features: 400 MB in f64, which a browser's tab and its
/// 4 GB still hold together with a model. 5,000 rows of 300 features are 1.5 million.
pub const MAX_VALUES: usize = 50_000_000;

/// Holds a design's size against the three bounds.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input), naming what is too large.
pub(super) fn check_size(rows: usize, features: usize) -> Result<()> {
    if features > MAX_FEATURES {
        return Err(Error::input(format!("{features} features are too many"))
            .hint(format!("at most {MAX_FEATURES}: fewer segments, or shorter lyrics")));
    }
    if rows > MAX_SAMPLES || rows.saturating_mul(features) > MAX_VALUES {
        return Err(Error::input(format!("{rows} rows of {features} features are too many"))
            .hint(format!("at most {MAX_SAMPLES} rows, and {MAX_VALUES} values in all")));
    }
    Ok(())
}

/// Gives an enum of plain names `ALL`, `name`, `Display` and `FromStr`, all from one list.
macro_rules! named {
    ($type:ident, $what:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// All values, in the order of the documentation.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// The name on the command line and in JSON.
            pub fn name(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| {
                    Error::input(format!(concat!("unknown ", $what, " {:?}"), text))
                        .hint(format!("one of: {}", [$($name),+].join(", ")))
                })
            }
        }
    };
}

/// What is perturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Stems and words.
    Both,
    /// Only the stems; the lyrics stay whole and their words are no features.
    Audio,
    /// Only the words; the mix stays whole and its stems are no features.
    Lyrics,
}

named!(Modality, "modality", Both = "both", Audio = "audio", Lyrics = "lyrics");

impl Modality {
    /// The features that vary, as a range of a mask's positions.
    pub fn features(self, layout: Layout) -> Range<usize> {
        match self {
            Modality::Both => 0..layout.features(),
            Modality::Audio => 0..layout.audio,
            Modality::Lyrics => layout.audio..layout.features(),
        }
    }
}

/// A named set of choices; [`Settings::preset`] spells them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// What the paper's published notebooks do.
    Paper,
    /// What the `lime` package's text explainer does.
    Lime,
    /// What this project defends (see the documentation of [`crate::lime`]).
    Default,
}

named!(Preset, "preset", Paper = "paper", Lime = "lime", Default = "default");

/// How masks are drawn. Row 0 is all ones either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Every feature is on with probability 1/2, independently.
    Bernoulli,
    /// A number of features, uniform in 1..=n, is switched off, drawn without replacement.
    LimeText,
}

named!(Sampling, "sampling", Bernoulli = "bernoulli", LimeText = "lime_text");

/// Which features enter the surrogate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSelection {
    /// Forward selection for up to six features, the highest weights for more.
    Auto,
    /// The largest |weight × value in row 0| of a ridge fit with all features.
    HighestWeights,
    /// Greedily the feature that raises the weighted R² of a least-squares fit most.
    ForwardSelection,
    /// The last point of the lasso's path that has few enough nonzero coefficients.
    LassoPath,
    /// All features; a number of features is ignored, as the `lime` package does.
    None,
}

named!(
    FeatureSelection,
    "feature selection",
    Auto = "auto",
    HighestWeights = "highest_weights",
    ForwardSelection = "forward_selection",
    LassoPath = "lasso_path",
    None = "none",
);

/// Everything that decides an explanation, given a model and an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Where the other values came from.
    pub preset: Preset,
    /// How masks are drawn.
    pub sampling: Sampling,
    /// Rows, the instance's own (row 0) included.
    pub samples: usize,
    /// What the masks are drawn from: equal seeds give equal masks on every platform.
    pub seed: u64,
    /// What is perturbed.
    pub modality: Modality,
    /// What the cosine distance (0 to 1) is multiplied by before the kernel.
    pub distance_scale: f64,
    /// The kernel's width `w` in `sqrt(exp(-d² / w²))`.
    pub kernel_width: f64,
    /// Which features enter the surrogate.
    pub feature_selection: FeatureSelection,
    /// How many of them at most; all when absent.
    pub num_features: Option<usize>,
    /// The ridge penalty of the fit from which `highest_weights` chooses.
    pub selection_alpha: f64,
    /// The surrogate's own ridge penalty.
    pub surrogate_alpha: f64,
    /// How many distinct masks are handed to the scorer at once. A larger batch lets it sort
    /// texts by length better; a smaller one hears "cancel" sooner.
    pub batch: usize,
}

impl Settings {
    /// The values of a preset, with seed 0 and both modalities.
    pub fn preset(preset: Preset) -> Self {
        let paper = Self {
            preset,
            sampling: Sampling::Bernoulli,
            samples: 1_000,
            seed: 0,
            modality: Modality::Both,
            distance_scale: 1.0,
            kernel_width: 25.0,
            feature_selection: FeatureSelection::Auto,
            num_features: None,
            selection_alpha: 0.0,
            surrogate_alpha: 1.0,
            batch: 16,
        };
        match preset {
            Preset::Paper => paper,
            Preset::Lime => Self {
                sampling: Sampling::LimeText,
                samples: 5_000,
                distance_scale: 100.0,
                selection_alpha: 0.01,
                ..paper
            },
            Preset::Default => {
                Self { feature_selection: FeatureSelection::None, selection_alpha: 0.01, ..paper }
            }
        }
    }

    /// Checks the values that have a limit.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input), naming the setting.
    pub fn validate(&self) -> Result<()> {
        if !(2..=MAX_SAMPLES).contains(&self.samples) {
            return Err(Error::input(format!("{} samples can't be explained from", self.samples))
                .hint(format!("choose between 2 and {MAX_SAMPLES}")));
        }
        if self.batch == 0 {
            return Err(Error::input("a batch of 0 rows scores nothing").hint("choose at least 1"));
        }
        self.validate_fit()
    }

    /// Checks what the fit alone needs.
    pub(super) fn validate_fit(&self) -> Result<()> {
        let finite = |name: &str, value: f64, least: &str, good: bool| {
            if value.is_finite() && good {
                return Ok(());
            }
            Err(Error::input(format!("{name} can't be {value}")).hint(format!("choose a number {least}")))
        };
        finite("the kernel width", self.kernel_width, "above 0", self.kernel_width > 0.0)?;
        finite("the distance scale", self.distance_scale, "of at least 0", self.distance_scale >= 0.0)?;
        finite("the selection's alpha", self.selection_alpha, "of at least 0", self.selection_alpha >= 0.0)?;
        finite("the surrogate's alpha", self.surrogate_alpha, "of at least 0", self.surrogate_alpha >= 0.0)?;
        if self.num_features == Some(0) {
            return Err(Error::input("an explanation of 0 features says nothing").hint("choose at least 1"));
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::preset(Preset::Default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn names_go_back_and_forth() {
        for &value in FeatureSelection::ALL {
            assert_eq!(value.to_string().parse::<FeatureSelection>(), Ok(value));
            assert_eq!(serde_json::to_string(&value).ok(), Some(format!("\"{value}\"")));
        }
        for &value in Modality::ALL {
            assert_eq!(value.to_string().parse::<Modality>(), Ok(value));
            assert_eq!(serde_json::to_string(&value).ok(), Some(format!("\"{value}\"")));
        }
        for &value in Preset::ALL {
            assert_eq!(value.to_string().parse::<Preset>(), Ok(value));
            assert_eq!(serde_json::to_string(&value).ok(), Some(format!("\"{value}\"")));
        }
        for &value in Sampling::ALL {
            assert_eq!(value.to_string().parse::<Sampling>(), Ok(value));
            assert_eq!(serde_json::to_string(&value).ok(), Some(format!("\"{value}\"")));
        }
    }

    #[test]
    fn an_unknown_name_is_the_users_error_and_lists_the_known_ones() {
        let error = "lyrical".parse::<Modality>().expect_err("no such modality");
        assert_eq!(error.kind(), ErrorKind::Input);
        assert_eq!(error.message(), "unknown modality \"lyrical\"");
        assert_eq!(error.next_step(), Some("one of: both, audio, lyrics"));
    }

    #[test]
    fn impossible_values_are_refused() {
        let good = Settings::default();
        assert_eq!(good.validate(), Ok(()));
        let bad = [
            Settings { samples: 1, ..good.clone() },
            Settings { samples: MAX_SAMPLES + 1, ..good.clone() },
            Settings { batch: 0, ..good.clone() },
            Settings { kernel_width: 0.0, ..good.clone() },
            Settings { kernel_width: f64::NAN, ..good.clone() },
            Settings { distance_scale: -1.0, ..good.clone() },
            Settings { selection_alpha: f64::INFINITY, ..good.clone() },
            Settings { surrogate_alpha: -0.1, ..good.clone() },
            Settings { num_features: Some(0), ..good.clone() },
        ];
        for settings in bad {
            let error = settings.validate().expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Input, "{settings:?}");
            assert!(error.next_step().is_some());
        }
    }

    #[test]
    fn modalities_choose_their_features() {
        let layout = Layout { audio: 40, words: 7 };
        assert_eq!(Modality::Both.features(layout), 0..47);
        assert_eq!(Modality::Audio.features(layout), 0..40);
        assert_eq!(Modality::Lyrics.features(layout), 40..47);
    }
}
