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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
