use jiff::Timestamp;
use maily_errors::Code;

use super::*;

const PLAIN: &str =
    r#"{"source":"s","id":"1","type":"open","time":"2026-01-05T10:00:00Z","recipient":"a@b.c"}"#;

#[test]
fn event_survives_a_round_trip() {
    let event: Event = serde_json::from_str(PLAIN).unwrap();

    let again: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();

    assert_eq!(again, event);
}

#[test]
fn unknown_kind_is_kept_in_its_own_word() {
    let event: Event = serde_json::from_str(&PLAIN.replace("open", "hologram")).unwrap();

    assert_eq!(event.kind, EventKind::Unknown("hologram".to_owned()));
    assert!(serde_json::to_string(&event).unwrap().contains(r#""type":"hologram""#));
}

#[test]
fn unknown_field_is_refused() {
    let text = PLAIN.replace(r#""source""#, r#""sauce":1,"source""#);

    assert!(serde_json::from_str::<Event>(&text).is_err());
}

#[test]
fn recipient_does_not_reach_debug() {
    let event: Event = serde_json::from_str(PLAIN).unwrap();

    assert!(!format!("{event:?}").contains("a@b.c"));
}

#[test]
fn name_is_refused_beyond_its_limit() {
    assert!(EventId::new("x".repeat(256)).is_ok());
    for bad in [String::new(), "x".repeat(257), "a\nb".to_owned()] {
        assert_eq!(EventId::new(bad).unwrap_err().code(), Code::EventInvalid);
    }
}

#[test]
fn event_from_the_day_after_tomorrow_is_refused() {
    let event: Event = serde_json::from_str(PLAIN).unwrap();
    let day_before: Timestamp = "2026-01-04T10:00:00Z".parse().unwrap();
    let earlier: Timestamp = "2026-01-04T09:59:59Z".parse().unwrap();

    assert!(event.check(day_before).is_ok());
    assert_eq!(event.check(earlier).unwrap_err().code(), Code::EventInvalid);
}
