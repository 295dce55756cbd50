//! What can go wrong with a file, as codes of the catalogue.

use std::io;
use std::path::Path;

use maily_errors::{Code, Error, Public};

pub(crate) fn unreachable(operation: &'static str, path: &Path, err: io::Error) -> Error {
    Error::new(Code::LedgerUnreachable, "the log file did not answer")
        .with_operation(operation)
        .with_context("path", path.display())
        .with_source(err)
}

pub(crate) fn locked(path: &Path) -> Error {
    Error::new(Code::LedgerLocked, "another process has the log open")
        .with_operation("ledger_log::open")
        .with_context("path", path.display())
}

pub(crate) fn corrupt(message: &'static str, path: &Path, offset: u64) -> Error {
    Error::new(Code::LedgerCorrupt, message)
        .with_operation("ledger_log::open")
        .with_context("path", path.display())
        .with_context("offset", offset)
}

pub(crate) fn rejected(size: u64, last: u64) -> Error {
    Error::new(Code::LedgerRejected, "the checkpoint does not follow the last one")
        .with_operation("ledger_log::anchor")
        .with_context("size", Public(size))
        .with_context("last_size", Public(last))
}

pub(crate) fn pending(size: u64) -> Error {
    Error::new(Code::AnchorPending, "the checkpoint is not anchored")
        .with_operation("ledger_log::lookup")
        .with_context("size", Public(size))
}

pub(crate) fn too_large(limit: usize) -> Error {
    Error::new(Code::TooLarge, "the entries are over their limit")
        .with_operation("ledger_log::append")
        .with_context("limit_bytes", Public(limit))
}

/// A write failed and could not be taken back: what the file holds is known only after it is read again.
pub(crate) fn poisoned() -> Error {
    Error::new(Code::LedgerUnreachable, "the log stopped after a write that failed")
        .with_operation("ledger_log::append")
}

pub(crate) fn unsupported() -> Error {
    Error::new(Code::Unsupported, "the log does not know this call").with_operation("ledger_log::call")
}
