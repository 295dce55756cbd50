//! The description of all routes is one that tools read: rules of `OpenAPI` 3.1 that the types do not hold.

use std::collections::BTreeSet;

use maily_analytics::{Analytics, AnalyticsConfig};
use maily_canvas::Canvas;
use maily_errors::{Code, OPENAPI_COMPONENTS};
use maily_mesh::{Mesh, MeshConfig};
use maily_redis::{MemoryStore, StoreService};
use maily_serve_http::mesh::MeshState;
use maily_serve_http::{analytics, canvas, mesh, redis, trust};
use maily_trust::memory::{Ed25519Signer, MemoryJournal, MemoryLedger};
use maily_trust::{Trust, TrustConfig};
use serde_json::{Map, Value};

/// The description of every core, as a server merges it.
async fn description() -> Value {
    let signer = Ed25519Signer::generate("mail.example/log").expect("a valid name of a log");
    let (journal, ledger) = (MemoryJournal::default(), MemoryLedger::default());
    let trust = Trust::open(TrustConfig::default(), signer, journal, ledger).await.expect("an empty journal");
    let analytics = Analytics::in_memory(&AnalyticsConfig::default()).expect("the settings are in range");
    let router = mesh::router(MeshState::new(Mesh::new(&MeshConfig::default())))
        .merge(canvas::router(Canvas::in_memory()))
        .merge(trust::router(trust))
        .merge(analytics::router(analytics))
        .merge(redis::router(StoreService::new(MemoryStore::default())));
    serde_json::to_value(router.get_openapi()).expect("a description is JSON")
}

fn object<'a>(value: &'a Value, pointer: &str) -> &'a Map<String, Value> {
    value.pointer(pointer).and_then(Value::as_object).expect("an object")
}

/// Every operation with its path.
fn operations(description: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let items = object(description, "/paths").iter();
    items.flat_map(|(path, item)| object(item, "").values().map(move |operation| (path.as_str(), operation)))
}

/// The targets of all references in a value.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_response_has_a_description() {
    let description = description().await;

    for (path, operation) in operations(&description) {
        for (status, response) in object(operation, "/responses") {
            let text = resolve(&description, response)["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "{path}: {status} has no description");
        }
    }
}

#[tokio::test]
async fn every_path_is_a_template_of_its_parameters() {
    let description = description().await;
    assert!(object(&description, "/paths").contains_key("/v1/models/{model}"));

    for (path, operation) in operations(&description) {
        let named: BTreeSet<_> = path
            .split('/')
            .filter(|segment| segment.contains(['{', '}', '*']))
            .map(|segment| segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')))
            .map(|name| {
                name.filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
            })
            .map(|name| name.unwrap_or_else(|| panic!("{path} is no template")))
            .collect();
        let none = Vec::new();
        let declared: BTreeSet<_> = operation["parameters"]
            .as_array()
            .unwrap_or(&none)
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert_eq!(named, declared, "{path}");
    }
}

#[tokio::test]
async fn every_reference_resolves() {
    let description = description().await;
    let mut found = Vec::new();
    references(&description, &mut found);

    assert!(!found.is_empty());
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference inside the description");
        assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[tokio::test]
async fn every_operation_has_its_own_name_with_its_core_in_front() {
    let description = description().await;
    let mut seen = BTreeSet::new();

    for (path, operation) in operations(&description) {
        let id = operation["operationId"].as_str().unwrap_or_default();
        let core = operation["tags"][0].as_str().unwrap_or_default();
        // The routes of redis are below `/v1/store`.
        let core = if core == "redis" { "store" } else { core };
        assert!(id.strip_prefix(core).is_some_and(|rest| rest.starts_with('_')), "{path}: {id}");
        assert!(seen.insert(id), "{id} is there twice");
    }
}

/// Follows a reference, if this is one.
fn resolve<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    target.map_or(value, |pointer| description.pointer(pointer).expect("the reference resolves"))
}

#[tokio::test]
async fn every_error_that_a_route_declares_is_a_problem_document() {
    let description = description().await;
    let problem = "#/components/schemas/Problem";

    for (path, operation) in operations(&description) {
        let declared = object(operation, "/responses");
        assert!(declared.contains_key("default"), "{path} says nothing about errors of others");
        for (status, response) in declared {
            if status.parse::<u16>().is_ok_and(|status| status < 400) {
                continue;
            }
            let content = object(resolve(&description, response), "/content");
            assert_eq!(content.keys().collect::<Vec<_>>(), ["application/problem+json"], "{path}: {status}");
            let schema = &content["application/problem+json"]["schema"];
            let own = &resolve(&description, schema)["allOf"][0];
            assert!(schema["$ref"] == problem || own["$ref"] == problem, "{path}: {status} is {schema}");
        }
    }
}

#[tokio::test]
async fn every_code_that_a_core_answers_with_is_declared_by_its_routes() {
    let description = description().await;

    for (path, operation) in operations(&description) {
        let core = operation["tags"][0].as_str().expect("every operation has the tag of its core");
        for code in Code::all().filter(|code| [core, "common", "server"].contains(&code.domain())) {
            let status = code.http_status().to_string();
            let response = resolve(&description, &operation["responses"][&status]);
            let schema = &response["content"]["application/problem+json"]["schema"];
            let codes = &resolve(&description, schema)["allOf"][1]["properties"]["code"]["enum"];
            let listed = codes.as_array().is_some_and(|codes| codes.contains(&code.name().into()));
            assert!(listed, "{path} does not declare {code} under {status}");
        }
    }
}

#[tokio::test]
async fn components_of_the_catalogue_are_served_whole() {
    let description = description().await;
    let generated: Value = serde_json::from_str(OPENAPI_COMPONENTS).expect("generated JSON");

    for part in ["/responses", "/schemas"] {
        for (name, component) in object(&generated, part) {
            assert_eq!(&description["components"][&part[1..]][name], component, "{name}");
        }
    }
}
