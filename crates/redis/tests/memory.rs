//! The store in memory is a plain map with times and limits, whoever uses it at once.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Result};
use maily_redis::{Key, MemoryConfig, MemoryStore, Store as _, Swap};
use proptest::prelude::*;
use tokio::time::{Instant, advance};

const TTL: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn value_is_there_until_its_time_is_over() -> Result<()> {
    let store = MemoryStore::default();
    let key = Key::new("k")?;
    store.set(&key, "v".into(), Some(TTL)).await?;

    advance(TTL - Duration::from_millis(1)).await;
    assert_eq!(store.get(&key).await?, Some("v".into()));

    advance(Duration::from_millis(1)).await;
    assert_eq!(store.get(&key).await?, None);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn value_whose_time_is_over_makes_room() -> Result<()> {
    let mut config = MemoryConfig::default();
    config.max_values = 2;
    let store = config.build();
    let [one, two, three] = ["1", "2", "3"].map(Key::new);
    store.set(&one?, "v".into(), Some(TTL)).await?;
    let two = two?;
    store.set(&two, "v".into(), None).await?;

    let three = three?;
    let full = store.set(&three, "v".into(), None).await;
    store.set(&two, "replaced".into(), None).await?;
    advance(TTL).await;
    store.set(&three, "v".into(), None).await?;

    assert_eq!(full.unwrap_err().code(), Code::RedisStoreFull);
    assert_eq!(store.len(), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn bytes_are_limited_and_nothing_is_thrown_out() -> Result<()> {
    let mut config = MemoryConfig::default();
    config.max_bytes = 20;
    let store = config.build();
    let [one, two] = ["1", "2"].map(|name| Key::new(name).unwrap());
    store.set(&one, vec![0; 9].into(), Some(TTL)).await?;

    store.set(&two, vec![0; 9].into(), None).await?;
    assert_eq!(store.bytes(), 20);
    let over = store.set(&two, vec![0; 10].into(), None).await.unwrap_err();
    assert_eq!(over.code(), Code::RedisStoreFull);
    assert!(over.context().any(|(key, value)| key == "limit_bytes" && value.as_i64() == Some(20)));
    // What it would have replaced is still there, and a shorter value fits.
    assert_eq!(store.get(&two).await?, Some(vec![0; 9].into()));
    store.set(&two, "short".into(), None).await?;
    assert_eq!(store.bytes(), 16);

    advance(TTL).await;
    store.set(&two, vec![0; 19].into(), None).await?;
    assert_eq!((store.len(), store.bytes()), (1, 20));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn many_values_that_end_at_once_are_gone_at_once() -> Result<()> {
    let store = MemoryStore::default();
    let keys: Vec<Key> = (0..10_000).map(|number| Key::new(number.to_string())).collect::<Result<_>>()?;
    for key in &keys {
        store.set(key, "v".into(), Some(TTL)).await?;
    }

    advance(TTL).await;

    // Before their memory is freed, too, and in every method.
    assert!(!store.remove(&keys[0]).await?);
    assert!(!store.expire(&keys[1], None).await?);
    assert_eq!(store.increment(&keys[2], 1, None).await?, 1);
    for key in &keys[3..] {
        assert_eq!(store.get(key).await?, None);
    }
    assert_eq!((store.len(), store.bytes()), (1, 2));
    Ok(())
}

#[test]
fn limits_hold_while_many_threads_fill_the_store() {
    let mut config = MemoryConfig::default();
    (config.max_values, config.max_bytes) = (500, 10_000);
    let store = config.build();
    let stored = std::thread::scope(|scope| {
        let threads = (0..8_u64).map(|thread| {
            let store = store.clone();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    let mut stored = 0;
                    for number in 0..1000 {
                        let key = Key::new(format!("{thread}-{number}")).unwrap();
                        stored += usize::from(store.set(&key, vec![0; 14].into(), None).await.is_ok());
                        assert!(store.len() <= 500 && store.bytes() <= 10_000);
                    }
                    stored
                })
            })
        });
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });

    assert_eq!((stored, store.len()), (500, 500));
}

#[test]
fn swaps_of_many_threads_lose_nothing() {
    let store = MemoryStore::default();
    let key = Key::new("list").unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (store, key) = (store.clone(), key.clone());
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for _ in 0..500 {
                        append(&store, &key, thread).await.unwrap();
                    }
                });
            });
        }
    });

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let list = runtime.block_on(store.get(&key)).unwrap().unwrap();
    for thread in 0..4 {
        assert_eq!(list.iter().filter(|byte| **byte == thread).count(), 500);
    }
}

/// Adds a byte to a value, as often as another thread was faster.
async fn append(store: &MemoryStore, key: &Key, byte: u8) -> Result<()> {
    loop {
        let expected = store.get(key).await?;
        let value = [expected.clone().unwrap_or_default().as_ref(), &[byte]].concat();
        let swap = Swap { expected, value: Some(value.into()), ttl: None };
        if store.compare_and_set(key, swap).await? {
            return Ok(());
        }
    }
}

/// A value and when it ends, in the plainest form.
type Model = HashMap<u8, (Bytes, Option<Instant>)>;

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    CompareAndSet(u8, Option<u8>, Option<u8>, Option<u64>),
    Expire(u8, Option<u64>),
    Get(u8),
    Increment(u8, i64, Option<u64>),
    Remove(u8),
    Set(u8, u8, Option<u64>),
}

fn step() -> impl Strategy<Value = Step> {
    let (key, value, ttl) = (0..4_u8, 0..3_u8, prop::option::of(1..20_u64));
    let some = prop::option::of(value.clone());
    prop_oneof![
        2 => (1..15_u64).prop_map(Step::Advance),
        4 => (key.clone(), some.clone(), some, ttl.clone())
            .prop_map(|(key, expected, value, ttl)| Step::CompareAndSet(key, expected, value, ttl)),
        2 => (key.clone(), ttl.clone()).prop_map(|(key, ttl)| Step::Expire(key, ttl)),
        2 => key.clone().prop_map(Step::Get),
        2 => (key.clone(), -3..3_i64, ttl.clone()).prop_map(|(key, by, ttl)| Step::Increment(key, by, ttl)),
        2 => key.clone().prop_map(Step::Remove),
        4 => (key, value, ttl).prop_map(|(key, value, ttl)| Step::Set(key, value, ttl)),
    ]
}

/// Does a step on both, and compares what they say.
async fn same(store: &MemoryStore, model: &mut Model, step: Step) -> Result<()> {
    let now = Instant::now();
    model.retain(|_, (_, ends)| ends.is_none_or(|ends| ends > now));
    let name = |key: u8| Key::new(vec![key]).expect("a valid key");
    let text = |value: u8| Bytes::from(value.to_string());
    let ms = |ttl: Option<u64>| ttl.map(Duration::from_millis);
    let at = |ttl: Option<u64>| ms(ttl).map(|ttl| now + ttl);
    match step {
        Step::Advance(by) => advance(Duration::from_millis(by)).await,
        Step::Get(key) => {
            assert_eq!(store.get(&name(key)).await?, model.get(&key).map(|(value, _)| value.clone()));
        }
        Step::Set(key, value, ttl) => {
            store.set(&name(key), text(value), ms(ttl)).await?;
            model.insert(key, (text(value), at(ttl)));
        }
        Step::Remove(key) => assert_eq!(store.remove(&name(key)).await?, model.remove(&key).is_some()),
        Step::Expire(key, ttl) => {
            let there = model.get_mut(&key).map(|(_, ends)| *ends = at(ttl));
            assert_eq!(store.expire(&name(key), ms(ttl)).await?, there.is_some());
        }
        Step::Increment(key, by, ttl) => {
            let old = model.entry(key).or_insert_with(|| ("0".into(), at(ttl)));
            let sum: i64 =
                std::str::from_utf8(&old.0).ok().and_then(|text| text.parse().ok()).unwrap_or(0) + by;
            old.0 = sum.to_string().into();
            assert_eq!(store.increment(&name(key), by, ms(ttl)).await?, sum);
        }
        Step::CompareAndSet(key, expected, value, ttl) => {
            let (expected, value) = (expected.map(text), value.map(text));
            let done = model.get(&key).map(|(value, _)| value) == expected.as_ref();
            if done {
                model.remove(&key);
                model.extend(value.clone().map(|value| (key, (value, at(ttl)))));
            }
            let swap = Swap { expected, value, ttl: ms(ttl) };
            assert_eq!(store.compare_and_set(&name(key), swap).await?, done);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn store_does_what_a_plain_map_does(steps in prop::collection::vec(step(), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let result: Result<()> = runtime.unwrap().block_on(async {
            let (store, mut model) = (MemoryStore::default(), Model::new());
            for step in steps {
                same(&store, &mut model, step).await?;
            }
            assert_eq!(store.len(), {
                let now = Instant::now();
                model.values().filter(|(_, ends)| ends.is_none_or(|ends| ends > now)).count()
            });
            Ok(())
        });
        result.unwrap();
    }
}
