//! What `cargo xtask peers` fetched, and why something is not there.

use std::path::PathBuf;

use serde_json::{Value, json};

/// Returns where a component is, by the variable that says so, or why it is not there.
pub(crate) fn find(variable: &str) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let why = std::env::var(format!("{variable}_MISSING"));
    Err(why.unwrap_or_else(|_| format!("{variable} is not set: run `cargo xtask peers`")))
}

/// Prints a line without a figure: what could not be measured, and why.
pub(crate) fn left_out(area: &str, what: &str, why: &str) {
    // Of several lines of a failure the first says what, and the last says why.
    let lines: Vec<&str> = why.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let why = match lines[..] {
        [first, .., last] => format!("{first}: {last}"),
        [only] => only.to_owned(),
        [] => "no reason is known".to_owned(),
    };
    let line = json!({
        "area": area, "what": what, "unit": "", "ours": Value::Null, "peer": Value::Null,
        "peer_name": why, "bar": Value::Null, "holds": Value::Null,
    });
    println!("{line}");
}
