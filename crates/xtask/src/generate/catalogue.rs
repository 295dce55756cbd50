//! The catalogue: its rows, and the rules that every row keeps.

use serde::Deserialize;

use super::names::pascal;

/// One row of the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) number: u16,
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) kind: String,
    pub(super) http: u16,
    pub(super) grpc: u8,
    pub(super) class: String,
    pub(super) retryable: bool,
    pub(super) safe_when: String,
    pub(super) backoff_ms: u64,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) fix: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    code: Vec<Entry>,
}

/// Reads the catalogue and checks every row. An error names the row.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, String> {
    let Catalogue { code: codes } = toml::from_str(text).map_err(|err| err.to_string())?;
    for (index, entry) in codes.iter().enumerate() {
        let wrong =
            |reason| format!("row {} `{}` (number {}): {reason}", index + 1, entry.name, entry.number);
        alone(entry).and_then(|()| after(entry, &codes[..index])).map_err(wrong)?;
    }
    let is_kind = |kind: &str| kinds(&codes).any(|entry| entry.kind == kind);
    match codes.iter().find(|entry| !is_kind(&entry.kind)) {
        Some(Entry { name, kind, .. }) => {
            Err(format!("`{name}`: no common code is called like its kind `{kind}`"))
        }
        None => Ok(codes),
    }
}

/// The codes that say no more than their kind: they have its name.
pub(super) fn kinds(codes: &[Entry]) -> impl Iterator<Item = &Entry> {
    codes.iter().filter(|entry| entry.domain == "common" && entry.name.replace('-', "_") == entry.kind)
}

/// What a row keeps by itself.
fn alone(e: &Entry) -> Result<(), String> {
    let (_, numbers) = DOMAINS.iter().find(|(domain, _)| *domain == e.domain).ok_or_else(|| {
        format!("domain `{}` is not one of {}", e.domain, DOMAINS.map(|(name, _)| name).join(", "))
    })?;
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    ensure(e.name.split('-').all(word), || "the name is not in kebab-case".to_owned())?;
    ensure(numbers.contains(&e.number), || {
        format!("{} has the numbers {} to {}", e.domain, numbers.start(), numbers.end())
    })?;
    ensure((400..=599).contains(&e.http), || format!("HTTP status {} is not 400 to 599", e.http))?;
    ensure((1..=16).contains(&e.grpc), || format!("gRPC status {} is not 1 to 16", e.grpc))?;
    class(e)?;
    ensure(!e.title.is_empty() && !e.title.ends_with('.'), || {
        "the title is one sentence without full stop".to_owned()
    })?;
    for (what, text) in [("cause", &e.cause), ("fix", &e.fix)] {
        ensure(text.ends_with('.'), || format!("the {what} does not end with a full stop"))?;
    }
    Ok(())
}

/// Whether the same request may be sent again follows from who can do something about it.
fn class(e: &Entry) -> Result<(), String> {
    let (again, status) = match e.class.as_str() {
        // 501 is the one status above 499 that a caller can do something about: by asking for something else.
        "client" => (false, e.http < 500 || e.http == 501),
        "server" => (false, true),
        "throttle" => (true, [409, 429, 503].contains(&e.http)),
        "transient" => (true, e.http >= 500 || [408, 409, 425].contains(&e.http)),
        other => return Err(format!("class `{other}` is not client, server, throttle or transient")),
    };
    ensure(status, || format!("HTTP status {} does not fit the class {}", e.http, e.class))?;
    ensure(e.retryable == again, || format!("class {} means retryable = {again}", e.class))?;
    match (e.safe_when.as_str(), e.backoff_ms) {
        ("always" | "idempotent", 1..) if again => Ok(()),
        ("never", 0) if !again => Ok(()),
        _ if again => {
            Err("what is retryable is safe `always` or `idempotent`, after a backoff above 0".to_owned())
        }
        _ => Err("what is not retryable is safe `never`, and its backoff is 0".to_owned()),
    }
}

/// What a row keeps beside those before it.
fn after(entry: &Entry, before: &[Entry]) -> Result<(), String> {
    ensure(before.last().is_none_or(|last| last.number < entry.number), || {
        "numbers are unique and ascend".to_owned()
    })?;
    // `a-1` and `a1` would be one name in Rust.
    let same = before.iter().find(|other| pascal(&other.name) == pascal(&entry.name));
    same.map_or(Ok(()), |other| Err(format!("number {} has this name", other.number)))
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(reason()) }
}

/// Which numbers belong to whom.
const DOMAINS: [(&str, std::ops::RangeInclusive<u16>); 7] = [
    ("common", 1..=99),
    ("redis", 100..=199),
    ("mesh", 200..=299),
    ("canvas", 300..=399),
    ("trust", 400..=499),
    ("analytics", 500..=599),
    ("server", 600..=699),
];

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"[[code]]
number = 6
name = "timeout"
domain = "common"
kind = "timeout"
http = 504
grpc = 4
class = "transient"
retryable = true
safe_when = "idempotent"
backoff_ms = 200
title = "The deadline passed"
cause = "The work took longer."
fix = "Try again."
"#;

    /// Reads the row after a replacement.
    fn changed(from: &str, to: &str) -> Result<Vec<Entry>, String> {
        assert!(ROW.contains(from), "{from}");
        read(&ROW.replace(from, to))
    }

    #[test]
    fn row_that_keeps_the_rules_is_read() {
        assert_eq!(read(ROW).unwrap()[0].name, "timeout");
    }

    #[test]
    fn row_that_breaks_a_rule_is_named_with_the_rule() {
        for (from, to, reason) in [
            ("number = 6", "number = 100", "common has the numbers 1 to 99"),
            ("\"common\"", "\"cannon\"", "domain `cannon` is not one of common, redis"),
            ("name = \"timeout\"", "name = \"Time Out\"", "the name is not in kebab-case"),
            ("504", "200", "HTTP status 200 is not 400 to 599"),
            ("504", "404", "HTTP status 404 does not fit the class transient"),
            ("grpc = 4", "grpc = 17", "gRPC status 17 is not 1 to 16"),
            ("transient", "unlucky", "class `unlucky` is not client, server, throttle or transient"),
            ("transient", "client", "HTTP status 504 does not fit the class client"),
            ("transient", "server", "class server means retryable = false"),
            ("retryable = true", "retryable = false", "class transient means retryable = true"),
            ("\"idempotent\"", "\"never\"", "what is retryable is safe `always` or `idempotent`"),
            ("200", "0", "after a backoff above 0"),
            ("passed\"", "passed.\"", "the title is one sentence without full stop"),
            ("longer.", "longer", "the cause does not end with a full stop"),
            ("again.", "again", "the fix does not end with a full stop"),
        ] {
            let answer = changed(from, to).unwrap_err();

            assert!(answer.starts_with("row 1 `"), "{answer}");
            assert!(answer.contains(reason), "{answer}");
        }
    }

    #[test]
    fn member_that_nobody_knows_is_refused() {
        assert!(changed("grpc = 4", "grpc = 4\nsoap = 1").unwrap_err().contains("unknown field `soap`"));
    }

    #[test]
    fn number_or_name_that_is_there_twice_is_named() {
        let again = |number: &str, name: &str| {
            let row = ROW.replace("number = 6", number).replace("name = \"timeout\"", name);
            read(&format!("{ROW}{row}")).unwrap_err()
        };

        assert_eq!(
            again("number = 6", "name = \"late\""),
            "row 2 `late` (number 6): numbers are unique and ascend"
        );
        assert_eq!(
            again("number = 7", "name = \"timeout\""),
            "row 2 `timeout` (number 7): number 6 has this name"
        );
    }

    #[test]
    fn kind_without_a_common_code_is_named() {
        assert_eq!(
            changed("kind = \"timeout\"", "kind = \"late\"").unwrap_err(),
            "`timeout`: no common code is called like its kind `late`"
        );
    }
}
