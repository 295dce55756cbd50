//! What a caller sees: events once, receipts once, learning from outcomes.

use maily_analytics::memory::MemoryLog;
use maily_analytics::model::{CandidateName, EventKind, Recipient, Seq};
use maily_analytics::port::EventLog;
use maily_analytics::recommend::{Outcome, RecommendationId};
use maily_analytics::subject::{self, Context};
use maily_analytics::window::Cursor;
use maily_analytics::{Analytics, AnalyticsConfig, Ask, Candidate, Event, Features};
use maily_errors::Code;
use tower::ServiceExt;

fn event(id: &str, kind: &str, machine: bool) -> Event {
    let text = format!(
        r#"{{"source":"s","id":"{id}","type":"{kind}","time":"2026-01-05T10:00:00Z","recipient":"a@b.c",
            "message":"m","campaign":"spring","machine":{machine}}}"#
    );
    serde_json::from_str(&text).expect("the text above is an event")
}

fn analytics() -> Analytics {
    let mut config = AnalyticsConfig::default();
    config.recommend.seed = Some(11);
    Analytics::in_memory(&config).expect("the settings are in range")
}

#[tokio::test]
async fn event_that_arrives_twice_counts_once() {
    let analytics = analytics();
    let batch = vec![event("1", "delivered", false), event("2", "open", false), event("3", "open", true)];

    let first = analytics.ingest(batch.clone()).await.unwrap();
    let again = analytics.clone().oneshot(batch).await.unwrap();

    assert_eq!((first.accepted, first.duplicates, again.accepted, again.duplicates), (3, 0, 0, 3));
    let window = &analytics.windows(None).windows[0];
    assert_eq!((window.counts.opens.human, window.counts.opens.machine, window.cohort.opened), (1, 1, 1));
}

#[tokio::test]
async fn invalid_event_keeps_its_whole_batch_out() {
    let log = MemoryLog::new();
    let analytics = Analytics::new(&AnalyticsConfig::default(), log.clone(), []).unwrap();
    let mut future = event("2", "open", false);
    future.time = jiff::Timestamp::MAX;

    let err = analytics.ingest(vec![event("1", "open", false), future]).await.unwrap_err();

    assert_eq!(err.code(), Code::EventInvalid);
    assert_eq!(log.last().await.unwrap(), Seq(0));
}

#[tokio::test]
async fn batch_is_refused_beyond_its_limit() {
    let analytics = analytics();
    let batch = |count: usize| (0..count).map(|n| event(&n.to_string(), "open", false)).collect::<Vec<_>>();

    assert_eq!(analytics.ingest(batch(10_000)).await.unwrap().accepted, 10_000);
    assert_eq!(analytics.ingest(batch(10_001)).await.unwrap_err().code(), Code::TooLarge);
}

#[tokio::test]
async fn windows_are_made_again_from_the_log() {
    let log = MemoryLog::new();
    let analytics = Analytics::new(&AnalyticsConfig::default(), log.clone(), []).unwrap();
    analytics.ingest(vec![event("1", "delivered", false), event("2", "click", false)]).await.unwrap();

    let again = Analytics::new(&AnalyticsConfig::default(), log, []).unwrap();
    again.catch_up().await.unwrap();

    let counts = |analytics: &Analytics| analytics.windows(None).windows[0].counts;
    assert_eq!(counts(&again), counts(&analytics));
}

#[tokio::test]
async fn concurrent_batches_are_counted_exactly() {
    let analytics = analytics();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..20 {
        let analytics = analytics.clone();
        tasks.spawn(async move {
            // Every event is sent by two tasks.
            let batch = (0..50).map(|n| event(&format!("{}-{n}", task / 2), "open", false)).collect();
            analytics.ingest(batch).await.unwrap()
        });
    }
    let accepted: u64 = tasks.join_all().await.iter().map(|ingested| ingested.accepted).sum();

    assert_eq!(accepted, 500);
    assert_eq!(analytics.windows(None).windows[0].counts.opens.human, 500);
}

#[tokio::test]
async fn update_carries_the_confidence_band() {
    let analytics = analytics();
    let mut watcher = analytics.subscribe(Some(Cursor { after: Seq(0), epoch: None }));
    analytics.ingest(vec![event("1", "delivered", false), event("2", "open", false)]).await.unwrap();

    let message = serde_json::to_value(watcher.next().await.unwrap()).unwrap();

    assert_eq!((&message["type"], &message["seq"]), (&"update".into(), &1.into()));
    let rate = &message["window"]["open_rate"];
    assert_eq!((&rate["value"], &rate["high"], &rate["level"]), (&1.0.into(), &1.0.into(), &0.95.into()));
    assert!(rate["low"].as_f64().unwrap() < 0.25);
}

fn candidates() -> Vec<Candidate> {
    ["Hello", "Win 20% off", "Did you forget this?"]
        .map(|line| Candidate {
            name: CandidateName::new(line).expect("a short line is a name"),
            features: subject::features(line, &Context::default()).expect("a short line is a subject"),
        })
        .to_vec()
}

#[tokio::test]
async fn recommender_learns_which_candidate_wins() {
    let analytics = analytics();
    for n in 0..600 {
        let advice = analytics.recommend(Ask { candidates: candidates() }).unwrap();
        let success = advice.chosen.as_str() == "Win 20% off" && n % 3 > 0;
        analytics.settle(Outcome { id: advice.id, success }).unwrap();
    }

    let advice = analytics.recommend(Ask { candidates: candidates() }).unwrap();

    let best = &advice.ranking[0];
    assert_eq!(best.name.as_str(), "Win 20% off");
    assert!(best.estimate.low < 2.0 / 3.0 && 2.0 / 3.0 < best.estimate.high, "{best:?}");
    assert!(!best.estimate.cold && best.estimate.width() < 0.3, "{best:?}");
    assert!((advice.ranking.iter().map(|ranked| ranked.propensity).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(advice.model.as_str(), "coin/1@600");
}

#[tokio::test]
async fn outcome_is_learned_once() {
    let analytics = analytics();
    let advice = analytics.recommend(Ask { candidates: candidates() }).unwrap();
    let outcome = Outcome { id: advice.id, success: true };
    analytics.settle(outcome).unwrap();

    let again = analytics.clone().oneshot(outcome).await.unwrap_err();
    let nobody =
        analytics.settle(Outcome { id: RecommendationId(uuid::Uuid::nil()), success: true }).unwrap_err();

    assert_eq!(again.code(), Code::OutcomeDuplicate);
    assert_eq!(nobody.code(), Code::RecommendationNotFound);
    assert_eq!(analytics.score(&[]).unwrap().model.as_str(), "coin/1@1");
}

#[tokio::test]
async fn rows_are_refused_beyond_their_limit() {
    let err = analytics().oneshot(vec![Features::new(); 10_001]).await.unwrap_err();

    assert_eq!(err.code(), Code::TooLarge);
}

#[test]
fn unknown_provider_is_refused() {
    let webhook = maily_analytics::port::Webhook {
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        received: jiff::Timestamp::now(),
    };

    let err = analytics().verify("pigeon", &webhook).unwrap_err();

    assert_eq!(err.code(), Code::WebhookProviderUnknown);
}

#[test]
fn kinds_and_recipients_are_what_they_were() {
    assert_eq!(event("1", "spamtrap", false).kind, EventKind::Unknown("spamtrap".to_owned()));
    assert_eq!(event("1", "open", false).recipient, Recipient::new("a@b.c").unwrap());
}
