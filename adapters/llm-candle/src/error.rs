//! What can go wrong here, in the words of the catalogue.

use std::io;
use std::path::Path;
use std::time::Duration;

use maily_errors::{Code, Error, Public};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The model file cannot be opened.
pub(crate) fn unreadable(path: &Path, source: io::Error) -> Error {
    let (code, message) = if source.kind() == io::ErrorKind::NotFound {
        (Code::ModelMissing, "the model file is not there; `cargo xtask assets` fetches it")
    } else {
        (Code::ModelBroken, "the model file cannot be read")
    };
    Error::new(code, message)
        .with_operation("llm_candle::load")
        .with_context("path", path.display().to_string())
        .with_source(source)
}

/// The model file can be opened, but is not a model that this engine runs.
pub(crate) fn broken(path: &Path, source: impl Into<Source>) -> Error {
    Error::new(Code::ModelBroken, "the model file is damaged or of another format")
        .with_operation("llm_candle::load")
        .with_context("path", path.display().to_string())
        .with_source(source)
}

/// The prompt leaves no room for an answer.
pub(crate) fn too_large(what: &'static str, size: usize, limit: usize) -> Error {
    Error::new(Code::PromptTooLarge, "the prompt is longer than the model reads")
        .with_operation("llm_candle::read")
        .with_context("measured_in", Public(what))
        .with_context("size", Public(size))
        .with_context("limit", Public(limit))
}

/// The body is not a prompt; `pointer` says where.
pub(crate) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Error {
    Error::new(Code::PromptInvalid, "the prompt cannot be read")
        .with_operation("llm_candle::read")
        .with_violation(pointer, detail)
}

/// As many prompts wait as may.
pub(crate) fn busy(waiting: usize) -> Error {
    Error::new(Code::NodeThrottled, "as many prompts wait for the local model as may")
        .with_operation("llm_candle::call")
        .with_context("waiting", Public(waiting))
        .with_retry_after(RETRY_AFTER)
}

/// The engine's thread has ended, which only a defect can cause.
pub(crate) fn stopped() -> Error {
    Error::new(Code::NodeUnreachable, "the local model has stopped").with_operation("llm_candle::call")
}

/// The arithmetic failed in the middle of an answer.
pub(crate) fn failed(source: impl Into<Source>) -> Error {
    Error::new(Code::NodeFailed, "the local model failed while it wrote")
        .with_operation("llm_candle::generate")
        .with_source(source)
}

/// About one short answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);
