//! Writing explanations, and reading them with distrust.

use super::{Explanation, Feature, LabelExplanation, MAX_SEGMENTS, Prediction, SCHEMA, STEMS, StemShare};
use crate::{Error, Result};
use serde::Deserialize;
use std::collections::HashSet;

/// The longest explanation that is read. Nine labels with 4,000 words each, the most that are
/// explained, come to 10 MB.
pub const MAX_JSON_BYTES: usize = 32 << 20;

impl Explanation {
    /// Reads an explanation and checks everything that others rely on.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input) if it is too long, malformed, of a newer
    /// schema, or not [valid](Self::validate).
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_JSON_BYTES {
            return Err(Error::input(format!(
                "the explanation has {} MB, more than the {} MB that any has",
                bytes.len() >> 20,
                MAX_JSON_BYTES >> 20
            )));
        }
        // The number comes first, since a newer schema's fields need not make sense here.
        let schema = read::<SchemaOnly>(bytes)?.schema;
        if schema > u64::from(SCHEMA) {
            return Err(Error::input(format!(
                "the explanation has schema {schema}, and this version reads up to {SCHEMA}"
            ))
            .hint("update musiclime to read it"));
        }
        let explanation: Self = read(bytes)?;
        explanation.validate()?;
        Ok(explanation)
    }

    /// The explanation as JSON for people too: indented, with its fields always in the same
    /// order, ending in a line break.
    ///
    /// A number that is not finite has no JSON and becomes `null`, which can't be read again;
    /// [`validate`](Self::validate) finds it.
    pub fn to_json(&self) -> String {
        // Writing structs of strings and numbers to memory has no way to fail.
        let mut json = serde_json::to_string_pretty(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Whether everything in it makes sense: a known schema, finite numbers, probabilities in
    /// [0, 1], stems and modality known by name, each feature once a label, hashes well formed.
    ///
    /// # Errors
    /// [`ErrorKind::Input`](crate::ErrorKind::Input), naming the place.
    pub fn validate(&self) -> Result<()> {
        if self.schema != SCHEMA {
            return Err(wrong("schema", format!("is {} and not {SCHEMA}", self.schema)));
        }
        for (place, hash) in [("song.sha256", &self.song.sha256), ("model.sha256", &self.model.sha256)] {
            if hash.len() != 64 || !hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(wrong(place, "is not 64 hexadecimal digits"));
            }
        }
        let settings = &self.settings;
        stretch("song.seconds", 0.0, self.song.seconds)?;
        stretch("settings.window", settings.window.start, settings.window.end)?;
        if !["both", "audio", "lyrics"].contains(&settings.modality.as_str()) {
            let modality = &settings.modality;
            return Err(wrong("settings.modality", format!("is {modality:?} and not both, audio or lyrics")));
        }
        if let Some(seconds) = settings.dropped_seconds {
            stretch("settings.dropped_seconds", 0.0, seconds)?;
        }
        if settings.segments > MAX_SEGMENTS {
            return Err(wrong("settings.segments", format!("is more than {MAX_SEGMENTS}")));
        }
        let numbers =
            [settings.kernel_width, settings.distance_scale, settings.selection_alpha, settings.alpha];
        for number in numbers.into_iter().flatten() {
            finite("settings", number)?;
        }
        predictions("predictions", &self.predictions)?;
        predictions("composed", &self.composed)?;
        if let Some(separation) = &self.separation {
            finite("separation.residual", separation.residual)?;
            for StemShare { stem, share } in &separation.shares {
                if !STEMS.contains(&stem.as_str()) {
                    return Err(wrong("separation.shares", format!("name the unknown stem {stem:?}")));
                }
                finite("separation.shares", *share)?;
            }
        }
        let mut labels = HashSet::new();
        for explanation in &self.explanations {
            if !labels.insert(explanation.label.as_str()) {
                return Err(wrong("explanations", format!("explain {:?} twice", explanation.label)));
            }
            explanation.validate()?;
        }
        Ok(())
    }
}

impl LabelExplanation {
    fn validate(&self) -> Result<()> {
        let place = format!("explanations of {:?}", self.label);
        for number in [self.intercept, self.score, self.local_prediction] {
            finite(&place, number)?;
        }
        let mut names = HashSet::new();
        for feature in &self.features {
            let name = feature.name();
            let place = format!("{place}, {name:?}");
            // A word may be spelled like a stem and a number.
            if !names.insert((matches!(feature, Feature::Word(_)), name)) {
                return Err(wrong(&place, "stands there twice"));
            }
            feature.validate(&place)?;
        }
        Ok(())
    }
}

impl Feature {
    fn validate(&self, place: &str) -> Result<()> {
        finite(place, self.weight())?;
        let (low, high) = match self {
            Self::Audio(audio) => {
                if !STEMS.contains(&audio.stem.as_str()) {
                    return Err(wrong(place, format!("names the unknown stem {:?}", audio.stem)));
                }
                if audio.segment >= MAX_SEGMENTS {
                    return Err(wrong(place, format!("is past segment {}", MAX_SEGMENTS - 1)));
                }
                stretch(place, audio.start, audio.end)?;
                (audio.low, audio.high)
            }
            Self::Word(word) => (word.low, word.high),
        };
        match (low, high) {
            (None, None) => Ok(()),
            (Some(low), Some(high)) => {
                finite(place, low)?;
                finite(place, high)?;
                if low > high {
                    return Err(wrong(place, format!("has an interval from {low} down to {high}")));
                }
                Ok(())
            }
            _ => Err(wrong(place, "has one end of an interval without the other")),
        }
    }
}

#[derive(Deserialize)]
struct SchemaOnly {
    schema: u64,
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::input(format!("this is no explanation: {error}"))
            .hint("give a file that `musiclime explain` or the page's Download wrote")
    })
}

fn predictions(place: &str, predictions: &[Prediction]) -> Result<()> {
    for Prediction { label, probability } in predictions {
        if !(0.0..=1.0).contains(probability) {
            return Err(wrong(place, format!("give {label:?} the probability {probability}")));
        }
    }
    Ok(())
}

fn stretch(place: &str, start: f64, end: f64) -> Result<()> {
    finite(place, start)?;
    finite(place, end)?;
    if start < 0.0 || end < start {
        return Err(wrong(place, format!("goes from {start} s to {end} s")));
    }
    Ok(())
}

fn finite(place: &str, number: f64) -> Result<()> {
    if number.is_finite() {
        Ok(())
    } else {
        Err(wrong(place, format!("holds {number}, which is no finite number")))
    }
}

fn wrong(place: &str, complaint: impl std::fmt::Display) -> Error {
    Error::input(format!("this explanation can't be used: {place} {complaint}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{AudioFeature, Model, Run, Settings, Song, Window, WordFeature};
    use super::*;
    use crate::ErrorKind;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    pub(in super::super) fn audio(stem: &str, segment: usize, weight: f64) -> Feature {
        let start = segment as f64;
        Feature::Audio(AudioFeature {
            stem: stem.into(),
            segment,
            start,
            end: start + 1.0,
            weight,
            low: None,
            high: None,
            heard: true,
        })
    }

    pub(in super::super) fn word(word: &str, weight: f64) -> Feature {
        let word = word.into();
        Feature::Word(WordFeature { word, count: 1, weight, low: None, high: None, heard: true })
    }

    pub(in super::super) fn example(label: &str, features: Vec<Feature>) -> Explanation {
        let prediction = |label: &str, probability| Prediction { label: label.into(), probability };
        Explanation {
            schema: SCHEMA,
            song: Song { title: "A song".into(), seconds: 12.5, sha256: "0a".repeat(32) },
            model: Model { id: "demo".into(), sha256: "f9".repeat(32) },
            lyrics: Some("love is all".into()),
            settings: Settings {
                preset: "default".into(),
                samples: 1000,
                seed: u64::MAX,
                segments: 10,
                modality: "both".into(),
                separator: "dsp".into(),
                window: Window { start: 1.0, end: 11.24 },
                backend: "cpu".into(),
                kernel_width: Some(25.0),
                ..Settings::default()
            },
            run: Run { rows: 1000, audio_passes: 1000, text_passes: 1000, stopped: "budget".into() },
            predictions: vec![prediction(label, 0.75), prediction("other", 0.25)],
            composed: vec![prediction(label, 0.7), prediction("other", 0.3)],
            separation: None,
            interaction: None,
            explanations: vec![LabelExplanation {
                label: label.into(),
                intercept: 0.1,
                score: 0.9,
                local_prediction: 0.7,
                features,
            }],
        }
    }

    /// The example's JSON with one place changed, or made when it was absent.
    fn changed(pointer: &str, value: Value) -> Result<Explanation> {
        let features = vec![audio("vocals", 0, 0.5), audio("drums", 1, -0.25), word("love", 0.125)];
        let mut json = serde_json::to_value(example("pop", features)).unwrap();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        match json.pointer_mut(parent).unwrap() {
            Value::Object(object) => {
                object.insert(field.into(), value);
            }
            array => array[field.parse::<usize>().unwrap()] = value,
        }
        Explanation::from_json(json.to_string().as_bytes())
    }

    #[test]
    fn the_written_form_is_the_contract() {
        let mut explanation = example("pop", vec![audio("vocals", 0, 0.5), word("love", 0.125)]);
        if let Feature::Word(word) = &mut explanation.explanations[0].features[1] {
            (word.low, word.high, word.heard) = (Some(-0.5), Some(0.75), false);
        }
        let json: Value = serde_json::from_str(&explanation.to_json()).unwrap();
        assert_eq!(
            json["explanations"][0]["features"],
            json!([
                {"kind": "audio", "stem": "vocals", "segment": 0, "start": 0.0, "end": 1.0, "weight": 0.5},
                {"kind": "word", "word": "love", "count": 1, "weight": 0.125, "low": -0.5, "high": 0.75,
                 "heard": false},
            ])
        );
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = "schema song model lyrics settings run predictions composed explanations";
        assert_eq!(keys.join(" "), expected);
        assert_eq!(json["settings"]["window"], json!({"start": 1.0, "end": 11.24}));
        assert_eq!(json["settings"].get("dtype"), None);
        assert_eq!(json["run"]["stopped"], json!("budget"));
        explanation.lyrics = None;
        assert!(!explanation.to_json().contains("\"lyrics\""));
    }

    #[test]
    fn fields_of_the_future_are_ignored() {
        for pointer in ["/mood", "/song/artist", "/settings/temperature", "/explanations/0/features/0/colour"]
        {
            assert!(changed(pointer, json!({"any": ["thing"]})).is_ok(), "{pointer}");
        }
        assert!(changed("/interaction", json!({"share": 0.2})).is_ok());
        let separation = |stem| json!({"shares": [{"stem": stem, "share": 0.5}], "residual": 0.01});
        assert!(changed("/separation", separation("bass")).is_ok());
        assert!(changed("/separation", separation("harp")).is_err());
    }

    #[test]
    fn a_newer_schema_says_to_update() {
        let error = Explanation::from_json(br#"{"schema": 2, "all": "new"}"#).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input);
        assert!(error.next_step().unwrap().contains("update"));
    }

    #[test]
    fn nonsense_is_refused_where_it_stands() {
        let cases = [
            ("/schema", json!(0), "schema"),
            ("/schema", json!("1"), "no explanation"),
            ("/song", json!(null), "no explanation"),
            ("/song/seconds", json!(-1.0), "song.seconds"),
            ("/song/sha256", json!("abc"), "song.sha256"),
            ("/model/sha256", json!("F9".repeat(32)), "model.sha256"),
            ("/settings/modality", json!("video"), "settings.modality"),
            ("/settings/segments", json!(1001), "settings.segments"),
            ("/settings/window", json!({"start": 3, "end": 2}), "settings.window"),
            ("/settings/seed", json!(-1), "no explanation"),
            ("/predictions/0/probability", json!(1.5), "predictions"),
            ("/composed/1/probability", json!(-0.1), "composed"),
            ("/predictions/0/probability", json!(null), "no explanation"),
            ("/explanations/0/features/0/stem", json!("kazoo"), "kazoo"),
            ("/explanations/0/features/0/segment", json!(1000), "segment"),
            ("/explanations/0/features/0/segment", json!(-1), "no explanation"),
            ("/explanations/0/features/0/end", json!(-2), "vocals0"),
            ("/explanations/0/features/0/kind", json!("smell"), "smell"),
            ("/explanations/0/features/0/low", json!(0.1), "interval"),
            (
                "/explanations/0/features/1",
                json!({"kind": "word", "word": "love", "count": 1, "weight": 1}),
                "twice",
            ),
        ];
        for (pointer, value, reason) in cases {
            let error = changed(pointer, value.clone()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{pointer} = {value}");
            assert!(error.message().contains(reason), "{pointer} = {value}: {error}");
        }
        for text in ["", "[]", "{", "nonsense", r#"{"schema": 1}"#, r#"{"schema": 1e999}"#] {
            assert_eq!(Explanation::from_json(text.as_bytes()).unwrap_err().kind(), ErrorKind::Input);
        }
        assert!(Explanation::from_json(&vec![b' '; MAX_JSON_BYTES + 1]).is_err());
        let mut twice = example("pop", vec![]);
        twice.explanations.push(twice.explanations[0].clone());
        assert!(twice.validate().unwrap_err().message().contains("twice"));
    }

    #[test]
    fn numbers_that_are_not_finite_are_found_before_writing() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut explanation = example("pop", vec![word("love", bad)]);
            assert!(explanation.validate().is_err());
            explanation.explanations[0].features.clear();
            assert!(explanation.validate().is_ok());
            explanation.explanations[0].score = bad;
            assert!(explanation.validate().is_err());
            explanation.explanations[0].score = 0.0;
            explanation.settings.alpha = Some(bad);
            assert!(explanation.validate().is_err());
        }
    }

    fn any_feature() -> impl Strategy<Value = Feature> {
        let weight = -1e3..1e3_f64;
        let interval = prop::option::of((-1e3..0.0_f64, 0.0..1e3_f64));
        (any::<bool>(), 0..4_usize, 0..MAX_SEGMENTS, "\\PC{0,8}", weight, interval, any::<bool>()).prop_map(
            |(is_word, stem, segment, text, weight, interval, heard)| {
                let (low, high) = interval.unzip();
                if is_word {
                    return Feature::Word(WordFeature {
                        word: text,
                        count: segment,
                        weight,
                        low,
                        high,
                        heard,
                    });
                }
                let (stem, start) = (STEMS[stem].to_owned(), segment as f64 * 0.7);
                Feature::Audio(AudioFeature {
                    stem,
                    segment,
                    start,
                    end: start + 0.7,
                    weight,
                    low,
                    high,
                    heard,
                })
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(label in any::<String>(), features in prop::collection::vec(any_feature(), 0..20)) {
            let explanation = example(&label, features);
            prop_assume!(explanation.validate().is_ok());
            let json = explanation.to_json();
            let read = Explanation::from_json(json.as_bytes()).unwrap();
            // serde_json reads numbers to within one unit in the last place.
            let close = |a: f64, b: f64| (a - b).abs() <= 2.0 * f64::EPSILON * a.abs();
            let (before, after) = (&explanation.explanations[0].features, &read.explanations[0].features);
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(after) {
                prop_assert_eq!(before.name(), after.name());
                prop_assert_eq!(before.heard(), after.heard());
                prop_assert!(close(before.weight(), after.weight()));
                prop_assert_eq!(before.interval().is_some(), after.interval().is_some());
            }
            prop_assert_eq!(&explanation.settings, &read.settings);
            prop_assert_eq!(&explanation.predictions, &read.predictions);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Explanation::from_json(&bytes).is_err());
        }
    }
}
