//! What comes out: the local explanation's schema, how it is written and read, and the views
//! that are drawn from it. Knows nothing of how an explanation was computed.

mod csv;
mod json;
mod schema;
mod views;

pub use csv::to_csv;
pub use json::MAX_JSON_BYTES;
pub use schema::{
    AudioFeature, Explanation, Feature, LabelExplanation, MAX_SEGMENTS, Model, Prediction, Predictions, Run,
    SCHEMA, STEMS, Separation, Settings, Song, StemShare, Window, WordFeature,
};
pub use views::{HeatMap, INTERVAL_Z, Share, heat_map, modality_share, ranking};
