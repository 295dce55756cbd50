//! Errors travel as problem documents and lose nothing that a caller needs.

use std::time::Duration;

use maily_errors::{Cause, Causes, Code, Error, Problem, Public, Respond, Status, Violation};
use proptest::prelude::*;

/// Golden bytes, shared with every language that reads or writes problem documents.
const FULL: &[u8] = include_bytes!("wire/full.json");
const BARE: &[u8] = include_bytes!("wire/bare.json");
const FOREIGN: &[u8] = include_bytes!("wire/foreign.json");

fn golden(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

#[test]
fn full_document_has_the_golden_bytes() {
    let err = Error::new(Code::NodeThrottled, "the node asks to slow down")
        .with_operation("llm_openai::complete")
        .with_context("node", "10.0.3.7")
        .with_context("limit_per_minute", Public(60))
        .with_violation("/messages/0/content", "is \"empty\"")
        .with_retry_after(Duration::from_millis(1500));

    let problem = Problem::from(&err)
        .with_instance("/v1/chat/completions")
        .with_trace_id("4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap());

    assert_eq!(String::from_utf8(problem.to_json()), Ok(String::from_utf8_lossy(golden(FULL)).into_owned()));
    assert_eq!(Problem::from_json(FULL).unwrap(), problem);
}

#[test]
fn bare_code_has_the_golden_bytes() {
    let problem = Problem::from(&Error::from(Code::NotFound));

    assert_eq!(String::from_utf8(problem.to_json()), Ok(String::from_utf8_lossy(golden(BARE)).into_owned()));
}

#[test]
fn foreign_document_goes_through_an_error_unchanged() {
    let err = Error::from(Problem::from_json(FOREIGN).unwrap());

    assert_eq!(err.code(), Code::Forbidden);
    assert_eq!(Problem::from(&err).to_json(), golden(FOREIGN));
}

#[test]
fn every_code_comes_back_as_itself() {
    for code in Code::all() {
        let there = Problem::from(&Error::from(code)).to_json();

        let back = Error::from(Problem::from_json(&there).unwrap());

        assert_eq!(back.code(), code);
        assert_eq!(back.status(), Error::from(code).status());
    }
}

#[test]
fn number_counts_when_the_name_is_missing_and_the_name_when_they_disagree() {
    let code = |text: &str| Error::from(Problem::from_json(text.as_bytes()).unwrap()).code();

    assert_eq!(code(r#"{"number":210}"#.replace('}', r#","status":503}"#).as_str()), Code::NoNode);
    assert_eq!(code(r#"{"number":210,"code":"timeout"}"#), Code::Timeout);
    assert_eq!(code(r#"{"number":9999,"code":"of-2031","status":404}"#), Code::NotFound);
}

#[test]
fn spent_retries_tell_the_caller_no_delay() {
    let err = Error::from(Code::Timeout).into_persistent();

    assert_eq!(err.status(), Status::Persistent);
    assert_eq!(Problem::from(&err).retry_after_ms, None);
}

/// Hostile values where a document has members, and beside them.
fn hostile_member() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "type",
        "title",
        "status",
        "code",
        "number",
        "detail",
        "instance",
        "retry_after_ms",
        "errors",
        "context",
        "trace_id",
        "causes",
        "service",
        "pointer",
        "x",
        "",
    ]);
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("-1".to_owned()),
        Just("1e400".to_owned()),
        Just("1e308".to_owned()),
        Just("18446744073709551616".to_owned()),
        Just(r#""urn:maily:error:timeout""#.to_owned()),
        Just(r#""urn:maily:error:""#.to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#"[{"pointer":"/a","detail":1},{"service":"a","code":"b"},[],{}]"#.to_owned()),
        Just(format!("{}1{}", "[".repeat(200), "]".repeat(200))),
        Just(format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100))),
        Just(format!("\"{}\"", "x".repeat(1 << 20))),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        "[\\PC]{0,20}".prop_map(|text| serde_json::json!(text).to_string()),
    ];
    (key, value).prop_map(|(key, value)| format!("\"{key}\":{value}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_document_is_read_and_goes_on_without_a_panic(
        members in prop::collection::vec(hostile_member(), 0..12),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
        status in 400_u16..600,
        content_type in prop::sample::select(vec!["application/problem+json", "application/json", "text/html"]),
        causes in "[\"a-z;=,]{0,40}",
    ) {
        let mut text = format!("{{{}}}", members.join(",")).into_bytes();
        if is_cut {
            text.truncate(cut.index(text.len()));
        }
        let answer = http::Response::builder().status(status).header("content-type", content_type);
        let answer = answer.header("maily-causes", causes).body(()).unwrap();

        let err = Error::from_answer(&answer, &text);

        let mut body = Vec::new();
        Problem::write(&err, &mut body);
        let again = Problem::from_json(&body).unwrap();
        prop_assert_eq!(Error::from(again).code(), err.code());
        let response = Respond.respond(&err);
        prop_assert!(response.status().is_client_error() || response.status().is_server_error());
        let shown = format!("{err:?} {err}");
        prop_assert!(!shown.is_empty());
        prop_assert!(err.causes().len() <= Causes::MAX);
    }

    #[test]
    fn document_written_straight_has_the_bytes_of_the_one_that_is_made_first(
        code in 0..Code::all().count(),
        message in prop::sample::select(vec!["", "is \"quoted\"", "line\nbreak \u{1}\u{7f}\u{2028}", "plain"]),
        pairs in prop::collection::vec((prop::sample::select(vec!["a", "b", "\"c\\"]), ".{0,40}", any::<f64>(), any::<u64>()), 0..5),
        violations in prop::collection::vec((".{0,10}", prop::option::of(".{0,10}"), ".{0,10}"), 0..3),
        delay_ms in prop::option::of(0..u64::from(u32::MAX)),
        causes in prop::collection::vec("[a-z]{1,9}", 0..10),
        is_persistent in any::<bool>(),
    ) {
        let code = Code::all().nth(code).unwrap();
        let mut err = Error::new(code, message)
            .with_causes(causes.iter().map(|name| Cause::new(name.clone(), code.name())).collect());
        for (key, text, float, whole) in pairs {
            err = err.with_context(key, Public(text)).with_context("float", Public(float));
            err = err.with_context("whole", Public(whole)).with_context("hidden", "h");
        }
        for (pointer, rule, detail) in violations {
            let violation = Violation::new(pointer, detail);
            err = err.with_violations([match rule { Some(rule) => violation.with_code(rule), None => violation }]);
        }
        if let Some(delay_ms) = delay_ms {
            err = err.with_retry_after(Duration::from_millis(delay_ms));
        }
        if is_persistent {
            err = err.into_persistent();
        }

        let mut body = Vec::new();
        Problem::write(&err, &mut body);

        prop_assert_eq!(String::from_utf8(body), String::from_utf8(Problem::from(&err).to_json()));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = Problem::from_json(&bytes).map(Error::from);
    }

    #[test]
    fn any_texts_survive_the_way_there_and_back(detail in ".{0,64}", pointer in ".{0,32}", value in ".{0,64}") {
        let sent = Error::from(Code::Invalid).with_violation(pointer, detail).with_context("value", Public(value));
        let problem = Problem::from(&sent);

        let back = Problem::from_json(&problem.to_json()).unwrap();

        prop_assert_eq!(back, problem);
    }
}
