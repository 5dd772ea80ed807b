//! Named tensors on their way from a file into a network.

use crate::{Error, Result};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::HashMap;

/// The tensors of a checkpoint by their canonical names.
///
/// Networks [`take`](Weights::take) what they need; what nobody took is named by
/// [`finish`](Weights::finish). Layouts are PyTorch's: a linear layer is `[out, in]`.
///
/// A tensor goes to the device as it comes in, so that no second copy of the model builds up.
/// Only lookup tables stay in the host's memory: rows are gathered from them and nothing is
/// computed, and RoBERTa-large's table of words (196 MiB) is the one tensor that is larger than
/// the 128 MiB which WebGPU grants for a binding by default.
pub struct Weights {
    device: Device,
    tensors: HashMap<String, (Vec<usize>, Stored)>,
}

enum Stored {
    Device(Box<Tensor<1>>),
    Host(Vec<f32>),
}

impl Weights {
    /// No tensors yet, for a network on `device`.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone(), tensors: HashMap::new() }
    }

    /// The device that the network will compute on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Adds one tensor, in row-major order.
    ///
    /// # Errors
    /// If the name was given before, or the values do not fill the shape.
    pub fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Result<()> {
        let size = shape.iter().try_fold(1usize, |size, &side| size.checked_mul(side));
        if size != Some(values.len()) {
            return Err(Error::bundle(format!(
                "tensor {name} has {} values, which do not fill its shape {shape:?}",
                values.len()
            )));
        }
        let stored = if is_lookup_table(name) {
            Stored::Host(values)
        } else {
            let length = values.len();
            Stored::Device(Box::new(Tensor::from_data(TensorData::new(values, [length]), &self.device)))
        };
        match self.tensors.insert(name.to_owned(), (shape.to_vec(), stored)) {
            None => Ok(()),
            Some(_) => Err(Error::bundle(format!("tensor {name} is there twice"))),
        }
    }

    /// Hands out the tensor of that name.
    ///
    /// # Errors
    /// If it is missing or of another shape; both are named.
    pub fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        match self.remove(name, &shape)? {
            Stored::Device(tensor) => Ok(tensor.reshape(shape)),
            Stored::Host(values) => Ok(Tensor::from_data(TensorData::new(values, shape), &self.device)),
        }
    }

    /// Hands out the lookup table `[rows, width]` of that name, in row-major order.
    ///
    /// # Errors
    /// If it is missing or of another shape; both are named.
    pub(super) fn take_table(&mut self, name: &str, shape: [usize; 2]) -> Result<Vec<f32>> {
        match self.remove(name, &shape)? {
            Stored::Host(values) => Ok(values),
            Stored::Device(_) => Err(Error::internal(format!("tensor {name} is not a lookup table"))),
        }
    }

    /// Ends the hand-out.
    ///
    /// # Errors
    /// If a tensor was left over; the first few are named.
    pub fn finish(self) -> Result<()> {
        let mut left: Vec<_> = self.tensors.into_keys().collect();
        left.sort();
        match left.len() {
            0 => Ok(()),
            n => Err(Error::bundle(format!(
                "{n} tensors that the configuration has no place for: {}",
                left.into_iter().take(8).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    fn remove(&mut self, name: &str, shape: &[usize]) -> Result<Stored> {
        let (found, stored) = self
            .tensors
            .remove(name)
            .ok_or_else(|| Error::bundle(format!("tensor {name} {shape:?} is missing")))?;
        if found != shape {
            return Err(Error::bundle(format!(
                "tensor {name} has shape {found:?}, but the configuration asks for {shape:?}"
            )));
        }
        Ok(stored)
    }
}

/// Whether the tensor of that name is one of RoBERTa's embedding tables.
fn is_lookup_table(name: &str) -> bool {
    name.starts_with("text_model.embeddings.") && name.ends_with("_embeddings.weight")
}

#[cfg(test)]
#[cfg(feature = "cpu")]
mod tests {
    use super::*;

    fn weights() -> Weights {
        let mut weights = Weights::new(&Device::flex());
        weights.insert("a", &[2, 3], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        weights.insert("text_model.embeddings.word_embeddings.weight", &[2, 1], vec![7.0, 8.0]).unwrap();
        weights
    }

    #[test]
    fn hands_out_what_was_put_in() {
        let mut weights = weights();
        let a = weights.take("a", [2, 3]).unwrap().transpose().into_data().try_into_vec::<f32>().unwrap();
        assert_eq!(a, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let words = weights.take_table("text_model.embeddings.word_embeddings.weight", [2, 1]).unwrap();
        assert_eq!(words, [7.0, 8.0]);
        weights.finish().unwrap();
    }

    #[test]
    fn names_what_is_wrong() {
        let mut w = weights();
        let message = |e: Error| e.message().to_owned();
        assert!(message(w.insert("b", &[2], vec![0.0]).unwrap_err()).contains("b has 1 values"));
        assert!(w.insert("b", &[usize::MAX, 2], vec![0.0, 0.0]).is_err());
        assert!(message(w.insert("a", &[1], vec![0.0]).unwrap_err()).contains("a is there twice"));
        assert!(message(w.take("c", [1]).unwrap_err()).contains("c [1] is missing"));
        assert!(message(weights().take("a", [3, 2]).unwrap_err()).contains("[2, 3]"));
        assert!(message(weights().finish().unwrap_err()).contains("2 tensors"));
    }
}
