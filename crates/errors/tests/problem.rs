//! Errors travel as problem documents and lose nothing that a caller needs.

use std::time::Duration;

use maily_errors::{Code, Error, Problem, Public, Status};
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

#[test]
fn error_is_two_words_and_its_result_is_no_larger() {
    assert!(size_of::<Error>() <= 16);
    assert_eq!(size_of::<Result<(), Error>>(), size_of::<Error>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

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
