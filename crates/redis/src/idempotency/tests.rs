use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use proptest::prelude::*;

use super::record::Record;
use super::*;
use crate::{Key, MemoryStore, Store, Swap};

fn key() -> Key {
    Key::new("key").unwrap()
}

fn request() -> Fingerprint {
    Fingerprint::of(&[b"request"])
}

/// A store whose first swaps happen without that anybody hears so.
#[derive(Clone, Debug)]
struct Unheard {
    store: MemoryStore,
    left: Arc<AtomicU32>,
}

impl Unheard {
    fn new(swaps: u32) -> Self {
        Self { store: MemoryStore::default(), left: Arc::new(AtomicU32::new(swaps)) }
    }
}

impl Store for Unheard {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        self.store.get(key).await
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.store.set(key, value, ttl).await
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        let done = self.store.compare_and_set(key, swap).await?;
        let one_less = |left: u32| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less) {
            Ok(_) => Err(Error::from(Code::Timeout)),
            Err(_) => Ok(done),
        }
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.store.increment(key, by, ttl).await
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        self.store.expire(key, ttl).await
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        self.store.remove(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn key_that_was_taken_unheard_is_found_again() {
    let idempotency = Idempotency::new(Unheard::new(2)).with_wait(Duration::from_secs(1));

    let answer = idempotency.run(&key(), request(), || async { Ok("done".into()) }).await.unwrap();

    assert!(answer.recorded && !answer.replayed);
}

#[tokio::test(start_paused = true)]
async fn failure_of_the_store_is_told_to_who_does_not_wait() {
    let idempotency = Idempotency::new(Unheard::new(1));

    let err = idempotency.begin(&key(), request()).await.unwrap_err();

    assert_eq!(err.code(), Code::Timeout);
}

#[tokio::test(start_paused = true)]
async fn answer_that_could_not_be_recorded_is_returned_all_the_same() {
    let store = Unheard::new(0);
    let idempotency = Idempotency::new(store.clone());
    let work = async || {
        store.left.store(1, Ordering::Relaxed);
        Ok("done".into())
    };

    let answer = idempotency.run(&key(), request(), work).await.unwrap();

    assert_eq!(answer.value, "done");
    assert!(!answer.recorded);
}

#[tokio::test]
async fn value_that_is_no_record_is_corrupt() {
    let store = MemoryStore::default();
    let idempotency = Idempotency::new(store.clone());
    let stored = Key::new("idempotency:key").unwrap();
    for value in ["", "short", "a value that is long enough to have a head of 34 bytes"] {
        store.set(&stored, value.into(), None).await.unwrap();

        assert_eq!(idempotency.begin(&key(), request()).await.unwrap_err().code(), Code::Corrupt);
    }
}

proptest! {
    #[test]
    fn records_are_read_as_they_were_written(head: [u8; 32], mark: u128, answer: Vec<u8>) {
        let fingerprint = Fingerprint::from_bytes(head);
        for record in [
            Record::Running { fingerprint, mark },
            Record::Done { fingerprint, answer: answer.into() },
            Record::DoneWithoutAnswer { fingerprint },
        ] {
            prop_assert_eq!(Record::decode(record.encode()).unwrap(), record);
        }
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes: Vec<u8>) {
        if let Ok(record) = Record::decode(bytes.clone().into()) {
            let fingerprint = record.fingerprint();
            prop_assert_eq!(fingerprint.as_bytes().as_slice(), &bytes[2..34]);
        }
    }
}

#[tokio::test]
async fn neither_answer_nor_fingerprint_is_shown() {
    let idempotency = Idempotency::new(MemoryStore::default());
    let begun = idempotency.begin(&key(), request()).await.unwrap();
    let run = format!("{begun:?}");
    let Begin::Run(permit) = begun else { panic!("{run}") };
    permit.complete("hunter2".into()).await.unwrap();

    let replay = format!("{:?}", idempotency.begin(&key(), request()).await.unwrap());

    assert_eq!(run, "Run(Permit { lease: 30s, .. })");
    assert_eq!(replay, "Replay(7 bytes)");
}
