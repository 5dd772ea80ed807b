//! Scoring a design batch by batch.

use super::fit::{Surrogate, fit_design};
use super::mask::{Layout, Mask};
use super::ridge::Design;
use super::sampling::{masks, varying};
use super::settings::Settings;
use crate::{Error, Flow, Observer, Result, Stage};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::ops::Range;

/// A model, as far as LIME sees one.
pub trait Score {
    /// The class probabilities for each mask: one row per mask, in order, all of one length.
    ///
    /// # Errors
    /// Whatever keeps the model from scoring.
    fn score(&mut self, masks: &[Mask]) -> impl Future<Output = Result<Vec<Vec<f64>>>>;
}

/// Why scoring ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stopped {
    /// All the rows that were asked for are scored.
    Budget,
    /// The user asked to stop; the rows until then are kept.
    Cancelled,
}

impl Stopped {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Stopped::Budget => "budget",
            Stopped::Cancelled => "cancelled",
        }
    }
}

/// Scored rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// The masks, row 0 (all ones) first.
    pub masks: Vec<Mask>,
    /// The class probabilities of each row.
    pub scores: Vec<Vec<f64>>,
    /// The features that vary, as positions of the masks.
    pub features: Range<usize>,
    /// Why there are no more rows.
    pub stopped: Stopped,
    /// How many different masks were scored.
    pub distinct: usize,
}

/// Draws the design's rows and has them scored, equal masks once, `settings.batch` different
/// masks at a time. Before each batch the observer may stop it; what is scored by then is
/// returned.
///
/// # Errors
/// [`ErrorKind::Input`](crate::ErrorKind::Input) as [`masks`] says;
/// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) when stopped before row 0 is scored;
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) for a scorer that breaks its contract;
/// and the scorer's own.
pub async fn run(
    scorer: &mut impl Score,
    layout: Layout,
    settings: &Settings,
    observer: &mut impl Observer,
) -> Result<Rows> {
    let features = varying(layout, settings.modality)?;
    let masks = masks(layout, settings)?;
    let (distinct, places) = distinct(&masks);
    let mut scored: Vec<Vec<f64>> = Vec::with_capacity(distinct.len());
    let mut done = 0;
    let mut stopped = Stopped::Budget;
    observer.report(Stage::Score, 0, masks.len());
    for batch in distinct.chunks(settings.batch) {
        if observer.pause().await == Flow::Stop {
            stopped = Stopped::Cancelled;
            break;
        }
        let scores = scorer.score(batch).await?;
        let classes = scored.first().or(scores.first()).map_or(0, Vec::len);
        check(&scores, batch.len(), classes)?;
        scored.extend(scores);
        // Masks are numbered as they first appear, so the finished rows are the first ones.
        done = places.iter().position(|&place| place >= scored.len()).unwrap_or(places.len());
        observer.report(Stage::Score, done, masks.len());
    }
    if done == 0 {
        return Err(Error::cancelled());
    }
    let scores: Vec<Vec<f64>> =
        places.iter().take(done).filter_map(|&place| scored.get(place)).cloned().collect();
    let masks = masks.into_iter().take(done).collect();
    Ok(Rows { masks, scores, features, stopped, distinct: scored.len() })
}

/// The different masks as they first appear, and the place among them of each row's mask.
fn distinct(masks: &[Mask]) -> (Vec<Mask>, Vec<usize>) {
    let mut seen: HashMap<&Mask, usize> = HashMap::with_capacity(masks.len());
    let mut distinct = Vec::new();
    let places = masks
        .iter()
        .map(|mask| match seen.entry(mask) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                distinct.push(mask.clone());
                *entry.insert(distinct.len() - 1)
            }
        })
        .collect();
    (distinct, places)
}

/// Holds a scorer to its contract.
fn check(scores: &[Vec<f64>], masks: usize, classes: usize) -> Result<()> {
    if scores.len() != masks {
        return Err(Error::internal(format!("the scorer gave {} rows for {masks} masks", scores.len())));
    }
    for (row, scores) in scores.iter().enumerate() {
        if scores.is_empty() || scores.len() != classes {
            let message =
                format!("the scorer gave {} classes in row {row}, {classes} in the first", scores.len());
            return Err(Error::internal(message));
        }
        if let Some(class) = scores.iter().position(|score| !score.is_finite()) {
            let message = format!("the model's score of class {class} is {}", scores[class]);
            return Err(Error::internal(message).hint("its weights may be damaged: check the bundle"));
        }
    }
    Ok(())
}

impl Rows {
    /// The class probabilities of row 0.
    pub fn instance(&self) -> &[f64] {
        self.scores.first().map_or(&[], Vec::as_slice)
    }

    /// The `k` most probable classes of row 0, most probable first; equal ones by number.
    pub fn top_labels(&self, k: usize) -> Vec<usize> {
        top_labels(self.instance(), k)
    }

    /// One surrogate per label, with features numbered as in the masks.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) for a label that the model doesn't have, a
    /// single row, and settings out of range.
    pub fn explain(&self, labels: &[usize], settings: &Settings) -> Result<Vec<Surrogate>> {
        let classes = self.instance().len();
        if let Some(label) = labels.iter().find(|&&label| label >= classes) {
            return Err(Error::input(format!("there is no label {label}"))
                .hint(format!("the model has {classes}, counted from 0")));
        }
        let varying: Vec<Mask> = self.masks.iter().map(|mask| mask.part(self.features.clone())).collect();
        let design = Design::new(&varying, settings)?;
        labels
            .iter()
            .map(|&label| {
                let scores: Vec<f64> = self.scores.iter().filter_map(|row| row.get(label)).copied().collect();
                let mut surrogate = fit_design(&design, &scores, settings)?;
                surrogate.weights.iter_mut().for_each(|(feature, _)| *feature += self.features.start);
                Ok(surrogate)
            })
            .collect()
    }
}

/// The places of the `k` largest scores, largest first; equal ones by number.
pub fn top_labels(scores: &[f64], k: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    order.truncate(k);
    order
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Modality, Preset, Sampling};
    use super::*;
    use crate::{ErrorKind, Quiet};
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// Scores a mask by how much of it is on, and remembers what it was asked.
    #[derive(Default)]
    struct Share {
        asked: Vec<Mask>,
        largest_batch: usize,
    }

    impl Score for Share {
        async fn score(&mut self, masks: &[Mask]) -> Result<Vec<Vec<f64>>> {
            self.asked.extend_from_slice(masks);
            self.largest_batch = self.largest_batch.max(masks.len());
            let share = |mask: &Mask| mask.count_on() as f64 / mask.len() as f64;
            Ok(masks.iter().map(|mask| vec![share(mask), 1.0 - share(mask)]).collect())
        }
    }

    /// Stops after a number of pauses, and remembers what was reported.
    struct StopAfter {
        pauses: usize,
        reports: Vec<(usize, usize)>,
    }

    impl Observer for StopAfter {
        fn report(&mut self, stage: Stage, done: usize, total: usize) {
            assert_eq!(stage, Stage::Score);
            self.reports.push((done, total));
        }

        async fn pause(&mut self) -> Flow {
            if self.pauses == 0 {
                return Flow::Stop;
            }
            self.pauses -= 1;
            Flow::Continue
        }
    }

    fn settings(samples: usize, batch: usize) -> Settings {
        Settings { samples, batch, seed: 5, ..Settings::preset(Preset::Default) }
    }

    proptest! {
        #[test]
        fn each_different_mask_is_scored_once(audio in 1usize..8, samples in 2usize..120, batch in 1usize..20, lime: bool) {
            let sampling = if lime { Sampling::LimeText } else { Sampling::Bernoulli };
            let settings = Settings { sampling, ..settings(samples, batch) };
            let layout = Layout { audio, words: 0 };
            let mut scorer = Share::default();
            let rows = pollster::block_on(run(&mut scorer, layout, &settings, &mut Quiet)).expect("scored");
            prop_assert_eq!(&rows.masks, &masks(layout, &settings).expect("a design"));
            let different: HashSet<&Mask> = rows.masks.iter().collect();
            prop_assert_eq!(scorer.asked.len(), different.len());
            prop_assert_eq!(rows.distinct, different.len());
            prop_assert!(scorer.largest_batch <= batch);
            prop_assert_eq!(rows.stopped, Stopped::Budget);
            for (mask, scores) in rows.masks.iter().zip(&rows.scores) {
                prop_assert_eq!(scores[0], mask.count_on() as f64 / audio as f64);
            }
        }

        #[test]
        fn stopping_keeps_the_first_rows(pauses in 1usize..12, batch in 1usize..12) {
            let layout = Layout { audio: 4, words: 2 };
            let settings = settings(90, batch);
            let mut observer = StopAfter { pauses, reports: Vec::new() };
            let rows = pollster::block_on(run(&mut Share::default(), layout, &settings, &mut observer)).expect("scored");
            let all = pollster::block_on(run(&mut Share::default(), layout, &settings, &mut Quiet)).expect("scored");
            let done = rows.masks.len();
            prop_assert!(done >= 1 && rows.scores.len() == done);
            prop_assert_eq!(&rows.masks[..], &all.masks[..done]);
            prop_assert_eq!(&rows.scores[..], &all.scores[..done]);
            prop_assert_eq!(rows.stopped == Stopped::Cancelled, done < 90);
            prop_assert!(observer.reports.windows(2).all(|two| two[0].0 <= two[1].0 && two[1].1 == 90));
            prop_assert_eq!(observer.reports.last(), Some(&(done, 90)));
            if done >= 2 {
                prop_assert_eq!(rows.explain(&[0], &settings).expect("a line").len(), 1);
            }
        }
    }

    #[test]
    fn stopping_before_the_first_batch_leaves_nothing() {
        let (mut scorer, settings) = (Share::default(), settings(10, 4));
        let mut observer = StopAfter { pauses: 0, reports: Vec::new() };
        let result = run(&mut scorer, Layout { audio: 4, words: 0 }, &settings, &mut observer);
        assert_eq!(pollster::block_on(result), Err(Error::cancelled()));
    }

    #[test]
    fn a_scorer_is_held_to_its_contract() {
        struct Canned(Vec<Vec<Vec<f64>>>);
        impl Score for Canned {
            async fn score(&mut self, _: &[Mask]) -> Result<Vec<Vec<f64>>> {
                Ok(self.0.remove(0))
            }
        }
        let good = vec![vec![0.5, 0.5], vec![0.1, 0.9]];
        for (batches, words) in [
            (vec![vec![vec![0.5, 0.5]]], "1 rows for 2 masks"),
            (vec![vec![vec![], vec![]]], "0 classes in row 0"),
            (vec![vec![vec![0.5, 0.5], vec![1.0]]], "1 classes in row 1"),
            (vec![good.clone(), vec![vec![1.0], vec![1.0]]], "1 classes in row 0, 2 in the first"),
            (vec![vec![vec![0.5, f64::NAN], vec![0.5, 0.5]]], "score of class 1 is NaN"),
        ] {
            let layout = Layout { audio: 30, words: 0 };
            let result = pollster::block_on(run(&mut Canned(batches), layout, &settings(8, 2), &mut Quiet));
            let error = result.expect_err(words);
            assert_eq!(error.kind(), ErrorKind::Internal);
            assert!(error.message().contains(words), "{error}");
        }
    }

    #[test]
    fn a_scorers_own_error_is_passed_on() {
        struct Broken;
        impl Score for Broken {
            async fn score(&mut self, _: &[Mask]) -> Result<Vec<Vec<f64>>> {
                Err(Error::device("lost"))
            }
        }
        let result =
            pollster::block_on(run(&mut Broken, Layout { audio: 3, words: 0 }, &settings(8, 2), &mut Quiet));
        assert_eq!(result, Err(Error::device("lost")));
    }

    #[test]
    fn labels_are_ranked_and_checked() {
        assert_eq!(top_labels(&[0.2, 0.4, 0.4, 0.0], 3), [1, 2, 0]);
        assert_eq!(top_labels(&[0.2], 5), [0]);
        assert!(top_labels(&[], 5).is_empty());
        let settings = Settings { modality: Modality::Audio, ..settings(40, 8) };
        let layout = Layout { audio: 5, words: 3 };
        let rows =
            pollster::block_on(run(&mut Share::default(), layout, &settings, &mut Quiet)).expect("scored");
        assert_eq!(rows.top_labels(2), [0, 1]);
        let lines = rows.explain(&[1, 0], &settings).expect("two lines");
        assert_eq!(lines.len(), 2);
        assert!(lines[0].weights[0].1 < 0.0 && lines[1].weights[0].1 > 0.0);
        let error = rows.explain(&[2], &settings).expect_err("no third label");
        assert_eq!(error.kind(), ErrorKind::Input);
    }
}
