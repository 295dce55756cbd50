//! What can go wrong here, in the words of the catalogue.

use std::io;
use std::path::Path;
use std::time::Duration;

use maily_errors::{Code, Error, Public};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// One of the three files cannot be opened.
pub(crate) fn unreadable(path: &Path, source: io::Error) -> Error {
    let (code, message) = if source.kind() == io::ErrorKind::NotFound {
        (Code::EmbedderMissing, "a file of the embedder is not there; `cargo xtask assets` fetches it")
    } else {
        (Code::ModelBroken, "a file of the embedder cannot be read")
    };
    Error::new(code, message)
        .with_operation("embed_ort::build")
        .with_context("path", path.display().to_string())
        .with_source(source)
}

/// One of the three files is not what it should be.
pub(crate) fn broken(path: &Path, source: impl Into<Source>) -> Error {
    Error::new(Code::ModelBroken, "a file of the embedder is damaged or of another kind")
        .with_operation("embed_ort::build")
        .with_context("path", path.display().to_string())
        .with_source(source)
}

/// As many texts wait as may.
pub(crate) fn busy(limit: usize) -> Error {
    Error::new(Code::Throttled, "as many texts wait for the embedder as may")
        .with_operation("embed_ort::call")
        .with_context("limit", Public(limit))
        .with_retry_after(RETRY_AFTER)
}

/// The threads have ended, which only a defect can cause.
pub(crate) fn stopped() -> Error {
    Error::new(Code::Unavailable, "the embedder has stopped").with_operation("embed_ort::call")
}

/// The arithmetic failed.
pub(crate) fn failed(source: impl Into<Source>) -> Error {
    Error::new(Code::NodeFailed, "the embedder failed").with_operation("embed_ort::embed").with_source(source)
}

/// About a hundred short texts.
const RETRY_AFTER: Duration = Duration::from_secs(1);
