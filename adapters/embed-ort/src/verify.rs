//! A look at the files of an embedder that costs milliseconds, where loading them costs a third of a second.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use maily_errors::Result;
use serde::de::IgnoredAny;

use crate::config::EmbedOrtConfig;
use crate::{error, runtime};

impl EmbedOrtConfig {
    /// Looks whether the files are there, each of its kind and not cut off, without loading them.
    ///
    /// For a process that loads them late: it says at its start what it would say with the first text otherwise. What
    /// only loading finds, such as a model of another kind, it does not find.
    ///
    /// # Errors
    ///
    /// - [`Code::EmbedderMissing`](maily_errors::Code::EmbedderMissing) when a file is not there.
    /// - [`Code::ModelBroken`](maily_errors::Code::ModelBroken) when one is damaged, or of another kind.
    /// - [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) for a number out of its range.
    pub fn verify(&self) -> Result<()> {
        self.check()?;
        runtime::check(&self.library)?;
        model(&self.model)?;
        let tokenizer =
            fs::read(&self.tokenizer).map_err(|source| error::unreadable(&self.tokenizer, source))?;
        serde_json::from_slice::<IgnoredAny>(&tokenizer)
            .map(drop)
            .map_err(|source| error::broken(&self.tokenizer, source))
    }
}

/// Walks over the fields of an ONNX file, which is one message of Protocol Buffers: the last one must end with it.
///
/// Source: <https://protobuf.dev/programming-guides/encoding/>; `ModelProto` in onnx.proto3, whose field 7 is the graph.
fn model(path: &Path) -> Result<()> {
    let file = File::open(path).map_err(|source| error::unreadable(path, source))?;
    let length = file.metadata().map_err(|source| error::unreadable(path, source))?.len();
    let mut fields = BufReader::new(file);
    let mut has_graph = false;
    let mut at = 0;
    while at < length {
        let walked = step(&mut fields).and_then(|field| Ok((field, fields.stream_position()?)));
        let (field, next) = walked.map_err(|source| error::broken(path, source))?;
        if next > length {
            return Err(error::broken(path, format!("it ends after {length} bytes, before its last field")));
        }
        has_graph |= field == GRAPH;
        at = next;
    }
    if has_graph { Ok(()) } else { Err(error::broken(path, "it has no graph")) }
}

/// Goes behind the next field, and returns its number.
fn step(fields: &mut (impl Read + Seek)) -> io::Result<u64> {
    let tag = varint(fields)?;
    let length = match tag & 7 {
        0 => {
            varint(fields)?;
            0
        }
        1 => 8,
        2 => varint(fields)?,
        5 => 4,
        _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no message of Protocol Buffers")),
    };
    let length = i64::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    fields.seek(SeekFrom::Current(length))?;
    Ok(tag >> 3)
}

fn varint(bytes: &mut impl Read) -> io::Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        bytes.read_exact(&mut byte)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(value);
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a number has no end"))
}

const GRAPH: u64 = 7;
