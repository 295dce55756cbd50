//! The problem documents as components of `OpenAPI` 3.1: one schema, and one response per status.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::catalogue::Entry;
use super::example;

/// Returns `crates/errors/openapi.json`: `schemas` and `responses`, as `components` holds them.
///
/// `Problem` is any answer that is an error; `Problem404` is one with that status, whose codes are enumerated.
pub(super) fn components(codes: &[Entry]) -> Result<String, String> {
    let mut by_status: BTreeMap<u16, Vec<&Entry>> = BTreeMap::new();
    for entry in codes {
        by_status.entry(entry.http).or_default().push(entry);
    }
    let mut schemas: Map<String, Value> =
        serde_json::from_str(SCHEMAS).map_err(|err| format!("schemas.json: {err}"))?;
    let mut responses = Map::new();
    responses.insert("Problem".to_owned(), response("A problem document (RFC 9457)", "Problem", &[]));
    for (status, codes) in by_status {
        let name = format!("Problem{status}");
        let enumerated: Vec<&str> = codes.iter().map(|e| e.name.as_str()).collect();
        let status = json!({ "type": "integer", "enum": [status] });
        let code = json!({ "type": "string", "enum": enumerated });
        let own = json!({ "type": "object", "properties": { "status": status, "code": code } });
        schemas.insert(name.clone(), json!({ "allOf": [reference("Problem"), own] }));
        let about = codes.iter().map(|e| format!("`{}`: {}", e.name, e.title)).collect::<Vec<_>>().join(". ");
        responses.insert(name.clone(), response(&about, &name, &codes));
    }
    let components = json!({ "responses": responses, "schemas": schemas });
    Ok(format!("{components:#}\n"))
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

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// The schemas of a problem document and its parts.
const SCHEMAS: &str = include_str!("schemas.json");
