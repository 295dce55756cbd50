//! The rules of every port, one function each. An adapter runs them all with one line:
//!
//! ```
//! maily_analytics::conformance!(log, maily_analytics::memory::MemoryLog::new());
//! ```
//!
//! The expression makes a fresh port for each rule. A [`Source`] comes as a [`SourceFixture`].

#![expect(clippy::missing_panics_doc, reason = "a broken rule panics: each function is a test")]

use jiff::{SignedDuration, Timestamp};
use maily_errors::{Code, Kind};

use crate::features::Features;
use crate::model::{CampaignId, Event, EventKind, Seq};
use crate::port::{Campaign, Campaigns, EventLog, Score, Source, Webhook};

/// Makes one test of every rule of a port: `log`, `score`, `source` or `campaigns`.
///
/// `campaigns` takes the port and a campaign that it knows.
#[macro_export]
macro_rules! conformance {
    (log, $make:expr) => {
        $crate::conformance!(@rules $make; log_numbers_events_from_one log_stores_an_event_once
            log_reads_after_a_position log_forgets_no_event_in_a_batch_with_duplicates);
    };
    (score, $make:expr) => {
        $crate::conformance!(@rules $make; score_answers_each_row_in_order score_answers_no_row_with_nothing
            score_ignores_an_unknown_feature);
    };
    (source, $make:expr) => {
        $crate::conformance!(@plain_rules $make; source_reads_a_genuine_webhook source_refuses_a_changed_byte
            source_refuses_a_webhook_without_headers source_reads_a_replay_as_the_same_events
            source_keeps_an_unknown_kind source_marks_a_machine source_refuses_a_stale_webhook
            source_refuses_a_signed_body_that_cannot_be_read);
    };
    (campaigns, $make:expr, $known:expr) => {
        #[tokio::test]
        async fn campaigns_answers_the_campaign_of_an_id() {
            $crate::conformance::campaigns_answers_the_campaign_of_an_id($make, $known).await;
        }

        #[tokio::test]
        async fn campaigns_does_not_find_an_unknown_id() {
            $crate::conformance::campaigns_does_not_find_an_unknown_id($make).await;
        }
    };
    (@plain_rules $make:expr; $($rule:ident)+) => {$(
        #[test]
        fn $rule() {
            $crate::conformance::$rule(&$make);
        }
    )+};
    (@rules $make:expr; $($rule:ident)+) => {$(
        #[tokio::test]
        async fn $rule() {
            $crate::conformance::$rule($make).await;
        }
    )+};
}

/// Webhooks that a source must read, and one that it must refuse.
#[derive(Clone, Debug)]
pub struct SourceFixture<S> {
    /// The source.
    pub source: S,
    /// A webhook with one human open or click, one by a machine and one event of a kind that nobody knows.
    pub genuine: Webhook,
    /// A webhook with a true signature over a body that is not one of the provider's.
    pub unreadable: Webhook,
    /// How old a webhook may be, if the provider signs a time.
    pub window: Option<SignedDuration>,
}

fn event(id: &str) -> Event {
    let text = format!(
        r#"{{"source":"rules","id":"{id}","type":"open","time":"2026-01-05T10:00:00Z","recipient":"a@b.c"}}"#
    );
    serde_json::from_str(&text).expect("the text above is an event")
}

/// The first event stands at 1, the next one beside it.
pub async fn log_numbers_events_from_one(log: impl EventLog) {
    assert_eq!(log.last().await.expect("an empty log has a last"), Seq(0));

    let appended = log.append(vec![event("a"), event("b")]).await.expect("two events are stored");

    assert_eq!(appended.iter().map(|appended| appended.seq.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(log.last().await.expect("a log has a last"), Seq(2));
}

/// The same source and id is stored once, in a later batch and in the same one.
pub async fn log_stores_an_event_once(log: impl EventLog) {
    log.append(vec![event("a")]).await.expect("an event is stored");

    let again = log.append(vec![event("a"), event("b"), event("b")]).await.expect("duplicates are no error");

    let seen: Vec<_> = again.iter().map(|appended| (appended.seq.0, appended.duplicate)).collect();
    assert_eq!(seen, [(1, true), (2, false), (2, true)]);
    assert_eq!(log.last().await.expect("a log has a last"), Seq(2));
}

/// Reading is in order, after the position, and no longer than asked.
pub async fn log_reads_after_a_position(log: impl EventLog) {
    log.append(vec![event("a"), event("b"), event("c")]).await.expect("three events are stored");

    let page = log.read(Seq(1), 1).await.expect("a log can be read");
    let rest = log.read(Seq(2), 10).await.expect("a log can be read");
    let end = log.read(Seq(3), 10).await.expect("a log can be read");

    assert_eq!((page.len(), page[0].seq, page[0].event.as_ref()), (1, Seq(2), &event("b")));
    assert_eq!((rest.len(), rest[0].seq), (1, Seq(3)));
    assert!(end.is_empty());
}

/// A batch with duplicates leaves no gap.
pub async fn log_forgets_no_event_in_a_batch_with_duplicates(log: impl EventLog) {
    log.append(vec![event("a"), event("a"), event("b"), event("a"), event("c")]).await.expect("stored");

    let all = log.read(Seq(0), 10).await.expect("a log can be read");

    let seen: Vec<_> = all.iter().map(|stored| (stored.seq.0, stored.event.id.as_str().to_owned())).collect();
    assert_eq!(seen, [(1, "a".to_owned()), (2, "b".to_owned()), (3, "c".to_owned())]);
}

async fn scores(mut score: impl Score, rows: Vec<Features>) -> crate::model::Scores {
    std::future::poll_fn(|cx| score.poll_ready(cx)).await.expect("a model is ready");
    score.call(rows).await.expect("a model scores")
}

fn row(value: f32) -> Features {
    Features::new().with("x", value).expect("a finite number is a feature")
}

/// As many estimates as rows, each within its interval, the same for the same row.
pub async fn score_answers_each_row_in_order(score: impl Score) {
    let answer = scores(score, vec![row(1.0), row(-3.0), row(1.0)]).await;

    assert_eq!(answer.estimates.len(), 3);
    assert_eq!(answer.estimates[0], answer.estimates[2]);
    for estimate in answer.estimates {
        assert!(0.0 <= estimate.low && estimate.high <= 1.0);
        assert!(estimate.low <= estimate.probability && estimate.probability <= estimate.high);
    }
}

/// No row, no estimate, but the version of the model.
pub async fn score_answers_no_row_with_nothing(score: impl Score) {
    let answer = scores(score, Vec::new()).await;

    assert!(answer.estimates.is_empty());
    assert!(!answer.model.as_str().is_empty());
}

/// A feature that the model never saw changes nothing.
pub async fn score_ignores_an_unknown_feature(score: impl Score) {
    let plain = row(1.0);
    let more = plain.clone().with("nobody-ever-taught-this", 1.0).expect("a finite number is a feature");

    let answer = scores(score, vec![plain, more]).await;

    assert!((answer.estimates[0].probability - answer.estimates[1].probability).abs() < 1e-9);
}

/// A genuine webhook gives events under the name of the source.
pub fn source_reads_a_genuine_webhook(fixture: &SourceFixture<impl Source>) {
    let events = fixture.source.read(&fixture.genuine).expect("a genuine webhook is read");

    assert!(events.len() >= 3);
    assert!(events.iter().all(|event| event.source == *fixture.source.name()));
}

/// One changed bit of the body or of a header value is refused.
pub fn source_refuses_a_changed_byte(fixture: &SourceFixture<impl Source>) {
    let mut body = fixture.genuine.body.to_vec();
    // In the middle, where JSON stays JSON: only the signature can tell.
    let middle = body.len() / 2;
    body[middle] ^= 1;
    let changed = Webhook { body: body.into(), ..fixture.genuine.clone() };

    let err = fixture.source.read(&changed).expect_err("a changed webhook is refused");

    assert_eq!(err.code(), Code::WebhookSignature);
}

/// Without its headers a webhook proves nothing.
pub fn source_refuses_a_webhook_without_headers(fixture: &SourceFixture<impl Source>) {
    let bare = Webhook { headers: http::HeaderMap::new(), ..fixture.genuine.clone() };

    let err = fixture.source.read(&bare).expect_err("a webhook without headers is refused");

    assert_eq!(err.code(), Code::WebhookSignature);
}

/// A replay has the same identities, so the log counts it once.
pub fn source_reads_a_replay_as_the_same_events(fixture: &SourceFixture<impl Source>) {
    let first = fixture.source.read(&fixture.genuine).expect("a genuine webhook is read");
    let again = fixture.source.read(&fixture.genuine).expect("a replay within the window is read");

    let keys = |events: &[Event]| events.iter().map(Event::key).collect::<Vec<_>>();
    assert_eq!(keys(&first), keys(&again));
}

/// An event of a kind that nobody knows is kept.
pub fn source_keeps_an_unknown_kind(fixture: &SourceFixture<impl Source>) {
    let events = fixture.source.read(&fixture.genuine).expect("a genuine webhook is read");

    assert!(events.iter().any(|event| matches!(event.kind, EventKind::Unknown(_))));
}

/// A machine is marked, a human is not.
pub fn source_marks_a_machine(fixture: &SourceFixture<impl Source>) {
    let events = fixture.source.read(&fixture.genuine).expect("a genuine webhook is read");

    let reactions: Vec<_> =
        events.iter().filter(|event| matches!(event.kind, EventKind::Click | EventKind::Open)).collect();
    assert!(reactions.iter().any(|event| event.machine));
    assert!(reactions.iter().any(|event| !event.machine));
}

/// A webhook at the edge of the window is taken, one beyond it refused, in both directions.
pub fn source_refuses_a_stale_webhook(fixture: &SourceFixture<impl Source>) {
    let Some(window) = fixture.window else { return };
    let at = |offset: SignedDuration| {
        let received: Timestamp = fixture.genuine.received + offset;
        fixture.source.read(&Webhook { received, ..fixture.genuine.clone() })
    };
    let second = SignedDuration::from_secs(1);

    assert!(at(window).is_ok() && at(-window).is_ok());
    for beyond in [window + second, -window - second] {
        assert_eq!(at(beyond).expect_err("a stale webhook is refused").code(), Code::WebhookStale);
    }
}

/// A signature does not make nonsense readable.
pub fn source_refuses_a_signed_body_that_cannot_be_read(fixture: &SourceFixture<impl Source>) {
    let err = fixture.source.read(&fixture.unreadable).expect_err("nonsense is refused");

    assert_eq!(err.code(), Code::EventInvalid);
}

async fn campaign(mut campaigns: impl Campaigns, id: CampaignId) -> maily_errors::Result<Campaign> {
    std::future::poll_fn(|cx| campaigns.poll_ready(cx)).await?;
    campaigns.call(id).await
}

/// A known id is answered with its campaign.
pub async fn campaigns_answers_the_campaign_of_an_id(campaigns: impl Campaigns, known: Campaign) {
    let answer = campaign(campaigns, known.id.clone()).await.expect("a known campaign is found");

    assert_eq!(answer, known);
}

/// An unknown id is not found.
pub async fn campaigns_does_not_find_an_unknown_id(campaigns: impl Campaigns) {
    let id = CampaignId::new("no-campaign-has-this-name").expect("the text is a name");

    let err = campaign(campaigns, id).await.expect_err("an unknown campaign is not found");

    assert_eq!(err.kind(), Kind::NotFound);
}
