//! What SendGrid sends, what a forger sends, and what nobody should.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use maily_analytics::model::{Event, EventKind};
use maily_analytics::port::{Source, Webhook};
use maily_errors::{Code, Result};
use maily_source_esp::{SendGrid, SendGridConfig};
use p256::ecdsa::SigningKey;
use p256::pkcs8::EncodePublicKey;
use proptest::prelude::*;
use support::{sendgrid, webhook};

/// The shapes of SendGrid's reference, one of each kind.
const ALL_KINDS: &str = include_str!("wire/sendgrid.json");

fn read(body: &str) -> Result<Vec<Event>> {
    sendgrid().read(&webhook(body.to_owned()))
}

fn one(fields: &str) -> Result<Event> {
    let body = format!(
        r#"[{{"email":"a@example.com","timestamp":1767600000,"event":"open","sg_event_id":"1",{fields}}}]"#
    );
    read(&body).map(|mut events| events.remove(0))
}

fn code(result: Result<impl Sized>) -> Option<Code> {
    result.err().map(|err| err.code())
}

#[test]
fn recorded_webhook_becomes_events() {
    let events = read(ALL_KINDS).unwrap();

    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    let expected = "sent deferred delivered open click bounce dropped complaint unsubscribe unsubscribe group_resubscribe";
    assert_eq!(kinds.join(" "), expected);
    assert!(events.iter().all(|event| event.message.as_ref().unwrap().as_str() == "14c5d75ce93"));
    assert!(events.iter().all(|event| event.campaign.as_ref().unwrap().as_str() == "cat facts"));
    assert_eq!(events[4].extra["url"], "http://www.sendgrid.com/");
    assert_eq!(events[0].extra["smtp-id"], "<14c5d75ce93.dfd.64b469@ismtpd-555>");
}

#[test]
fn machine_open_is_read_as_bool_and_as_text() {
    for (field, machine) in [
        (r#""sg_machine_open":true"#, true),
        (r#""sg_machine_open":"true""#, true),
        (r#""sg_machine_open":"True""#, true),
        (r#""sg_machine_open":false"#, false),
        (r#""sg_machine_open":"false""#, false),
        (r#""sg_machine_open":null"#, false),
        (r#""ip":"1.2.3.4""#, false),
    ] {
        assert_eq!(one(field).unwrap().machine, machine, "{field}");
    }
}

#[test]
fn word_of_ours_that_is_none_of_theirs_stays_unknown() {
    let body = ALL_KINDS.replace("\"processed\"", "\"conversion\"");

    assert_eq!(read(&body).unwrap()[0].kind, EventKind::Unknown("conversion".to_owned()));
}

/// The example that SendGrid's own libraries test with.
#[test]
fn published_example_verifies() {
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    let signature =
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    let mut webhook = webhook(include_str!("wire/sendgrid-published.json"));
    webhook.headers.insert(SendGrid::SIGNATURE_HEADER, HeaderValue::from_static(signature));
    webhook.headers.insert(SendGrid::TIMESTAMP_HEADER, HeaderValue::from_static("1600112502"));
    webhook.received = jiff::Timestamp::from_second(1_600_112_510).unwrap();

    let events = SendGridConfig::new(key).build().unwrap().read(&webhook).unwrap();

    assert_eq!(events[0].kind, EventKind::Unknown("dropped".to_owned()));
    assert_eq!(events[0].extra["reason"], "Bounced Address");
}

#[test]
fn signature_of_another_key_is_refused() {
    let other = SigningKey::from_slice(&[8; 32]).unwrap();
    let der = other.verifying_key().to_public_key_der().unwrap();
    let stranger = SendGridConfig::new(STANDARD.encode(der.as_bytes())).build().unwrap();

    assert_eq!(code(stranger.read(&webhook(ALL_KINDS))), Some(Code::WebhookSignature));
}

#[test]
fn body_that_was_parsed_and_written_again_is_refused() {
    let genuine = webhook("[ ]\r\n");
    let rewritten = Webhook { body: "[]".into(), ..genuine.clone() };

    assert!(sendgrid().read(&genuine).is_ok());
    assert_eq!(code(sendgrid().read(&rewritten)), Some(Code::WebhookSignature));
}

#[test]
fn hostile_headers_are_refused() {
    let set = |name: &'static str, value: &[u8]| {
        let mut hostile = webhook(ALL_KINDS);
        hostile.headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        code(sendgrid().read(&hostile))
    };
    let long = "A".repeat(100_000);
    for value in [&b""[..], b"!", b"AAAA", b"MAYCAQECAQE=", b"\xff\xfe", long.as_bytes()] {
        assert_eq!(set(SendGrid::SIGNATURE_HEADER, value), Some(Code::WebhookSignature));
    }
    for value in [&b""[..], b"0", b"1767600000 ", b"-1", b"9223372036854775807", b"\xff"] {
        assert_eq!(set(SendGrid::TIMESTAMP_HEADER, value), Some(Code::WebhookSignature));
    }
}

#[test]
fn header_that_stands_twice_is_refused() {
    let mut twice = webhook(ALL_KINDS);
    twice.headers.append(SendGrid::TIMESTAMP_HEADER, HeaderValue::from_static("1767600000"));

    assert_eq!(code(sendgrid().read(&twice)), Some(Code::WebhookSignature));
}

#[test]
fn field_that_is_wrong_is_named_without_its_value() {
    let body = r#"[{"email":"secret@example.com","timestamp":"yesterday","event":"open","sg_event_id":"1"}]"#;

    let err = read(body).unwrap_err();

    assert_eq!((err.code(), err.violations()[0].pointer.as_str()), (Code::EventInvalid, "/0/timestamp"));
    assert!(!format!("{err:?}").contains("secret@example.com"));
}

#[test]
fn one_bad_event_refuses_the_webhook() {
    let body = ALL_KINDS.replacen("sg_event_id", "sg_event", 1);

    assert_eq!(code(read(&body)), Some(Code::EventInvalid));
}

#[test]
fn signed_nonsense_is_refused() {
    let deep = format!("[{{\"a\":{}", "[".repeat(100_000));
    let bodies = [
        "",
        "null",
        "{}",
        "[1]",
        "[[]]",
        "[{}]",
        "\u{feff}[]",
        "[{\"event\":1}]",
        "[{\"email\":[]}]",
        deep.as_str(),
    ];
    for body in bodies {
        assert_eq!(code(read(body)), Some(Code::EventInvalid), "{}", &body[..body.len().min(20)]);
    }
    let err = sendgrid().read(&webhook(&b"[{\"email\":\"\xff\"}]"[..]));
    assert_eq!(code(err), Some(Code::EventInvalid));
}

#[test]
fn time_out_of_range_is_refused() {
    for time in ["1e400", "1e30", "-9223372036854775808", "9223372036854775807", "1.5"] {
        let body = format!(r#"[{{"email":"a@b.c","timestamp":{time},"event":"open","sg_event_id":"1"}}]"#);
        assert_eq!(code(read(&body)), Some(Code::EventInvalid), "{time}");
    }
}

#[test]
fn webhook_is_refused_beyond_its_limits() {
    let events = |count: usize| {
        let event = r#"{"email":"a@b.c","timestamp":1,"event":"open","sg_event_id":"1"}"#;
        format!("[{}]", vec![event; count].join(","))
    };
    assert_eq!(read(&events(10_000)).unwrap().len(), 10_000);
    assert_eq!(code(read(&events(10_001))), Some(Code::TooLarge));

    let padded = |bytes: usize| format!("[]{}", " ".repeat(bytes - 2));
    assert!(read(&padded(SendGrid::BODY_LIMIT_BYTES)).is_ok());
    assert_eq!(code(read(&padded(SendGrid::BODY_LIMIT_BYTES + 1))), Some(Code::TooLarge));

    let fields = |count: usize| (0..count).map(|n| format!("\"f{n}\":{n}")).collect::<Vec<_>>().join(",");
    assert_eq!(one(&fields(128)).unwrap().extra.len(), 128);
    assert_eq!(code(one(&fields(129))), Some(Code::TooLarge));

    let id = |bytes: usize| format!("\"sg_message_id\":\"{}\"", "x".repeat(bytes));
    assert!(one(&id(256)).is_ok());
    assert_eq!(code(one(&id(257))), Some(Code::EventInvalid));
}

#[test]
fn key_that_is_none_is_refused() {
    for key in ["", "not base64!", "AAAA", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"] {
        assert_eq!(code(SendGridConfig::new(key).build()), Some(Code::ConfigInvalid), "{key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_signed_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let result = sendgrid().read(&webhook(body));

        prop_assert!(result.is_ok() || code(result) == Some(Code::EventInvalid));
    }

    #[test]
    fn any_changed_bit_is_refused(position in 0..ALL_KINDS.len(), bit in 0..8_u32) {
        let mut body = ALL_KINDS.as_bytes().to_vec();
        body[position] ^= 1 << bit;
        let changed = Webhook { body: body.into(), ..webhook(ALL_KINDS) };

        prop_assert_eq!(code(sendgrid().read(&changed)), Some(Code::WebhookSignature));
    }
}
