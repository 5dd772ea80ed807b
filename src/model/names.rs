//! The names that tensors go by: in bundles, in the authors' checkpoints, and in those that
//! transformers 4 and 5 write.
//!
//! Bundles use the names of the authors' multimodal checkpoints (made with transformers 4) for
//! all three architectures: `audio_model.`, `text_model.` and `classifier.`.

use super::Task;
use super::inventory::list;
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The first part of a name, as checkpoints have it and as bundles have it. The first two are
/// the authors' fusion model's, the others transformers' own classifiers'.
const ROOTS: [(&str, &str); 4] = [
    ("audio_model.", AUDIO),
    ("text_model.", TEXT),
    ("audio_spectrogram_transformer.", AUDIO),
    ("roberta.", TEXT),
];
const AUDIO: &str = "audio_model.";
const TEXT: &str = "text_model.";
const HEAD: &str = "classifier.";

/// Within an AST layer: transformers 5's names, and what they were in transformers 4.
const AST_LAYER: [(&str, &str); 6] = [
    ("attention.q_proj.", "attention.attention.query."),
    ("attention.k_proj.", "attention.attention.key."),
    ("attention.v_proj.", "attention.attention.value."),
    ("attention.o_proj.", "attention.output.dense."),
    ("mlp.fc1.", "intermediate.dense."),
    ("mlp.fc2.", "output.dense."),
];

/// What the names of a checkpoint's tensors say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recognised {
    /// Which of the three architectures it is.
    pub(crate) task: Task,
    /// The checkpoint's name of each tensor, by the name that bundles use.
    pub(crate) sources: BTreeMap<String, String>,
    /// Tensors that a classifier does not need, by the checkpoint's names.
    pub(crate) left_out: Vec<String>,
    /// What stands before every name.
    prefix: String,
}

impl Recognised {
    /// What the checkpoint calls the tensor of that name of ours, or would call it if it had it.
    pub(crate) fn called(&self, ours: &str) -> String {
        if let Some(theirs) = self.sources.get(ours) {
            return theirs.clone();
        }
        let inner = |theirs: &str| theirs.strip_prefix(&self.prefix).map(str::to_owned).unwrap_or_default();
        let root = |of: &str| {
            let known =
                self.sources.iter().find(|(ours, _)| ours.starts_with(of)).map(|(_, theirs)| inner(theirs));
            ROOTS
                .iter()
                .map(|(root, _)| *root)
                .find(|root| known.as_ref().is_some_and(|k| k.starts_with(root)))
        };
        let theirs = if let Some(rest) = ours.strip_prefix(AUDIO) {
            // An encoder of transformers 5 is known by its layers.
            let is_new = self.sources.iter().any(|(ours, theirs)| {
                ours.starts_with("audio_model.encoder.layer.") && !theirs.contains(".encoder.layer.")
            });
            let rest = if is_new { newer_ast(rest) } else { rest.to_owned() };
            format!("{}{rest}", root(AUDIO).unwrap_or(AUDIO))
        } else if let Some(rest) = ours.strip_prefix(TEXT) {
            format!("{}{rest}", root(TEXT).unwrap_or(TEXT))
        } else {
            ours.to_owned()
        };
        format!("{}{theirs}", self.prefix)
    }
}

/// Finds the model in a checkpoint by the names of its tensors.
///
/// Whatever stands before the known roots (`module.` of a data-parallel model, `state_dict.` of
/// a training checkpoint) is taken off; tensors without it are not the model's (an optimizer's,
/// say) and are left out.
///
/// # Errors
/// If there is no such model, or more than one.
pub(crate) fn recognise<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<Recognised> {
    let prefixes: BTreeSet<&str> = names.clone().filter_map(prefix).collect();
    let mut found = prefixes.iter();
    let prefix = match (found.next(), found.next()) {
        (Some(prefix), None) => *prefix,
        (Some(_), Some(_)) => {
            return Err(Error::input(format!(
                "the checkpoint holds several models, under {}",
                list(prefixes.iter().map(|p| format!("{p:?}")))
            ))
            .hint("save one model's state_dict() in a file of its own"));
        }
        (None, _) => {
            return Err(Error::input(format!(
                "the checkpoint holds no model that is known here; its tensors are called {}",
                list(names.map(str::to_owned))
            ))
            .hint(
                "known are state dicts of ASTForAudioClassification, of RobertaForSequenceClassification, \
                 and of both encoders under `audio_model.` and `text_model.` with a fusion head",
            ));
        }
    };
    let mut sources = BTreeMap::new();
    let mut left_out = Vec::new();
    for name in names {
        match name.strip_prefix(prefix).map(canonical) {
            Some(inner) if !is_unneeded(&inner) => {
                if let Some(other) = sources.insert(inner.clone(), name.to_owned()) {
                    return Err(Error::input(format!("tensors {other} and {name} are both {inner}"))
                        .hint("save one model's state_dict() in a file of its own"));
                }
            }
            _ => left_out.push(name.to_owned()),
        }
    }
    left_out.sort();
    Ok(Recognised { task: task(&sources), sources, left_out, prefix: prefix.to_owned() })
}

/// What precedes a known root in a name, if there is one.
fn prefix(name: &str) -> Option<&str> {
    ROOTS
        .iter()
        .filter_map(|(root, _)| {
            name.match_indices(root).map(|(at, _)| &name[..at]).find(|p| p.is_empty() || p.ends_with('.'))
        })
        .min_by_key(|prefix| prefix.len())
}

/// A checkpoint's name (without prefix) as bundles have it.
fn canonical(name: &str) -> String {
    for (root, ours) in ROOTS {
        if let Some(rest) = name.strip_prefix(root) {
            let rest = if ours == AUDIO { ast(rest) } else { rest.to_owned() };
            return format!("{ours}{rest}");
        }
    }
    name.to_owned()
}

/// The name of a tensor of `ASTModel` as transformers 4 has it.
fn ast(name: &str) -> String {
    let Some((layer, rest)) = name.strip_prefix("layers.").and_then(|rest| rest.split_once('.')) else {
        return name.to_owned();
    };
    let rest = AST_LAYER
        .iter()
        .find_map(|(new, old)| rest.strip_prefix(new).map(|end| format!("{old}{end}")))
        .unwrap_or_else(|| rest.to_owned());
    format!("encoder.layer.{layer}.{rest}")
}

/// The reverse of [`ast`].
fn newer_ast(name: &str) -> String {
    let Some((layer, rest)) = name.strip_prefix("encoder.layer.").and_then(|rest| rest.split_once('.'))
    else {
        return name.to_owned();
    };
    let rest = AST_LAYER
        .iter()
        .find_map(|(new, old)| rest.strip_prefix(old).map(|end| format!("{new}{end}")))
        .unwrap_or_else(|| rest.to_owned());
    format!("layers.{layer}.{rest}")
}

/// Whether classification never looks at a tensor: RoBERTa's pooler (the paper's model and
/// `RobertaForSequenceClassification` use `<s>` itself), counters that older versions of
/// transformers stored, and a language model's head.
fn is_unneeded(name: &str) -> bool {
    name.starts_with("text_model.pooler.")
        || name == "text_model.embeddings.position_ids"
        || name == "text_model.embeddings.token_type_ids"
        || name.starts_with("lm_head.")
}

/// Which architecture has these tensors (of which some may be missing).
fn task(sources: &BTreeMap<String, String>) -> Task {
    let has = |start: &str| sources.keys().any(|name| name.starts_with(start));
    match (has(AUDIO), has(TEXT)) {
        // The fusion head tells of the model of which an encoder is missing altogether.
        _ if has(&format!("{HEAD}fc.")) => Task::Multimodal,
        (true, true) => Task::Multimodal,
        (true, false) => Task::Audio,
        (false, _) => Task::Lyrics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(names: &[&str]) -> Result<Recognised> {
        recognise(names.iter().copied())
    }

    #[test]
    fn transformers_5_names_become_those_of_transformers_4() {
        for (new, old) in [
            ("layers.11.attention.q_proj.weight", "encoder.layer.11.attention.attention.query.weight"),
            ("layers.0.attention.k_proj.bias", "encoder.layer.0.attention.attention.key.bias"),
            ("layers.0.attention.v_proj.bias", "encoder.layer.0.attention.attention.value.bias"),
            ("layers.0.attention.o_proj.weight", "encoder.layer.0.attention.output.dense.weight"),
            ("layers.0.mlp.fc1.weight", "encoder.layer.0.intermediate.dense.weight"),
            ("layers.0.mlp.fc2.bias", "encoder.layer.0.output.dense.bias"),
            ("layers.0.layernorm_before.bias", "encoder.layer.0.layernorm_before.bias"),
            ("layernorm.weight", "layernorm.weight"),
            ("embeddings.cls_token", "embeddings.cls_token"),
        ] {
            for root in ["audio_model.", "audio_spectrogram_transformer."] {
                assert_eq!(canonical(&format!("{root}{new}")), format!("audio_model.{old}"));
                assert_eq!(canonical(&format!("{root}{old}")), format!("audio_model.{old}"));
            }
        }
        assert_eq!(
            canonical("roberta.encoder.layer.0.output.dense.bias"),
            "text_model.encoder.layer.0.output.dense.bias"
        );
    }

    #[test]
    fn the_task_is_seen_by_the_names() {
        let task = |names: &[&str]| recognised(names).map(|r| r.task);
        assert_eq!(task(&["audio_model.a", "text_model.b", "classifier.fc.bias"]), Ok(Task::Multimodal));
        assert_eq!(task(&["text_model.b", "classifier.fc.bias"]), Ok(Task::Multimodal));
        assert_eq!(task(&["roberta.b", "classifier.out_proj.bias"]), Ok(Task::Lyrics));
        assert_eq!(task(&["audio_spectrogram_transformer.b", "classifier.dense.bias"]), Ok(Task::Audio));
    }

    #[test]
    fn wrappers_are_taken_off_and_what_is_outside_is_left_out() {
        let r = recognised(&[
            "state_dict.module.roberta.embeddings.LayerNorm.bias",
            "state_dict.module.roberta.embeddings.position_ids",
            "state_dict.module.roberta.pooler.dense.bias",
            "state_dict.module.classifier.dense.bias",
            "optimizer.state.0.exp_avg",
        ])
        .unwrap();
        assert_eq!(r.sources.len(), 2);
        assert_eq!(r.sources["classifier.dense.bias"], "state_dict.module.classifier.dense.bias");
        assert_eq!(r.left_out.len(), 3);
    }

    #[test]
    fn missing_tensors_are_called_what_the_checkpoint_would_call_them() {
        let query = "audio_model.encoder.layer.1.attention.attention.query.bias";
        for (has, would_have) in [
            ("audio_model.encoder.layer.0.x", query),
            ("audio_model.layers.0.x", "audio_model.layers.1.attention.q_proj.bias"),
            (
                "module.audio_spectrogram_transformer.layers.0.x",
                "module.audio_spectrogram_transformer.layers.1.attention.q_proj.bias",
            ),
        ] {
            assert_eq!(recognised(&[has]).unwrap().called(query), would_have);
            assert_eq!(
                recognised(&[has]).unwrap().called(&canonical(has.trim_start_matches("module."))),
                has
            );
        }
        let text = "text_model.embeddings.LayerNorm.bias";
        assert_eq!(recognised(&["roberta.x"]).unwrap().called(text), "roberta.embeddings.LayerNorm.bias");
        assert_eq!(
            recognised(&["m.roberta.x"]).unwrap().called("classifier.dense.bias"),
            "m.classifier.dense.bias"
        );
    }

    #[test]
    fn several_models_no_model_and_names_that_collide_are_refused() {
        let several = recognised(&["a.roberta.x", "b.roberta.x"]).unwrap_err();
        assert!(several.message().contains("\"a.\", \"b.\""), "{several}");
        let none = recognised(&["embeddings.cls_token", "layers.0.mlp.fc1.weight"]).unwrap_err();
        assert!(none.message().contains("embeddings.cls_token"), "{none}");
        assert!(recognised(&[]).is_err());
        let twice = recognised(&["roberta.x", "text_model.x"]).unwrap_err();
        assert!(twice.message().contains("both text_model.x"), "{twice}");
    }
}
