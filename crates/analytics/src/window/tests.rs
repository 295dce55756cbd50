use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::config::WindowsConfig;
use crate::model::{Event, EventId, EventKind, MessageId, Recipient, SourceName, Stored};

const EPOCH: i64 = 1_767_600_000;

fn event(id: u64, kind: EventKind, second: i64, message: u64) -> Event {
    Event {
        source: SourceName::new("test").unwrap(),
        id: EventId::new(id.to_string()).unwrap(),
        kind,
        time: Timestamp::from_second(EPOCH + second).unwrap(),
        recipient: Recipient::new("a@b.c").unwrap(),
        message: Some(MessageId::new(message.to_string()).unwrap()),
        campaign: None,
        machine: false,
        extra: serde_json::Map::new(),
    }
}

fn windows(events: &[Event]) -> Windows {
    let mut windows = Windows::new(&WindowsConfig::default()).unwrap();
    for event in events {
        windows.apply(event, &mut BTreeSet::new());
    }
    windows
}

/// What must not depend on the order of arrival.
fn facts(windows: &Windows) -> Vec<(Timestamp, Option<CampaignId>, Counts, Cohort)> {
    windows.iter().map(|window| (window.start, window.campaign, window.counts, window.cohort)).collect()
}

#[test]
fn event_belongs_to_the_window_of_its_time() {
    let all = windows(&[event(1, EventKind::Sent, 299, 1), event(2, EventKind::Sent, 300, 2)]);

    let starts: Vec<_> = all.iter().map(|window| window.start.as_second() - EPOCH).collect();
    assert_eq!(starts, [0, 300]);
}

#[test]
fn late_event_corrects_its_window() {
    let mut all = windows(&[event(1, EventKind::Open, 0, 1), event(2, EventKind::Open, 3_000, 2)]);
    assert!(all.iter().next().unwrap().complete);

    let applied = all.apply(&event(3, EventKind::Open, 10, 3), &mut BTreeSet::new());

    assert_eq!(applied, Applied::Counted);
    assert_eq!(all.iter().next().unwrap().counts.opens.human, 2);
}

#[test]
fn event_is_too_late_when_its_window_is_gone() {
    let week = 7 * 24 * 60 * 60;
    let mut all = windows(&[event(1, EventKind::Open, 0, 1), event(2, EventKind::Open, week + 420, 2)]);

    let applied = all.apply(&event(3, EventKind::Open, 10, 3), &mut BTreeSet::new());

    assert_eq!((applied, all.too_late(), all.iter().count()), (Applied::TooLate, 1, 1));
}

#[test]
fn machine_open_is_no_human_open() {
    let mut scanner = event(2, EventKind::Open, 2, 1);
    scanner.machine = true;

    let all = windows(&[event(1, EventKind::Delivered, 1, 1), scanner]);

    let window = all.iter().next().unwrap();
    assert_eq!(window.counts.opens, Reaction { human: 0, machine: 1 });
    assert_eq!(window.cohort, Cohort { delivered: 1, opened: 0, clicked: 0 });
}

#[test]
fn open_counts_for_the_window_of_the_delivery_once() {
    let all = windows(&[
        event(1, EventKind::Delivered, 0, 1),
        event(2, EventKind::Delivered, 0, 2),
        event(3, EventKind::Open, 900, 1),
        event(4, EventKind::Open, 901, 1),
    ]);

    let first = all.iter().next().unwrap();
    assert_eq!(first.cohort, Cohort { delivered: 2, opened: 1, clicked: 0 });
    assert_eq!(first.open_rate.value, Some(0.5));
    assert!(first.open_rate.low < 0.5 && 0.5 < first.open_rate.high);
    assert_eq!(all.iter().last().unwrap().open_rate.value, None);
}

#[test]
fn limits_forget_the_oldest_windows_first() {
    let config = WindowsConfig { max_windows: 2, ..WindowsConfig::default() };
    let mut few = Windows::new(&config).unwrap();
    for n in 0..5 {
        few.apply(&event(n, EventKind::Sent, 300 * n as i64, n), &mut BTreeSet::new());
    }

    let starts: Vec<_> = few.iter().map(|window| window.start.as_second() - EPOCH).collect();
    assert_eq!(starts, [900, 1_200]);
}

#[test]
fn message_limit_forgets_the_oldest_messages() {
    let config = WindowsConfig { max_messages: 2, ..WindowsConfig::default() };
    let mut few = Windows::new(&config).unwrap();
    for n in 0..5 {
        few.apply(&event(n, EventKind::Delivered, 300 * n as i64, n), &mut BTreeSet::new());
    }

    assert_eq!(few.iter().count(), 2);
}

fn stored(seq: u64, event: Event) -> Stored {
    Stored { seq: Seq(seq), event: Arc::new(event) }
}

#[tokio::test]
async fn watcher_sees_a_snapshot_and_then_every_number() {
    let live = Live::new(&WindowsConfig::default()).unwrap();
    live.apply(&[stored(1, event(1, EventKind::Sent, 0, 1))]);
    let mut watcher = live.subscribe(None);

    let snapshot = watcher.next().await.unwrap();
    for n in 2..6 {
        live.apply(&[stored(n, event(n, EventKind::Sent, n as i64, n))]);
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(watcher.next().await.unwrap().seq().0);
    }

    assert!(matches!(&snapshot, LiveMessage::Snapshot(snapshot) if snapshot.seq == Seq(1)));
    assert_eq!(seen, [2, 3, 4, 5]);
}

#[tokio::test]
async fn watcher_resumes_after_its_cursor() {
    let live = Live::new(&WindowsConfig::default()).unwrap();
    for n in 1..4 {
        live.apply(&[stored(n, event(n, EventKind::Sent, n as i64, n))]);
    }

    let mut watcher = live.subscribe(Some(Cursor { after: Seq(1), epoch: None }));

    for seq in [2, 3] {
        let message = watcher.next().await.unwrap();
        assert!(matches!(message, LiveMessage::Update(update) if update.seq == Seq(seq)));
    }
}

#[tokio::test]
async fn watcher_gets_a_snapshot_when_its_cursor_is_gone_ahead_or_of_another_run() {
    let live = Live::new(&WindowsConfig { history: 2, ..WindowsConfig::default() }).unwrap();
    for n in 1..6 {
        live.apply(&[stored(n, event(n, EventKind::Sent, n as i64, n))]);
    }

    for cursor in [
        Cursor { after: Seq(2), epoch: None },
        Cursor { after: Seq(6), epoch: None },
        Cursor { after: Seq(4), epoch: Some(Epoch(Uuid::nil())) },
    ] {
        let message = live.subscribe(Some(cursor)).next().await.unwrap();
        assert!(matches!(message, LiveMessage::Snapshot(Snapshot { seq: Seq(5), .. })), "{cursor:?}");
    }
}

#[tokio::test]
async fn watcher_at_the_end_waits() {
    let live = Live::new(&WindowsConfig::default()).unwrap();
    live.apply(&[stored(1, event(1, EventKind::Sent, 0, 1))]);
    let mut watcher = live.subscribe(Some(Cursor { after: Seq(1), epoch: None }));

    let waiting = tokio::spawn(async move { watcher.next().await });
    tokio::task::yield_now().await;
    live.apply(&[stored(2, event(2, EventKind::Sent, 1, 2))]);

    assert_eq!(waiting.await.unwrap().unwrap().seq(), Seq(2));
}

#[test]
fn event_of_the_log_is_counted_once() {
    let live = Live::new(&WindowsConfig::default()).unwrap();
    let one = stored(1, event(1, EventKind::Sent, 0, 1));

    live.apply(&[one.clone(), one.clone()]);
    live.apply(&[one]);

    assert_eq!(live.snapshot(None).windows[0].counts.sent, 1);
}

fn any_event() -> impl Strategy<Value = Event> {
    let kinds = [EventKind::Delivered, EventKind::Open, EventKind::Click, EventKind::Unknown("x".to_owned())];
    (0..1_000_000_u64, prop::sample::select(kinds.to_vec()), 0..2_000_i64, 0..12_u64, any::<bool>()).prop_map(
        |(id, kind, second, message, machine)| {
            let mut event = event(id, kind, second, message);
            event.campaign = Some(CampaignId::new((message % 2).to_string()).unwrap());
            event.machine = machine;
            event
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn windows_do_not_depend_on_the_order(
        (events, shuffled) in prop::collection::vec(any_event(), 0..60)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle())),
    ) {
        prop_assert_eq!(facts(&windows(&events)), facts(&windows(&shuffled)));
    }

    #[test]
    fn merged_windows_equal_the_window_of_the_union(events in prop::collection::vec(any_event(), 0..60)) {
        // Disjoint messages, as the contract of merge demands.
        let (left, right): (Vec<_>, Vec<_>) = events.iter().cloned().partition(|event| {
            event.message.as_ref().is_some_and(|message| message.as_str() < "5")
        });
        let total = |windows: &Windows| {
            let of_all = windows.iter().filter(|window| window.campaign.is_none());
            of_all.reduce(|sum, window| sum.merge(&window)).map(|window| (window.counts, window.cohort, window.open_rate))
        };
        let parts: Vec<_> = [windows(&left), windows(&right)]
            .iter()
            .flat_map(|windows| windows.iter().filter(|window| window.campaign.is_none()).collect::<Vec<_>>())
            .collect();

        let merged = parts.into_iter().reduce(|sum, window| sum.merge(&window));

        prop_assert_eq!(merged.map(|window| (window.counts, window.cohort, window.open_rate)), total(&windows(&events)));
    }
}
