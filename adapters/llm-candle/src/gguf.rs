//! Reads what a llama-family GGUF file says about itself.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use maily_errors::Error;

use crate::error;
use crate::matrix::Matrix;

/// An open model file.
pub(crate) struct Gguf {
    path: PathBuf,
    content: Content,
    reader: BufReader<File>,
}

impl Gguf {
    /// Opens the file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| error::unreadable(path, source))?;
        let mut reader = BufReader::new(file);
        let mut magic = [0; 4];
        let known = reader.read_exact(&mut magic).is_ok() && &magic == b"GGUF";
        if !known {
            return Err(error::broken(path, "the file does not start with the letters GGUF"));
        }
        reader.seek(SeekFrom::Start(0)).map_err(|source| error::unreadable(path, source))?;
        let content = Content::read(&mut reader).map_err(|source| error::broken(path, source))?;
        Ok(Self { path: path.to_owned(), content, reader })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a text of the header.
    pub(crate) fn text(&self, key: &str) -> Result<&str, Error> {
        self.value(key)?.to_string().map(String::as_str).map_err(|source| self.broken(source))
    }

    /// Returns a whole number of the header, 1 to `max`.
    pub(crate) fn count(&self, key: &str, max: usize) -> Result<usize, Error> {
        let value = self.value(key)?.to_u64().map_err(|source| self.broken(source))?;
        usize::try_from(value)
            .ok()
            .filter(|count| (1..=max).contains(count))
            .ok_or_else(|| self.broken(format!("`{key}` is {value}, which is not in 1..={max}")))
    }

    /// Returns a positive number of the header.
    pub(crate) fn number(&self, key: &str) -> Result<f32, Error> {
        let value = self.value(key)?.to_f32().map_err(|source| self.broken(source))?;
        if value.is_finite() && value > 0.0 {
            Ok(value)
        } else {
            Err(self.broken(format!("`{key}` is not a positive number")))
        }
    }

    /// Returns a list of texts of the header.
    pub(crate) fn texts(&self, key: &str) -> Result<Vec<&str>, Error> {
        let values = self.value(key)?.to_vec().map_err(|source| self.broken(source))?;
        values
            .iter()
            .map(|value| value.to_string().map(String::as_str).map_err(|source| self.broken(source)))
            .collect()
    }

    /// Reads a vector of so many floats, such as the weights of a norm.
    pub(crate) fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>, Error> {
        let vector = self.read(name).and_then(|tensor| self.floats(&tensor))?;
        if vector.len() == length {
            Ok(vector)
        } else {
            Err(self.broken(format!("`{name}` is not as long as the network is wide")))
        }
    }

    /// Reads matrices of so many columns and stacks their rows into one matrix.
    pub(crate) fn matrix(&mut self, names: &[String], columns: usize) -> Result<Matrix, Error> {
        let mut parts = Vec::new();
        for name in names {
            let tensor = self.read(name)?;
            let shape = tensor.shape().dims2().map_err(|source| self.broken(source))?;
            if shape.1 != columns {
                return Err(self.broken(format!("`{name}` is not as wide as what it multiplies")));
            }
            parts.push(tensor);
        }
        // Four bits stay what they are, all else becomes eight.
        let matrix = if parts.iter().all(|part| part.dtype() == GgmlDType::Q4_1) {
            let bytes: Result<Vec<_>, _> = parts.iter().map(QTensor::data).collect();
            Matrix::from_nibbles(&bytes.map_err(|source| self.broken(source))?.concat(), columns)
        } else {
            let weights: Result<Vec<_>, _> = parts.iter().map(|part| self.floats(part)).collect();
            Matrix::new(&weights?.concat(), columns)
        };
        matrix.ok_or_else(|| self.broken("a matrix is not made of blocks of 32"))
    }

    /// Says whether the file has this matrix.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    /// Says that this file cannot be used, and why.
    pub(crate) fn broken(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        error::broken(&self.path, source)
    }

    fn value(&self, key: &str) -> Result<&Value, Error> {
        self.content.metadata.get(key).ok_or_else(|| self.broken(format!("the header has no `{key}`")))
    }

    fn read(&mut self, name: &str) -> Result<QTensor, Error> {
        self.content
            .tensor(&mut self.reader, name, &Device::Cpu)
            .map_err(|source| error::broken(&self.path, source))
    }

    fn floats(&self, tensor: &QTensor) -> Result<Vec<f32>, Error> {
        let floats = tensor.dequantize(&Device::Cpu).and_then(|tensor| tensor.flatten_all()?.to_vec1());
        floats.map_err(|source| self.broken(source))
    }
}
