//! Which features are on: one row of a perturbation design.

use std::ops::Range;

/// On or off for every feature: audio features first (segment-major, stem-minor), then words.
///
/// A mask always covers *all* features of its [`Layout`], those of a modality that is kept
/// whole too, so that a scorer needs nothing else to compose the perturbed pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mask(Vec<bool>);

impl Mask {
    /// The instance itself: all `len` features on.
    pub fn ones(len: usize) -> Self {
        Self(vec![true; len])
    }

    /// One entry per feature, `true` = on.
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }

    /// The number of features.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no features at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many features are on.
    pub fn count_on(&self) -> usize {
        self.0.iter().filter(|&&on| on).count()
    }

    /// The part over the features in `range`; what lies outside of the mask is left out.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.0.len());
        Self(self.0.get(range.start..end).unwrap_or_default().to_vec())
    }
}

impl From<Vec<bool>> for Mask {
    fn from(on: Vec<bool>) -> Self {
        Self(on)
    }
}

impl FromIterator<bool> for Mask {
    fn from_iter<I: IntoIterator<Item = bool>>(on: I) -> Self {
        Self(on.into_iter().collect())
    }
}

/// How many features of each kind an instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Stems times segments.
    pub audio: usize,
    /// Distinct words.
    pub words: usize,
}

impl Layout {
    /// The length of a [`Mask`].
    pub fn features(self) -> usize {
        self.audio.saturating_add(self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_reaches_outside() {
        let mask = Mask::from(vec![true, false, true]);
        assert_eq!(mask.part(1..3).as_slice(), [false, true]);
        assert_eq!(mask.part(2..9).as_slice(), [true]);
        assert_eq!(mask.part(7..9).len(), 0);
        assert_eq!(mask.count_on(), 2);
        assert!(!mask.is_empty());
    }
}
