//! A redis store that is closed, or dropped, leaves its file to the next one at once.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt as _, join_all, pending};
use maily_errors::{Code, Result};
use maily_redis::bus::{Bus as _, Channel};
use maily_redis::cache::NearConfig;
use maily_redis::jobs::{DeadLetters as _, Failure, Jobs as _, NewJob, Queue, Worker, WorkerId};
use maily_redis::limit::Quota;
use maily_redis::lock::{Lock, Owner};
use maily_redis::{Key, Leases as _, Limits as _, Store as _, Swap, Watch as _, Watched as _};
use maily_store_redb::{RedbConfig, RedbStore};
use tempfile::TempDir;
use tokio::time::timeout;

const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);
/// Longer than a loaded machine takes for anything here.
const LIMIT: Duration = Duration::from_secs(30);

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    (folder, path)
}

/// Opens the file, which nobody else may have open at this moment.
async fn open(path: &Path) -> RedbStore {
    RedbConfig::new(path).store().await.expect("the file opens")
}

fn key(name: &str) -> Key {
    Key::new(name.to_owned()).unwrap()
}

fn queue() -> Queue {
    Queue::new("mails").unwrap()
}

fn refused<T: Debug>(answer: Result<T>) {
    assert_eq!(answer.unwrap_err().code(), Code::RedisDiskClosed);
}

#[tokio::test]
async fn closed_store_refuses_every_call_and_another_one_has_the_file() {
    let (_folder, path) = file();
    let store = open(&path).await;
    let (name, owner, worker) = (key("name"), Owner::random(), WorkerId::new("worker").unwrap());
    store.set(&name, "kept".into(), None).await.unwrap();
    store.append(&queue(), NewJob::new("a")).await.unwrap();
    let job = store.claim(&queue(), &worker, 1, NOW).await.unwrap().remove(0);
    let (watched, channel) = (store.watch(Arc::new(|_| ())), Channel::new("news").unwrap());

    store.clone().close().await.unwrap();
    let next = open(&path).await;

    refused(store.get(&name).await);
    refused(store.set(&name, "late".into(), None).await);
    refused(store.compare_and_set(&name, Swap { expected: None, value: None, ttl: None }).await);
    refused(store.increment(&name, 1, None).await);
    refused(store.expire(&name, None).await);
    refused(store.remove(&name).await);
    refused(watched.read(&name).await);
    refused(store.acquire(&name, owner, HOUR, NOW).await);
    refused(store.renew(&name, owner, HOUR).await);
    refused(store.release(&name, owner).await);
    refused(store.take(&name, Quota::per_second(1), 1).await);
    let receipts = [job.receipt];
    refused(store.append(&queue(), NewJob::new("b")).await);
    refused(store.claim(&queue(), &worker, 1, HOUR).await);
    refused(store.ack(&queue(), &receipts).await);
    refused(store.extend(&queue(), &worker, &receipts).await);
    refused(store.fail(&queue(), &worker, &receipts[0], Failure::HandBack).await);
    refused(store.stats(&queue()).await);
    refused(store.dead(&queue(), None, 1).await);
    refused(store.requeue(&queue(), &receipts).await);
    refused(store.discard(&queue(), &receipts).await);
    refused(store.publish(&channel, "one".into()).await);
    refused(store.subscribe(&channel, 1).await);
    assert_eq!(next.get(&name).await.unwrap(), Some("kept".into()));
    assert_eq!(next.stats(&queue()).await.unwrap().pending, 1);
}

#[tokio::test]
async fn closing_again_is_harmless_and_whoever_does_so_finds_the_file_free() {
    let (_folder, path) = file();
    let store = open(&path).await;

    let both = [store.close(), store.close()].map(|close| async {
        close.await.unwrap();
        RedbConfig::new(&path).store().await.map(drop).map_err(|err| err.code())
    });
    let opened = join_all(both).await;
    store.close().await.unwrap();

    // Of the two, one may have found the other there.
    assert!(opened.contains(&Ok(())), "{opened:?}");
    assert!(!opened.contains(&Err(Code::RedisDiskFailed)), "{opened:?}");
}

#[tokio::test]
async fn what_was_begun_before_is_written_and_answered() {
    let (_folder, path) = file();
    let store = open(&path).await;
    let keys: Vec<Key> = (0..500).map(|number| key(&number.to_string())).collect();
    let mut sets: Vec<_> = keys.iter().map(|key| Box::pin(store.set(key, "v".into(), None))).collect();
    sets.iter_mut().for_each(|set| drop(set.now_or_never()));

    // Its future is dropped when it has begun: it goes on.
    drop(Box::pin(store.close()).as_mut().now_or_never());
    store.close().await.unwrap();
    let next = open(&path).await;

    for key in &keys {
        assert_eq!(next.get(key).await.unwrap(), Some("v".into()), "{key}");
    }
}

#[tokio::test]
async fn claim_that_waits_ends_and_a_worker_too() {
    let (_folder, path) = file();
    let store = open(&path).await;
    let (worker, queue) = (WorkerId::new("worker").unwrap(), queue());
    let claim = store.claim(&queue, &worker, 1, HOUR);
    let works =
        Worker::new(store.clone(), queue.clone(), "mailer").unwrap().run(|_| async { Ok(()) }, pending());

    let ended = async { tokio::join!(claim, works, store.close()) };
    let (claimed, _, closed) = timeout(LIMIT, ended).await.expect("they end");

    refused(claimed);
    closed.unwrap();
}

#[tokio::test]
async fn guard_hears_that_its_store_was_closed() {
    let (_folder, path) = file();
    let store = open(&path).await;
    let lock = Lock::new(store.clone());
    let guard = lock.acquire(&key("name"), Duration::from_secs(2), NOW).await.unwrap();

    store.close().await.unwrap();
    timeout(LIMIT, guard.lost()).await.expect("the loss is told");

    assert_eq!(guard.release().await.unwrap_err().code(), Code::RedisLeaseLost);
    // Whoever opens the file respects the lease.
    let next = Lock::new(open(&path).await);
    next.acquire(&key("name"), HOUR, LIMIT).await.unwrap().release().await.unwrap();
}

#[tokio::test]
async fn what_was_kept_near_is_forgotten() {
    let (_folder, path) = file();
    let store = open(&path).await;
    let near = NearConfig::default().build(&store).unwrap();
    near.set(&key("name"), "near".into(), None).await.unwrap();
    for _ in 0..2 {
        assert_eq!(near.get(&key("name")).await.unwrap(), Some("near".into()));
    }

    store.close().await.unwrap();

    refused(near.get(&key("name")).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_opens_again_at_once_after_a_renewed_lock_was_released() {
    let (_folder, path) = file();
    for _ in 0..50 {
        let store = open(&path).await;
        let guard = Lock::new(store.clone()).acquire(&key("name"), HOUR, NOW).await.unwrap();
        guard.release().await.unwrap();
        drop(store);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_opens_again_at_once_after_calls_were_dropped() {
    let (_folder, path) = file();
    for _ in 0..50 {
        let store = open(&path).await;
        for _ in 0..3 {
            drop(Box::pin(store.get(&key("name"))).as_mut().now_or_never());
            drop(Box::pin(store.set(&key("name"), "v".into(), None)).as_mut().now_or_never());
        }
        drop(store);
    }
}
