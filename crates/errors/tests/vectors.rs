//! What every language makes of an error: `wire/vectors.json`, run in Rust.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use http::Response;
use maily_errors::retry::{Decision, Policy, decide};
use maily_errors::{Cause, Causes, Code, Error, Segment, TYPE_PREFIX, TraceContext, pointer};
use serde_json::{Value, json};

fn vectors(section: &str) -> Value {
    let all: Value = serde_json::from_slice(include_bytes!("wire/vectors.json")).unwrap();
    all[section].clone()
}

fn cases(section: &Value) -> &[Value] {
    section.as_array().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

/// A text, or parts of it that are repeated.
fn joined(case: &Value, key: &str) -> String {
    match &case[format!("{key}_parts")] {
        Value::Array(parts) => {
            let times = |part: &Value| usize::try_from(part["times"].as_u64().unwrap()).unwrap();
            parts.iter().map(|part| text(part, "text").repeat(times(part))).collect()
        }
        _ => text(case, key).to_owned(),
    }
}

fn body(case: &Value) -> Vec<u8> {
    match case["body_hex"].as_str() {
        Some(hex) => {
            let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect()
        }
        None => joined(case, "body").into_bytes(),
    }
}

/// Reads an answer as a client does: through the layer, with its limits.
async fn read(case: &Value) -> Error {
    use tower::{Layer as _, ServiceExt as _};

    let mut response = Response::builder().status(u16::try_from(case["status"].as_u64().unwrap()).unwrap());
    for (name, value) in case["headers"].as_object().unwrap() {
        response = response.header(name, value.as_str().unwrap());
    }
    let body = http_body_util::Full::new(bytes::Bytes::from(body(case)));
    let answer = std::sync::Mutex::new(response.body(body).ok());
    let upstream = tower::service_fn(|()| {
        let answer = answer.lock().unwrap().take();
        async move { Ok::<_, Error>(answer.unwrap()) }
    });
    maily_errors::DecodeConfig::default().build().layer(upstream).oneshot(()).await.unwrap_err()
}

/// What the other languages see of it.
fn seen(err: &Error) -> Value {
    let unknown = err.upstream().filter(|problem| problem.is_ours() && problem.known_code().is_none());
    let name = |problem: &maily_errors::Problem| {
        problem.code.clone().unwrap_or(problem.type_uri.replace(TYPE_PREFIX, ""))
    };
    let status = err
        .upstream()
        .map_or_else(|| json!(err.public_context().next().unwrap().1), |problem| json!(problem.status));
    let context = err.upstream().map(|problem| json!(problem.context));
    json!({
        "code": unknown.map_or_else(|| err.code().name().to_owned(), name),
        "number": unknown.map_or(json!(err.code().number()), |problem| json!(problem.number)),
        "known": unknown.is_none(),
        "acts_as": err.code().name(),
        "kind": err.kind().as_str(),
        "status": status,
        "temporary": err.is_temporary(),
        "retry_after_ms": err.retry_after().map(|delay| delay.as_millis()),
        "detail": err.upstream().and_then(|problem| problem.detail.clone()),
        "trace_id": err.upstream().and_then(|problem| problem.trace_id),
        "violations": err.violations(),
        "context": context.unwrap_or_else(|| json!({})),
        "causes": err.causes(),
    })
}

#[tokio::test]
async fn every_answer_becomes_the_error_of_the_vectors() {
    for case in cases(&vectors("problems")) {
        let mut expected = json!({
            "known": true, "acts_as": case["out"]["code"], "temporary": false, "retry_after_ms": null,
            "detail": null, "trace_id": null, "violations": [], "context": {}, "causes": [],
        });
        for (key, value) in case["out"].as_object().unwrap() {
            expected[key] = value.clone();
        }

        let err = read(&case["in"]).await;

        assert_eq!(seen(&err), expected, "{}", case["name"]);
    }
}

#[test]
fn every_status_has_the_code_of_the_vectors() {
    for case in cases(&vectors("statuses")) {
        let status = u16::try_from(case[0].as_u64().unwrap()).unwrap();

        assert_eq!(Code::of_status(status).name(), case[1], "{status}");
    }
}

fn policy(of: &Value) -> Policy {
    serde_json::from_value(of.clone()).unwrap()
}

#[test]
fn every_decision_is_that_of_the_vectors() {
    let vectors = vectors("decisions");
    assert_eq!(policy(&vectors["default_policy"]), Policy::default());
    for case in cases(&vectors["cases"]) {
        let mut err = Error::from(text(&case["error"], "code").parse::<Code>().unwrap());
        if let Some(delay_ms) = case["error"]["retry_after_ms"].as_u64() {
            err = err.with_retry_after(Duration::from_millis(delay_ms));
        }
        if case["error"]["temporary"] == false {
            err = err.into_persistent();
        }
        let policy = case.get("policy").map(policy).unwrap_or_default();
        let attempt = u32::try_from(case["attempt"].as_u64().unwrap()).unwrap();

        let decision = decide(
            &err,
            case["idempotent"].as_bool().unwrap(),
            attempt,
            &policy,
            case["random"].as_f64().unwrap(),
        );

        let seen = match decision {
            Decision::Retry(delay) => json!({"retry": true, "delay_ms": delay.as_millis()}),
            Decision::Stop(reason) => json!({"retry": false, "reason": reason.as_str()}),
        };
        assert_eq!(seen, case["out"], "{}", case["name"]);
    }
}

fn cause(entry: &Value) -> Cause {
    let mut cause = Cause::new(text(entry, "service").to_owned(), text(entry, "code").to_owned());
    cause.trace_id = entry["trace_id"].as_str().map(|id| id.parse().unwrap());
    cause.span_id = entry["span_id"].as_str().map(|id| id.parse().unwrap());
    cause
}

#[test]
fn every_chain_grows_as_in_the_vectors() {
    for case in cases(&vectors("causes")["add"]) {
        let mut causes: Causes = cases(&case["chain"]).iter().map(cause).collect();

        causes.add(cause(&case["entry"]));

        assert_eq!(json!(causes), case["out"], "{}", case["name"]);
    }
}

#[test]
fn every_header_of_causes_is_read_and_written_as_in_the_vectors() {
    for case in cases(&vectors("causes")["header"]) {
        let header = joined(case, "header");

        let causes = Causes::parse(&header);

        assert_eq!(json!(causes), case["out"], "{}", case["name"]);
        if case["format"] == true {
            assert_eq!(causes.to_string(), header, "{}", case["name"]);
        }
    }
}

#[test]
fn every_traceparent_is_read_and_written_as_in_the_vectors() {
    for case in cases(&vectors("traceparent")) {
        let trace = TraceContext::parse(text(case, "in"));

        let seen = trace.map(|trace| {
            json!({"trace_id": trace.trace_id(), "span_id": trace.span_id(), "sampled": trace.is_sampled()})
        });
        assert_eq!(json!(seen), case["out"], "{}", case["in"]);
        assert_eq!(json!(trace.map(|trace| trace.to_string())), case["format"], "{}", case["in"]);
        if let Some(trace) = trace {
            let mut headers = http::HeaderMap::new();
            trace.write_to(&mut headers);
            assert_eq!(headers["traceparent"], text(case, "format"));
        }
    }
}

#[test]
fn every_path_has_the_pointer_of_the_vectors() {
    for case in cases(&vectors("violations")["paths"]) {
        let path = cases(&case["path"]).iter().map(|segment| match segment {
            Value::String(key) => Segment::Key(key),
            index => Segment::Index(usize::try_from(index.as_u64().unwrap()).unwrap()),
        });

        assert_eq!(pointer(path), text(case, "pointer"));
    }
}
