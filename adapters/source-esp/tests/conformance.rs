//! SendGrid keeps every rule of the `source` port.

mod support;

use jiff::SignedDuration;
use maily_analytics::conformance::SourceFixture;
use maily_source_esp::SendGrid;

const BODY: &str = concat!(
    r#"[{"email":"a@example.com","timestamp":1767600000,"event":"open","sg_event_id":"1","sg_machine_open":false},"#,
    r#"{"email":"b@example.com","timestamp":1767600000,"event":"open","sg_event_id":"2","sg_machine_open":true},"#,
    r#"{"email":"c@example.com","timestamp":1767600000,"event":"teleported","sg_event_id":"3"}]"#,
    "\r\n"
);

fn fixture() -> SourceFixture<SendGrid> {
    SourceFixture {
        source: support::sendgrid(),
        genuine: support::webhook(BODY),
        unreadable: support::webhook(r#"{"not":"an array"}"#),
        window: Some(SignedDuration::from_mins(10)),
    }
}

maily_analytics::conformance!(source, fixture());
