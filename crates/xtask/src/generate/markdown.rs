//! The pages of the codes, and their index.

use std::fmt::Write as _;

use super::catalogue::Entry;
use super::example;
use super::names::{pascal, upper};

/// Returns `docs/errors.md`: one line per code.
pub(super) fn index(codes: &[Entry]) -> String {
    let mut out = format!(
        "# Errors\n\nThe {} codes that Maily answers with. Each has a page: what it means, its cause, what to do.\n\
         [The guide](guides/errors.md) says how errors are made, answered, read and repeated. Generated from\n\
         `crates/errors/catalogue.toml` by `cargo xtask generate`.\n",
        codes.len(),
    );
    let mut domain = "";
    for e in codes {
        if e.domain != domain {
            domain = &e.domain;
            let _ = write!(
                out,
                "\n## {domain}\n\n| number | code | HTTP | again | means |\n|--:|---|---|---|---|\n"
            );
        }
        let again = match e.safe_when.as_str() {
            "always" => "yes",
            "idempotent" => "if harmless",
            _ => "no",
        };
        let Entry { number, name, http, title, .. } = e;
        let _ = writeln!(out, "| {number} | [`{name}`](errors/{name}.md) | {http} | {again} | {title} |");
    }
    out
}

/// Returns the page of one code.
pub(super) fn page(e: &Entry) -> String {
    let Entry { number, name, domain, kind, http, grpc, title, cause, fix, .. } = e;
    let class = match e.class.as_str() {
        "client" => "client: the caller can correct it",
        "server" => "server: the operator can correct it",
        "throttle" => "throttle: the caller comes back later, more slowly",
        _ => "transient: it may pass by itself",
    };
    let again = match e.safe_when.as_str() {
        "always" => {
            format!("yes, any request, after {} ms: it was refused before anything happened", e.backoff_ms)
        }
        "idempotent" => format!(
            "yes, after {} ms, if repeating it is harmless: a `GET`, or a request with an idempotency key; the first one \
             may have had its effect",
            e.backoff_ms,
        ),
        _ => "no: it fails again until something is corrected".to_owned(),
    };
    let (variant, exception, constant) = (pascal(name), pascal(kind), upper(name));
    let status = GRPC[usize::from(*grpc)];
    format!(
        "# {name}\n\n{title}.\n\n- Cause: {cause}\n- Fix: {fix}\n- Again: {again}.\n\n\
         | | |\n|---|---|\n| number | {number} |\n| domain | {domain} |\n| kind | `{kind}` |\n| class | {class} |\n\
         | HTTP status | {http} |\n| gRPC status | {grpc} `{status}` |\n| Rust | `Code::{variant}` |\n\
         | Python | `Code.{constant}`, raised as `{exception}` |\n| TypeScript | `\"{name}\"` |\n\n\
         ```http\n{}\n```\n\nGenerated from `crates/errors/catalogue.toml`; [all codes](../errors.md).\n",
        answer(e),
    )
}

/// The answer over HTTP when nothing more is known.
fn answer(e: &Entry) -> String {
    let again =
        if e.retryable { format!("retry-after: {}\n", e.backoff_ms.div_ceil(1000)) } else { String::new() };
    let members = example::members(e).into_iter().map(|(name, value)| format!("  \"{name}\": {value}"));
    format!(
        "HTTP/1.1 {}\ncontent-type: application/problem+json\n{again}\n{{\n{}\n}}",
        e.http,
        members.collect::<Vec<_>>().join(",\n"),
    )
}

/// The names of the gRPC statuses by number.
const GRPC: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
