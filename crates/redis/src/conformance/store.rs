//! The rules of [`Store`].

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "these are tests: a broken rule panics")]

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use maily_errors::Code;
use tokio::time::{Instant, sleep};

use crate::model::{Key, MAX_TTL, MAX_VALUE_BYTES, Swap};
use crate::port::Store;

/// Longer than two changes take on a slow disk.
const SHORT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(3600);

fn key(name: &'static str) -> Key {
    Key::new(name).unwrap()
}

fn swap(expected: Option<&'static str>, value: Option<&'static str>) -> Swap {
    Swap { expected: expected.map(Bytes::from), value: value.map(Bytes::from), ttl: None }
}

/// Waits until the value is gone, at most ten seconds.
async fn gone(store: &impl Store, key: &Key) {
    let start = Instant::now();
    while store.get(key).await.unwrap().is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "{key} does not end");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Rule: what was set is there, until something else is.
pub async fn store_returns_what_was_set(store: &impl Store) {
    let key = key("set");
    assert_eq!(store.get(&key).await.unwrap(), None);

    store.set(&key, "one".into(), None).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), Some("one".into()));

    store.set(&key, "two".into(), Some(LONG)).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), Some("two".into()));
}

/// Rule: keys and values are bytes, not text.
pub async fn store_keeps_any_bytes(store: &impl Store) {
    let all: Bytes = (0..=255).collect();
    let key = Key::new(all.clone()).unwrap();

    store.set(&key, all.clone(), None).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), Some(all));

    store.set(&key, Bytes::new(), None).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), Some(Bytes::new()));
}

/// Rule: a swap happens only from the expected value, and an empty value is not no value.
pub async fn store_swaps_only_the_expected_value(store: &impl Store) {
    let key = key("swap");
    for (expected, value, done, left) in [
        (None, None, true, None),
        (Some("a"), Some("b"), false, None),
        (Some(""), Some("b"), false, None),
        (None, Some("a"), true, Some("a")),
        (None, Some("b"), false, Some("a")),
        (Some("b"), Some("c"), false, Some("a")),
        (Some("a"), Some(""), true, Some("")),
        (None, Some("c"), false, Some("")),
        (Some("x"), None, false, Some("")),
        (Some(""), None, true, None),
    ] {
        assert_eq!(store.compare_and_set(&key, swap(expected, value)).await.unwrap(), done, "{expected:?}");
        assert_eq!(store.get(&key).await.unwrap(), left.map(Bytes::from), "{expected:?} {value:?}");
    }
}

/// Rule: of many callers that swap from the same value, one succeeds.
pub async fn store_lets_one_of_many_win_a_swap(store: &impl Store) {
    let key = key("race");
    for round in 0..20_u8 {
        let expected = round.checked_sub(1).map(|old| Bytes::from(vec![old]));
        let try_swap = || {
            let swap = Swap { expected: expected.clone(), value: Some(vec![round].into()), ttl: None };
            store.compare_and_set(&key, swap)
        };
        let won =
            join_all((0..16).map(|_| try_swap())).await.into_iter().filter(|won| *won.as_ref().unwrap());
        assert_eq!(won.count(), 1, "round {round}");
    }
}

/// Rule: no step of concurrent callers is lost, and the whole range of 64 bits counts.
pub async fn store_counts_without_losing_a_step(store: &impl Store) {
    let key = key("count");
    let sums = join_all((0..200).map(|_| store.increment(&key, 3, None))).await;
    let mut sums: Vec<i64> = sums.into_iter().map(|sum| sum.unwrap()).collect();
    sums.sort_unstable();
    assert!(sums.iter().copied().eq((1..=200).map(|step| step * 3)));

    store.set(&key, i64::MAX.to_string().into(), None).await.unwrap();
    assert_eq!(store.increment(&key, -1, None).await.unwrap(), i64::MAX - 1);
    store.set(&key, "0".into(), None).await.unwrap();
    assert_eq!(store.increment(&key, i64::MIN, None).await.unwrap(), i64::MIN);
}

/// Rule: what is no number, or would not fit, is refused and stays.
pub async fn store_refuses_to_count_what_is_no_number(store: &impl Store) {
    let key = key("no-number");
    let max = i64::MAX.to_string();
    for (value, by) in [("text", 1), ("", 1), (" 1", 1), ("+1", 1), ("01", 1), ("1.5", 1), (max.as_str(), 1)]
    {
        store.set(&key, Bytes::copy_from_slice(value.as_bytes()), None).await.unwrap();

        let err = store.increment(&key, by, None).await.unwrap_err();

        assert_eq!(err.code(), Code::RedisNotANumber, "{value:?}");
        assert_eq!(store.get(&key).await.unwrap().unwrap(), value.as_bytes());
    }
}

/// Rule: a value whose time is over is not there, in every method.
pub async fn store_ends_values_on_time(store: &impl Store) {
    let [one, two, three] = ["end-1", "end-2", "end-3"].map(key);
    store.set(&one, "v".into(), Some(SHORT)).await.unwrap();
    store.increment(&two, 5, Some(SHORT)).await.unwrap();
    let new = Swap { ttl: Some(SHORT), ..swap(None, Some("v")) };
    assert!(store.compare_and_set(&three, new).await.unwrap());

    for key in [&one, &two, &three] {
        gone(store, key).await;
    }
    assert!(!store.remove(&one).await.unwrap());
    assert_eq!(store.increment(&two, 1, None).await.unwrap(), 1);
    assert!(!store.expire(&three, None).await.unwrap());
    assert!(store.compare_and_set(&three, swap(None, Some("again"))).await.unwrap());
}

/// Rule: a time to live can be given, replaced and taken away, on what is there.
pub async fn store_changes_the_time_to_live(store: &impl Store) {
    let [short, kept, none] = ["expire-1", "expire-2", "expire-3"].map(key);
    store.set(&short, "v".into(), None).await.unwrap();
    store.set(&kept, "v".into(), Some(SHORT)).await.unwrap();

    let mut window = SHORT;
    while !store.expire(&kept, None).await.unwrap() {
        window *= 2;
        assert!(window < Duration::from_secs(10), "the value is not there");
        store.set(&kept, "v".into(), Some(window)).await.unwrap();
    }
    assert!(store.expire(&kept, None).await.unwrap());
    assert!(store.expire(&short, Some(SHORT)).await.unwrap());
    assert!(!store.expire(&none, Some(SHORT)).await.unwrap());

    gone(store, &short).await;
    assert_eq!(store.get(&kept).await.unwrap(), Some("v".into()));
}

/// Rule: only the increment that creates a counter gives it a time to live.
pub async fn store_keeps_the_time_to_live_of_a_counter(store: &impl Store) {
    let [ends, stays] = ["window", "total"].map(key);
    let mut window = SHORT;
    store.increment(&ends, 1, Some(window)).await.unwrap();
    // On a slow machine the window may be over before its second step: a longer one, then.
    while store.increment(&ends, 1, Some(LONG)).await.unwrap() == 1 {
        window *= 2;
        assert!(window < Duration::from_secs(10), "the second step begins a new window");
        store.remove(&ends).await.unwrap();
        store.increment(&ends, 1, Some(window)).await.unwrap();
    }
    store.increment(&stays, 1, None).await.unwrap();
    store.increment(&stays, 1, Some(SHORT)).await.unwrap();

    gone(store, &ends).await;
    assert_eq!(store.get(&stays).await.unwrap(), Some("2".into()));
}

/// Rule: a value that is set again lives as long as the second call says.
pub async fn store_forgets_the_time_to_live_when_set_again(store: &impl Store) {
    let [again, swapped, other] = ["again-1", "again-2", "again-3"].map(key);
    for key in [&again, &swapped, &other] {
        store.set(key, "old".into(), Some(SHORT)).await.unwrap();
    }

    store.set(&again, "new".into(), None).await.unwrap();
    store.compare_and_set(&swapped, swap(Some("old"), Some("new"))).await.unwrap();

    gone(store, &other).await;
    assert_eq!(store.get(&again).await.unwrap(), Some("new".into()));
    // Slow machine: the swap may have come after the end, and then nothing was stored.
    assert_ne!(store.get(&swapped).await.unwrap(), Some("old".into()));
}

/// Rule: a removed value is gone, and only one removal says that it was there.
pub async fn store_removes_once(store: &impl Store) {
    let key = key("remove");
    store.set(&key, "v".into(), Some(LONG)).await.unwrap();

    assert!(store.remove(&key).await.unwrap());
    assert!(!store.remove(&key).await.unwrap());
    assert_eq!(store.get(&key).await.unwrap(), None);
}

/// Rule: the limits hold at their edge, and what is over them changes nothing.
pub async fn store_keeps_its_limits(store: &impl Store) {
    let key = key("limits");
    let set = |value, ttl| store.set(&key, value, ttl);
    let over = Bytes::from(vec![0; MAX_VALUE_BYTES + 1]);

    assert_eq!(set(over.clone(), None).await.unwrap_err().code(), Code::RedisKeyTooLarge);
    let large = Swap { value: Some(over), ..Swap::default() };
    assert_eq!(store.compare_and_set(&key, large).await.unwrap_err().code(), Code::RedisKeyTooLarge);
    for ttl in [Duration::ZERO, Duration::from_micros(999), MAX_TTL + Duration::from_millis(1)] {
        assert_eq!(set("v".into(), Some(ttl)).await.unwrap_err().code(), Code::Invalid, "{ttl:?}");
        assert_eq!(store.expire(&key, Some(ttl)).await.unwrap_err().code(), Code::Invalid, "{ttl:?}");
        assert_eq!(store.increment(&key, 1, Some(ttl)).await.unwrap_err().code(), Code::Invalid, "{ttl:?}");
    }
    assert_eq!(store.get(&key).await.unwrap(), None);

    set("v".into(), Some(MAX_TTL)).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), Some("v".into()));
}
