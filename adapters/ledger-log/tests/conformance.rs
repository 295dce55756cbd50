//! The log keeps every rule of the `ledger` and `journal` ports.
#![expect(clippy::unwrap_used, reason = "a test")]

use maily_ledger_log::{LogConfig, LogLedger};

/// A log in a folder of its own, kept below `target`.
fn log() -> LogLedger {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
    LogConfig::new(folder.join("trust.log")).build().unwrap()
}

maily_trust::conformance!(ledger, log());
maily_trust::conformance!(journal, log());
