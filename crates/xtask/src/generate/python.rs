//! The exceptions of the Python package: the classes come from the catalogue, the rest is `errors.py.in`.

use std::fmt::Write as _;

use super::catalogue::{Entry, kinds};
use super::names::{pascal, upper};

/// Returns `maily/errors.py`.
///
/// The template may use `{{all}}` (names for `__all__`), `{{members}}` (of the enum `Code`), `{{rows}}` (the table
/// by name), `{{classes}}` (one exception per kind) and `{{table}}` (from kind to exception). A row holds number,
/// kind, HTTP status, retryable, gRPC status, class, safe-when, backoff in milliseconds, domain and title.
pub(super) fn module(codes: &[Entry]) -> String {
    let mut members = String::new();
    let mut rows = String::new();
    for e in codes {
        let _ = writeln!(members, "    {} = {:?}\n    \"\"\"{}.\"\"\"", upper(&e.name), e.name, e.title);
        let retryable = if e.retryable { "True" } else { "False" };
        let _ = writeln!(
            rows,
            "    {:?}: ({}, {:?}, {}, {retryable}, {}, {:?}, {:?}, {}, {:?}, {:?}),",
            e.name, e.number, e.kind, e.http, e.grpc, e.class, e.safe_when, e.backoff_ms, e.domain, e.title,
        );
    }
    let mut names = OWN.map(str::to_owned).to_vec();
    let mut classes = String::new();
    let mut table = String::new();
    for e in kinds(codes) {
        let class = pascal(&e.kind);
        let _ = write!(classes, "\n\nclass {class}(MailyError):\n    \"\"\"{}.\"\"\"\n", e.title);
        let _ = writeln!(table, "    {:?}: {class},", e.kind);
        names.push(class);
    }
    names.sort_unstable();
    let all: String = names.iter().map(|name| format!("    {name:?},\n")).collect();
    TEMPLATE
        .replace("{{all}}", all.trim_end())
        .replace("{{members}}", members.trim_end())
        .replace("{{rows}}", rows.trim_end())
        .replace("{{classes}}", classes.trim())
        .replace("{{table}}", table.trim_end())
}

const TEMPLATE: &str = include_str!("../errors.py.in");
/// The names that the template offers beside the exceptions.
const OWN: [&str; 13] = [
    "Answer",
    "Cause",
    "Code",
    "MailyError",
    "Secret",
    "Violation",
    "add_cause",
    "format_causes",
    "from_problem",
    "from_response",
    "parse_causes",
    "pointer",
    "violations",
];
