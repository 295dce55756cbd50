//! What a person reads: lines on standard output, errors on standard error.

use std::io::{IsTerminal, Write};

use maily_errors::Error;

/// Prints one line. A closed pipe is not an error: `maily doctor | head -1` ends quietly.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Prints an error with its context and what to do about it.
pub fn complain(err: &Error) {
    let mut out = format!("error: {} ({})\n", err.message(), err.code());
    for (key, value) in err.context() {
        out.push_str(&format!("  {key}: {value}\n"));
    }
    for violation in err.violations() {
        out.push_str(&format!("  {}: {}\n", violation.pointer, violation.detail));
    }
    let mut source = std::error::Error::source(err);
    while let Some(cause) = source {
        out.push_str(&format!("  because: {cause}\n"));
        source = cause.source();
    }
    out.push_str(&format!("  fix: {}\n", err.code().fix()));
    let _ = std::io::stderr().write_all(out.as_bytes());
}

/// Returns whether a person watches standard output.
#[must_use]
pub fn is_watched() -> bool {
    std::io::stdout().is_terminal()
}
