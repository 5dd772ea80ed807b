//! SHA-256 in the hexadecimal form that manifests use.

use sha2::{Digest, Sha256};

/// A SHA-256 in the making.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// The finished sum as 64 lower-case digits.
pub(crate) fn hex(hasher: Hasher) -> String {
    hasher
        .0
        .finalize()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|d| char::from_digit(d.into(), 16))
        .collect()
}

/// SHA-256 of some bytes as 64 lower-case digits.
pub fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hex(hasher)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_sum_of_nothing_is_the_published_one() {
        assert_eq!(super::sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
