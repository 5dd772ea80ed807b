//! Holding the tensors that are there against those that should be.

use super::TensorSpec;
use crate::{Error, Result};
use std::collections::HashMap;

/// How many names of one kind a message lists: enough to see the pattern, few enough to read.
const LISTED: usize = 8;

/// Holds a checkpoint's or a bundle's tensors against those that the configuration asks for.
///
/// Both have the names of bundles; `called` says what a tensor is called where the user sees it.
///
/// # Errors
/// Names every missing, surplus and wrongly shaped tensor, up to a few of each kind.
pub(crate) fn compare<'a>(
    expected: &[TensorSpec],
    found: impl Iterator<Item = (&'a str, &'a [usize])>,
    called: impl Fn(&str) -> String,
) -> Result<()> {
    let mut found: HashMap<&str, &[usize]> = found.collect();
    let (mut missing, mut reshaped) = (Vec::new(), Vec::new());
    for spec in expected {
        match found.remove(spec.name.as_str()) {
            None => missing.push(format!("{} {:?}", called(&spec.name), spec.shape)),
            Some(shape) if shape != spec.shape => {
                reshaped.push(format!("{} is {shape:?} instead of {:?}", called(&spec.name), spec.shape));
            }
            Some(_) => {}
        }
    }
    let mut surplus: Vec<_> =
        found.iter().map(|(name, shape)| format!("{} {shape:?}", called(name))).collect();
    surplus.sort();
    let faults: Vec<_> = [("missing", missing), ("surplus", surplus), ("wrongly shaped", reshaped)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| {
            let s = if names.len() == 1 { "" } else { "s" };
            format!("{} {kind} tensor{s}: {}", names.len(), list(names.into_iter()))
        })
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    Err(Error::bundle(faults.join("; ")).hint("hold the configuration and the labels against the checkpoint"))
}

/// The first few of many names.
pub(crate) fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    let more = names.len().saturating_sub(LISTED);
    let mut listed = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        listed += &format!(" and {more} more");
    }
    listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_up_to_a_cap() {
        let expected: Vec<_> =
            (0..20).map(|i| TensorSpec { name: format!("t{i}"), shape: vec![i, 2] }).collect();
        let shapes: Vec<_> = (0..20).map(|i| (format!("t{i}"), vec![i, 2])).collect();
        let found = |skip: usize| shapes.iter().skip(skip).map(|(n, s)| (n.as_str(), s.as_slice()));
        assert_eq!(compare(&expected, found(0), str::to_owned), Ok(()));
        let e = compare(&expected, found(15).chain([("odd", &[3][..])]), str::to_owned).unwrap_err();
        assert!(e.message().starts_with("15 missing tensors: t0 [0, 2], t1 [1, 2]"), "{e}");
        assert!(e.message().contains("t7 [7, 2] and 7 more; 1 surplus tensor: odd [3]"), "{e}");
        let e = compare(&expected[..1], [("t0", &[2, 0][..])].into_iter(), str::to_uppercase).unwrap_err();
        assert_eq!(e.message(), "1 wrongly shaped tensor: T0 is [2, 0] instead of [0, 2]");
    }
}
