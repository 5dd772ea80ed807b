//! LIME: masks, the kernel, the surrogate, and the engine that has perturbations scored.
//!
//! The method is that of Ribeiro, Singh and Guestrin, "Why Should I Trust You?" (KDD 2016), as
//! MusicLIME (Sotirou et al., arXiv 2409.10496) applies it to songs: switch parts of the
//! instance off at random ([`masks`]), let the model score what is left ([`run`], through
//! [`Score`], which is all that this room sees of a model), weight each row by its nearness to
//! the instance ([`kernel()`]), and read each part's effect off a weighted ridge regression
//! ([`fit`], [`Rows::explain`]).
//!
//! ```
//! use musiclime::lime::{Layout, Mask, Score, Settings, run};
//!
//! /// A "model" that hears only the first stem segment and the second word.
//! struct Toy;
//!
//! impl Score for Toy {
//!     async fn score(&mut self, masks: &[Mask]) -> musiclime::Result<Vec<Vec<f64>>> {
//!         let on = |mask: &Mask, i: usize| f64::from(mask.as_slice()[i]);
//!         Ok(masks.iter().map(|mask| vec![0.2 + 0.5 * on(mask, 0) + 0.2 * on(mask, 5)]).collect())
//!     }
//! }
//!
//! let settings = Settings { samples: 200, ..Settings::default() };
//! let layout = Layout { audio: 4, words: 3 };
//! let rows = pollster::block_on(run(&mut Toy, layout, &settings, &mut musiclime::Quiet))?;
//! let explanation = &rows.explain(&[0], &settings)?[0];
//! assert_eq!(explanation.weights[0].0, 0);
//! assert_eq!(explanation.weights[1].0, 5);
//! # Ok::<(), musiclime::Error>(())
//! ```
//!
//! # Presets
//! | | `paper` | `lime` | `default` |
//! |---|---|---|---|
//! | masks | fair coins | LIME's text sampling | fair coins |
//! | distance × | 1 | 100 | 1 |
//! | kernel width | 25 | 25 | 25 |
//! | selection | `auto` | `auto` | `none` |
//! | its ridge penalty | 0 | 0.01 | (0.01) |
//! | surrogate's penalty | 1 | 1 | 1 |
//! | rows | 1,000 | 5,000 | 1,000 |
//!
//! `paper` and `lime` reproduce the published notebooks and the released package; golden tests
//! hold every selection against lime 0.2.0.1 and scikit-learn.
//!
//! ## Why `default` is what it is
//! - **Fair coins and a flat kernel.** A cosine distance of at most 1 against a width of 25 gives
//!   every row a weight above 0.999, so the fit is an ordinary regression, and a coefficient
//!   estimates something that can be said in a sentence: by how much having this feature changes
//!   the score, averaged over all ways to keep or drop the others (its Banzhaf value, for a
//!   model whose interactions are pairs or balance out). Practically flat is thus a virtue here,
//!   as long as nobody calls the result local.
//! - **Not LIME's sampling.** It was made to look near the instance, and it pays: with 140
//!   features and 1,000 rows, Kish's effective sample size is 66 % of the rows (fair coins: 98 %
//!   with distances × 100, 100 % without), and since rows with few and with many features off
//!   tell features apart badly, a coefficient's error is 1.47 times that of fair coins, or 1.20
//!   times with a flat kernel. To be as sure, one has to score 2.2 times as many rows
//!   (`tests/lime_statistics.rs` measures all of this). The × 100 alone costs fair coins nothing
//!   and gives them nothing: all their rows are about equally far away.
//! - **No selection.** With orthogonal features, leaving some out changes hardly anything about
//!   the others; a selection only hides what was measured, and its choice among near-equals is
//!   luck that no interval admits. Pages and readers cut the list as they like.
//! - **Words are case-folded** (in the room of lyrics), so that "Love" and "love" share one weight.
//!
//! # Errors of coefficients
//! [`Surrogate::std_errors`] are heteroscedasticity-robust (HC2, with ridge's own share of
//! residual variance). Their 90 % intervals ([`Surrogate::interval`]) held the truth of a model
//! with interactions in 89.8 % of 6,000 cases (20 features, 300 rows) and 89.6 % of 12,000
//! (60 features, 200 rows). With fewer rows than features the penalty pulls every coefficient
//! towards zero, which no spread over masks shows: 78 % for 140 features and 64 rows.
//!
//! # Where the `lime` package's answer is luck
//! Copies of a column, columns that add up to a constant, and columns that never vary make some
//! fits without a penalty singular. Rounding then decides what scikit-learn answers. Here such a
//! fit always has the least-norm solution, a constant column weighs 0, and among quantities that
//! differ by rounding alone the lower feature comes first. Scores that are all equal have an R²
//! of 1 (scikit-learn's own convention where its rounding lets it be seen), so no NaN is printed.

mod engine;
mod fit;
mod kernel;
mod lars;
mod linalg;
mod mask;
mod ridge;
mod sampling;
mod select;
mod settings;
pub mod surrogate;

pub use engine::{Rows, Score, Stopped, run, top_labels};
pub use fit::{Surrogate, fit};
pub use kernel::{cosine_distances, effective_sample_size, kernel};
pub use mask::{Layout, Mask};
pub use sampling::masks;
pub use settings::{
    FeatureSelection, MAX_FEATURES, MAX_SAMPLES, MAX_VALUES, Modality, Preset, Sampling, Settings,
};
