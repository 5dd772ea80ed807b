//! Where the rooms meet: a song, its lyrics and a model become an explanation.
//!
//! [`Listener`] is a model with what it needs to hear a song and read its lyrics, [`Song`] a
//! recording at that model's rate with its stems, [`Request`] what the user asks for.
//! [`predict`] and [`explain`] are all that a command line or a page has to call.

pub mod drawing;
mod listener;
pub mod listening;
mod material;
mod report;
mod request;
mod scorer;
mod song;

pub use listener::Listener;
pub use request::Request;
pub use song::{Separator, Song};

use crate::explanation::{Explanation, Prediction};
use crate::lime;
use crate::{Observer, Result, Stage};
use material::Material;
use report::Findings;
use scorer::PairScorer;

/// Scores the song as it is: the original mix and the lyrics, most probable class first.
///
/// Of a song longer than the model's window it scores the stretch that [`explain`] would explain.
///
/// # Errors
/// If the request doesn't fit the song or the model, or the device fails.
pub async fn predict(
    listener: &Listener,
    song: &Song,
    lyrics: &str,
    request: &Request,
) -> Result<Vec<Prediction>> {
    let material = Material::prepare(listener, song, lyrics, request)?;
    predict_material(listener, song, &material).await
}

async fn predict_material(listener: &Listener, song: &Song, material: &Material) -> Result<Vec<Prediction>> {
    let text = material.whole_text();
    let scores = listener.listen(material.mix(song), text).await?;
    Ok(report::predictions(listener.labels(), &scores))
}

/// Explains the predictions for one song.
///
/// Stops early when the observer says so; if the unperturbed song was scored by then, the
/// explanation made of the rows so far is returned, and its `run.stopped` says that.
///
/// # Errors
/// If the request doesn't fit the song or the model, or the device fails.
pub async fn explain(
    listener: &Listener,
    song: &mut Song,
    lyrics: &str,
    request: &Request,
    observer: &mut impl Observer,
) -> Result<Explanation> {
    let material = Material::prepare(listener, song, lyrics, request)?;
    let labels = request.label_indices(listener.labels())?;
    let predictions = predict_material(listener, song, &material).await?;
    if material.varies_audio() {
        song.separate(listener, observer).await?;
    }
    let mut scorer = PairScorer::new(listener, song, &material)?;
    let rows = lime::run(&mut scorer, material.layout(), material.settings(), observer).await?;
    let passes = scorer.passes();

    let labels = labels.unwrap_or_else(|| rows.top_labels(request.top_labels));
    observer.report(Stage::Fit, 0, 1);
    let surrogates = labels.iter().copied().zip(rows.explain(&labels, material.settings())?).collect();
    observer.report(Stage::Fit, 1, 1);
    let findings = Findings { predictions, rows, passes, surrogates };
    let explanation = report::explanation(listener, song, lyrics, &material, findings);
    explanation.validate()?;
    Ok(explanation)
}
