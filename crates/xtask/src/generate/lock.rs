//! The lock: every code that was ever published.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::catalogue::Entry;

/// Where the lock lies.
pub(super) const PATH: &str = "crates/errors/catalogue.lock";

/// Appends codes that are new to the lock file.
///
/// What it already holds is never changed here: a published code that was altered must fail
/// `crates/errors/tests/lock.rs`, and only a person can mark one as retired.
pub(super) fn extend(root: &Path, codes: &[Entry]) -> Result<String, String> {
    let path = root.join(PATH);
    let mut text = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let published: Vec<String> =
        text.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect();
    for e in codes.iter().filter(|e| !published.contains(&e.number.to_string())) {
        let _ = writeln!(text, "live {} {} {} {} {}", e.number, e.name, e.kind, e.http, e.grpc);
    }
    Ok(text)
}
