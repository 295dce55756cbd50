//! The redb log keeps every rule of the `log` port.

use maily_analytics::port::EventLog;
use maily_log_redb::RedbConfig;

/// A log in a folder that goes away with the test process.
async fn fresh() -> impl EventLog {
    let folder = tempfile::tempdir().expect("a folder").keep();
    RedbConfig::new(folder.join("events.redb")).build().await.expect("a log")
}

maily_analytics::conformance!(log, fresh().await);
