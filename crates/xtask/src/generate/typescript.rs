//! The codes in TypeScript: a table whose literal types are the discriminated union.

use std::fmt::Write as _;

use serde_json::json;

use super::catalogue::Entry;

/// Returns `src/catalogue.ts`.
pub(super) fn catalogue(codes: &[Entry]) -> String {
    let mut out = format!(
        "{HEAD}\n/**\n * Every code of the catalogue: number, kind, HTTP status, gRPC status, class, when a repetition is safe,\n \
         * the first delay of a repetition in milliseconds, domain, title.\n */\nexport const ROWS = {{\n",
    );
    for e in codes {
        let row = [json!(e.kind), json!(e.http), json!(e.grpc), json!(e.class), json!(e.safe_when)];
        let row: String = row.iter().map(|value| format!(", {value}")).collect();
        let (number, backoff) = (e.number, e.backoff_ms);
        let (domain, title) = (json!(e.domain), json!(e.title));
        let _ = writeln!(out, "  {}: [{number}{row}, {backoff}, {domain}, {title}],", json!(e.name));
    }
    out.push_str("} as const;\n");
    out
}

/// Returns `src/advice.ts`: apart, so that a bundle that never shows it does not carry it.
pub(super) fn advice(codes: &[Entry]) -> String {
    let mut out = format!(
        "{HEAD}\nimport type {{ Code }} from \"./code.js\";\n\n/** What usually leads to each code, and what to do about it. */\n\
         export const ADVICE: Readonly<Record<Code, readonly [cause: string, fix: string]>> = {{\n",
    );
    for e in codes {
        let _ = writeln!(out, "  {}: [{}, {}],", json!(e.name), json!(e.cause), json!(e.fix));
    }
    out.push_str("};\n");
    out
}

const HEAD: &str =
    "// Generated from `crates/errors/catalogue.toml` by `cargo xtask generate`; do not edit.\n";
