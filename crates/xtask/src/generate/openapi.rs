//! The problem documents as components of `OpenAPI` 3.1: one schema, and one response per status.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::catalogue::{Entry, kinds};
use super::example;

/// Returns `crates/errors/openapi.json`: `schemas` and `responses`, as `components` holds them.
///
/// `Problem` is any answer that is an error; `Problem404` is one with that status, whose codes are enumerated.
pub(super) fn components(codes: &[Entry]) -> String {
    let mut by_status: BTreeMap<u16, Vec<&Entry>> = BTreeMap::new();
    for entry in codes {
        by_status.entry(entry.http).or_default().push(entry);
    }
    let mut schemas = schemas(codes);
    let mut responses = Map::new();
    responses.insert("Problem".to_owned(), response("A problem document (RFC 9457)", "Problem", &[]));
    for (status, codes) in by_status {
        let name = format!("Problem{status}");
        let enumerated: Vec<&str> = codes.iter().map(|e| e.name.as_str()).collect();
        let own = json!({ "properties": { "status": { "const": status }, "code": { "enum": enumerated } } });
        schemas.insert(name.clone(), json!({ "allOf": [reference("Problem"), own] }));
        let about = codes.iter().map(|e| format!("`{}`: {}", e.name, e.title)).collect::<Vec<_>>().join(". ");
        responses.insert(name.clone(), response(&about, &name, &codes));
    }
    let components = json!({ "responses": responses, "schemas": schemas });
    // Numbers, strings and maps with string keys: there is nothing to fail.
    serde_json::to_string_pretty(&components).unwrap_or_default() + "\n"
}

fn response(about: &str, schema: &str, codes: &[&Entry]) -> Value {
    let mut content = json!({ "schema": reference(schema) });
    let example = |e: &&Entry| {
        let value: Map<_, _> =
            example::members(e).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        (e.name.clone(), json!({ "summary": e.title, "value": value }))
    };
    if !codes.is_empty() {
        content["examples"] = codes.iter().map(example).collect::<Map<_, _>>().into();
    }
    let mut response = json!({ "description": about, "content": { "application/problem+json": content } });
    if codes.iter().any(|e| e.retryable) {
        let seconds = json!({ "type": "integer", "minimum": 0 });
        response["headers"] = json!({
            "Retry-After": { "description": "Whole seconds to wait before the next try", "schema": seconds },
        });
    }
    response
}

fn schemas(codes: &[Entry]) -> Map<String, Value> {
    let text = |about: &str| json!({ "type": "string", "description": about });
    let hex = |digits: u8, about: &str| json!({ "type": "string", "pattern": format!("^[0-9a-f]{{{digits}}}$"), "description": about });
    let list =
        |of: &str, about: &str| json!({ "type": "array", "items": reference(of), "description": about });
    let milliseconds = json!({
        "type": "integer", "minimum": 0,
        "description": "How long to wait before the next try; absent when a next try is pointless",
    });
    let kinds: Vec<String> = kinds(codes).map(|e| e.kind.clone()).collect();
    let problem = json!({
        "type": "object",
        "description": format!("What went wrong (RFC 9457). Every code has one of the kinds {}", kinds.join(", ")),
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "`urn:maily:error:` and the code" },
            "title": text("What the code means, the same for each occurrence"),
            "status": { "type": "integer", "minimum": 400, "maximum": 599, "description": "The HTTP status" },
            "detail": text("What went wrong here"),
            "instance": { "type": "string", "format": "uri-reference", "description": "This occurrence" },
            "code": text("The name of the code, which never changes"),
            "number": { "type": "integer", "minimum": 1, "maximum": 65535, "description": "The number of the code, which never changes" },
            "retry_after_ms": milliseconds,
            "errors": list("Violation", "The fields of the input that are wrong"),
            "context": {
                "type": "object", "additionalProperties": { "type": "string" },
                "description": "Values that explain the problem",
            },
            "trace_id": hex(32, "The trace to quote in a report"),
            "causes": list("Cause", "What the services behind this one answered, the nearest first"),
        },
    });
    let violation = json!({
        "type": "object", "description": "A field of the input that is wrong", "required": ["pointer", "detail"],
        "properties": {
            "pointer": text("Where: a JSON Pointer (RFC 6901) into the input"),
            "detail": text("What is wrong with it"),
            "code": text("Which rule it breaks"),
        },
    });
    let cause = json!({
        "type": "object", "description": "An error of a service behind this one", "required": ["service", "code"],
        "properties": {
            "service": text("Who answered it"),
            "code": text("The name of the code"),
            "trace_id": hex(32, "The trace there"),
            "span_id": hex(16, "The span there"),
        },
    });
    [("Cause", cause), ("Problem", problem), ("Violation", violation)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
