//! Named tensors on their way from a file into a network.

use crate::{Error, Result};
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::HashMap;

/// The tensors of a checkpoint by their canonical names, already on the device.
///
/// Networks [`take`](Weights::take) what they need; what nobody took is named by
/// [`finish`](Weights::finish). Layouts are PyTorch's: a linear layer is `[out, in]`.
pub struct Weights {
    device: Device,
    tensors: HashMap<String, (Vec<usize>, Tensor<1>)>,
}

impl Weights {
    /// No tensors yet, for a network on `device`.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone(), tensors: HashMap::new() }
    }

    /// The device that holds the tensors.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Moves one tensor (row-major) to the device.
    ///
    /// # Errors
    /// If the name was given before, or the values do not fill the shape.
    pub fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Result<()> {
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::bundle(format!(
                "tensor {name} has {} values, which do not fill its shape {shape:?}",
                values.len()
            )));
        }
        let flat = Tensor::<1>::from_data(TensorData::new(values, [shape.iter().product()]), &self.device);
        match self.tensors.insert(name.to_owned(), (shape.to_vec(), flat)) {
            None => Ok(()),
            Some(_) => Err(Error::bundle(format!("tensor {name} is there twice"))),
        }
    }

    /// Hands out the tensor of that name.
    ///
    /// # Errors
    /// If it is missing or of another shape; both are named.
    pub fn take<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let (found, tensor) = self
            .tensors
            .remove(name)
            .ok_or_else(|| Error::bundle(format!("tensor {name} {shape:?} is missing")))?;
        if found != shape {
            return Err(Error::bundle(format!(
                "tensor {name} has shape {found:?}, but the configuration asks for {shape:?}"
            )));
        }
        Ok(tensor.reshape(shape))
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
}
