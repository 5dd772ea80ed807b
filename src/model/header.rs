//! The header of a safetensors stream, apart from its values.

use crate::{Error, Result};
use safetensors::Dtype;
use safetensors::tensor::Metadata;

/// The tensors that a safetensors stream announces, in the order of their bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    pub(crate) tensors: Vec<HeaderTensor>,
}

/// One announced tensor; its bytes are `start..end`, counted from the end of the header.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HeaderTensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Header {
    /// Reads the JSON behind the eight bytes of its length.
    ///
    /// # Errors
    /// If it is no such header, or its tensors overlap, leave gaps, or do not fill their shapes.
    pub(crate) fn parse(json: &[u8]) -> Result<Self> {
        let metadata: Metadata = serde_json::from_slice(json)
            .map_err(|e| Error::bundle(format!("the safetensors header can't be read: {e}")))?;
        let mut tensors: Vec<_> = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| HeaderTensor {
                name,
                dtype: info.dtype,
                shape: info.shape.clone(),
                start: info.data_offsets.0 as u64,
                end: info.data_offsets.1 as u64,
            })
            .collect();
        // Empty tensors share their start with the next one, hence the end as well.
        tensors.sort_by(|a, b| (a.start, a.end, &a.name).cmp(&(b.start, b.end, &b.name)));
        Ok(Self { tensors })
    }

    /// The beginning of a safetensors stream of these tensors, one after the other: the length
    /// and the JSON, padded so that the values are aligned.
    ///
    /// # Errors
    /// Only where sizes overflow.
    #[cfg(any(test, feature = "cli"))]
    pub(crate) fn write(tensors: &[(&str, &[usize])], dtype: Dtype) -> Result<Vec<u8>> {
        let fail = |e: String| Error::internal(format!("the safetensors header can't be written: {e}"));
        let mut start = 0usize;
        let mut infos = Vec::with_capacity(tensors.len());
        for (name, shape) in tensors {
            let end = shape
                .iter()
                .try_fold(dtype.bitsize() / 8, |n, &d| n.checked_mul(d))
                .and_then(|bytes| start.checked_add(bytes))
                .ok_or_else(|| fail(format!("tensor {name} is too large")))?;
            infos.push((
                (*name).to_owned(),
                safetensors::tensor::TensorInfo { dtype, shape: shape.to_vec(), data_offsets: (start, end) },
            ));
            start = end;
        }
        // transformers refuses a safetensors file that does not say which framework it is for.
        let about = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let metadata = Metadata::new(Some(about), infos).map_err(|e| fail(e.to_string()))?;
        let mut json = serde_json::to_vec(&metadata).map_err(|e| fail(e.to_string()))?;
        json.resize(json.len().next_multiple_of(8), b' ');
        let mut stream = (json.len() as u64).to_le_bytes().to_vec();
        stream.append(&mut json);
        Ok(stream)
    }
}
