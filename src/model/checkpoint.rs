//! Reading checkpoints tensor by tensor: PyTorch's (`torch.save`) and safetensors.
//!
//! A PyTorch checkpoint is a pickle, which Python would execute. Here it is only parsed (by
//! the `pytorch-reader` crate): calls that build tensors are understood, all others are data.

use super::header::Header;
use crate::{Error, Result};
use half::{bf16, f16};
use pytorch_reader::{DType, PickleValue, PytorchReader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Most bytes of a safetensors header, by the format's own definition.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Modules that a state dict has no business with. Nothing of a pickle is ever executed here,
/// but whoever hands such a file on should hear what it would have done in Python.
const HOSTILE_MODULES: [&str; 18] = [
    "__builtin__",
    "builtins",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "importlib",
    "nt",
    "operator",
    "os",
    "pickle",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
];

/// A file of named tensors whose values are read one tensor at a time.
pub trait Checkpoint {
    /// Name and shape of every tensor, sorted by name.
    fn tensors(&self) -> Vec<(&str, &[usize])>;

    /// What the file holds beside tensors, for information.
    fn others(&self) -> &[String] {
        &[]
    }

    /// Reads one tensor's values as they are stored.
    ///
    /// # Errors
    /// If there is no such tensor, its numbers are not floats, or the file is damaged.
    fn read(&self, name: &str) -> Result<Stored>;
}

/// A tensor's values as a checkpoint stores them, row-major.
pub struct Stored {
    float: Float,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Float {
    F64,
    F32,
    F16,
    Bf16,
}

impl Stored {
    /// The values as f32, without a second copy of them all.
    pub fn values(&self) -> Box<dyn Iterator<Item = f32> + '_> {
        let b = self.bytes.as_slice();
        match self.float {
            // Doubles occur where a model was trained in double precision; the networks compute in f32.
            Float::F64 => Box::new(b.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32)),
            Float::F32 => Box::new(b.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b))),
            Float::F16 => Box::new(b.as_chunks().0.iter().map(|&b| f16::from_le_bytes(b).to_f32())),
            Float::Bf16 => Box::new(b.as_chunks().0.iter().map(|&b| bf16::from_le_bytes(b).to_f32())),
        }
    }
}

/// Opens a checkpoint of either kind, told apart by content, not by the file's name.
///
/// # Errors
/// If it can't be read, is neither, or asks Python to do what no state dict does.
pub fn open(path: &Path) -> Result<Box<dyn Checkpoint>> {
    let at = |e: Error| e.context(path.display());
    let mut file = File::open(path).map_err(|e| at(Error::input(format!("can't be opened: {e}"))))?;
    if file.metadata().is_ok_and(|m| m.is_dir()) {
        return Err(at(Error::input("is a folder").hint("name the checkpoint file itself")));
    }
    let mut start = Vec::new();
    file.by_ref()
        .take(9)
        .read_to_end(&mut start)
        .map_err(|e| at(Error::input(format!("can't be read: {e}"))))?;
    // Safetensors: the header's length, then JSON. A pickle or an archive has no brace there.
    if start.get(8) == Some(&b'{') && !start.starts_with(b"PK") {
        Ok(Box::new(Safetensors::open(file, path).map_err(at)?))
    } else {
        Ok(Box::new(Pytorch::open(path).map_err(at)?))
    }
}

/// A file that `torch.save` wrote.
struct Pytorch {
    path: PathBuf,
    tensors: BTreeMap<String, pytorch_reader::Tensor>,
    others: Vec<String>,
}

impl Pytorch {
    fn open(path: &Path) -> Result<Self> {
        let fail = |e| {
            Error::input(format!("can't be read as a checkpoint: {e}"))
                .hint("it should be a file by torch.save(model.state_dict(), ...) or in safetensors format")
        };
        let mut others = Vec::new();
        strangers(&PytorchReader::read_pickle_data(path, None).map_err(fail)?, &mut others);
        others.sort();
        others.dedup();
        if let Some(call) = others.iter().find(|name| is_hostile(name)) {
            return Err(Error::input(format!(
                "the checkpoint would make Python call {call}, which a state dict never does (nothing was executed)"
            ))
            .hint("do not load this file in Python; get the checkpoint from another source"));
        }
        let reader = PytorchReader::new(path).map_err(fail)?;
        Ok(Self { path: path.to_owned(), tensors: reader.into_tensors().into_iter().collect(), others })
    }
}

/// Collects the types of everything in a pickle that is not plain data, a tensor, or a type.
fn strangers(value: &PickleValue, into: &mut Vec<String>) {
    match value {
        PickleValue::List(items) => items.iter().for_each(|v| strangers(v, into)),
        PickleValue::Dict(items) => items.values().for_each(|v| strangers(v, into)),
        PickleValue::Unsupported(name) if !name.starts_with("torch.") => into.push(name.clone()),
        _ => {}
    }
}

fn is_hostile(call: &str) -> bool {
    let module = call.split('.').next().unwrap_or(call);
    HOSTILE_MODULES.contains(&module)
}

impl Checkpoint for Pytorch {
    fn tensors(&self) -> Vec<(&str, &[usize])> {
        self.tensors.iter().map(|(name, t)| (name.as_str(), t.shape())).collect()
    }

    fn others(&self) -> &[String] {
        &self.others
    }

    fn read(&self, name: &str) -> Result<Stored> {
        let tensor = self.tensors.get(name).ok_or_else(|| no_such(name, &self.path))?;
        let float = match tensor.dtype() {
            DType::F64 => Float::F64,
            DType::F32 => Float::F32,
            DType::F16 => Float::F16,
            DType::BF16 => Float::Bf16,
            other => return Err(not_floats(name, &format!("{other:?}"), &self.path)),
        };
        let bytes = tensor.read().map_err(|e| Error::input(e.to_string()).context(self.path.display()))?;
        Ok(Stored { float, bytes })
    }
}

/// A safetensors file of which only the header is in memory.
struct Safetensors {
    file: File,
    path: PathBuf,
    /// Where the values start.
    base: u64,
    header: Header,
}

impl Safetensors {
    fn open(mut file: File, path: &Path) -> Result<Self> {
        let fail = |e: std::io::Error| Error::input(format!("can't be read: {e}"));
        let length = file.metadata().map_err(fail)?.len();
        let mut size = [0; 8];
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        file.read_exact(&mut size).map_err(fail)?;
        let size = u64::from_le_bytes(size);
        let base = size.saturating_add(8);
        if size > MAX_HEADER_BYTES || base > length {
            return Err(Error::input(format!(
                "is neither a PyTorch checkpoint nor safetensors: its header would have {size} bytes"
            )));
        }
        let mut json = vec![0; usize::try_from(size).unwrap_or_default()];
        file.read_exact(&mut json).map_err(fail)?;
        let mut header = Header::parse(&json)?;
        let end = base + header.tensors.last().map_or(0, |t| t.end);
        if end != length {
            return Err(Error::input(format!("should have {end} bytes by its own header, but has {length}"))
                .hint("the file is damaged or was not copied whole"));
        }
        header.tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { file, path: path.to_owned(), base, header })
    }
}

impl Checkpoint for Safetensors {
    fn tensors(&self) -> Vec<(&str, &[usize])> {
        self.header.tensors.iter().map(|t| (t.name.as_str(), t.shape.as_slice())).collect()
    }

    fn read(&self, name: &str) -> Result<Stored> {
        let tensors = &self.header.tensors;
        let tensor = tensors
            .binary_search_by(|t| t.name.as_str().cmp(name))
            .ok()
            .and_then(|at| tensors.get(at))
            .ok_or_else(|| no_such(name, &self.path))?;
        let float = match tensor.dtype {
            safetensors::Dtype::F64 => Float::F64,
            safetensors::Dtype::F32 => Float::F32,
            safetensors::Dtype::F16 => Float::F16,
            safetensors::Dtype::BF16 => Float::Bf16,
            other => return Err(not_floats(name, &other.to_string(), &self.path)),
        };
        let fail = |e: std::io::Error| {
            Error::input(format!("tensor {name} can't be read: {e}")).context(self.path.display())
        };
        // The header was held against the file's length, so this is no more than the file has.
        let mut bytes = vec![0; usize::try_from(tensor.end - tensor.start).unwrap_or_default()];
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.base + tensor.start)).map_err(fail)?;
        file.read_exact(&mut bytes).map_err(fail)?;
        Ok(Stored { float, bytes })
    }
}

fn no_such(name: &str, path: &Path) -> Error {
    Error::input(format!("there is no tensor {name}")).context(path.display())
}

fn not_floats(name: &str, found: &str, path: &Path) -> Error {
    Error::input(format!("tensor {name} has numbers of type {found}, not floats"))
        .context(path.display())
        .hint("quantized checkpoints can't be converted; save the model in float32 or float16")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn refusal(bytes: &[u8]) -> String {
        match open(file(bytes).path()) {
            Ok(_) => panic!("was opened"),
            Err(e) => e.to_string(),
        }
    }

    fn safetensors(json: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.extend_from_slice(values);
        bytes
    }

    #[test]
    fn every_float_type_is_widened_and_integers_are_named() {
        let json = r#"{"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"s":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},
            "h":{"dtype":"F16","shape":[1],"data_offsets":[12,14]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[14,16]},
            "i":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}"#;
        let mut values = 1.5f64.to_le_bytes().to_vec();
        values.extend(2.5f32.to_le_bytes());
        values.extend(f16::from_f32(3.5).to_le_bytes());
        values.extend(bf16::from_f32(4.5).to_le_bytes());
        values.extend(1i64.to_le_bytes());
        let file = file(&safetensors(json, &values));
        let checkpoint = open(file.path()).unwrap();
        let names: Vec<_> = checkpoint.tensors().into_iter().map(|(n, _)| n.to_owned()).collect();
        assert_eq!(names, ["b", "d", "h", "i", "s"]);
        for (name, value) in [("d", 1.5), ("s", 2.5), ("h", 3.5), ("b", 4.5)] {
            assert_eq!(checkpoint.read(name).unwrap().values().collect::<Vec<_>>(), [value]);
        }
        let e = checkpoint.read("i").err().unwrap();
        assert!(e.message().contains("tensor i has numbers of type I64"), "{e}");
        assert!(checkpoint.read("nothing").is_err());
    }

    #[test]
    fn files_that_are_no_checkpoints_are_refused() {
        for bytes in [&b""[..], b"hello", b"PK\x03\x04 and no archive", &[0x80, 2, b'.'], &[0; 64]] {
            assert!(refusal(bytes).contains("checkpoint"), "{}", refusal(bytes));
        }
        let cut = safetensors(r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, &[0; 4]);
        assert!(refusal(&cut).contains("not copied whole"));
        let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        assert!(refusal(&huge).contains("header would have"));
        let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        assert!(refusal(&safetensors(overlap, &[0; 4])).contains("header can't be read"));
        assert!(open(Path::new("/nowhere/at/all.pth")).is_err());
    }

    #[test]
    fn a_pickle_that_calls_a_command_is_refused_and_not_executed() {
        let directory = tempfile::tempdir().unwrap();
        let proof = directory.path().join("executed");
        // What pickle.dumps(..., protocol=2) writes for an object whose __reduce__ returns
        // (os.system, (command,)): at the root, and as a value of a dict.
        let text =
            |text: &str| [b"X".as_slice(), &(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
        let command = text(&format!("touch {}", proof.display()));
        let call = [b"cposix\nsystem\n".as_slice(), &command, b"\x85R"].concat();
        let root = [b"\x80\x02".as_slice(), &call, b"."].concat();
        let value = [b"\x80\x02}".as_slice(), &text("weight"), &call, b"s."].concat();
        for pickle in [root, value] {
            let message = refusal(&pickle);
            assert!(
                message.contains("posix.system") && message.contains("nothing was executed"),
                "{message}"
            );
        }
        assert!(!proof.exists());
    }
}
