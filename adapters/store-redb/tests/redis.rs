//! A redis store on disk keeps its times and limits across restarts, holds only what is live, and says when the disk is full.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use maily_errors::Code;
use maily_redis::jobs::{Jobs as _, NewJob, Queue, WorkerId};
use maily_redis::{Key, Store as _, Swap};
use maily_store_redb::{RedbConfig, RedbStore};
use redb::ReadableTableMetadata as _;

fn key(name: &str) -> Key {
    Key::new(name.to_owned()).expect("a valid key")
}

async fn open(path: &Path) -> RedbStore {
    RedbConfig::new(path).store().await.expect("the file opens")
}

#[tokio::test]
async fn values_counters_and_times_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let store = open(&path).await;
    store.set(&key("kept"), "v".into(), Some(Duration::from_secs(3600))).await.unwrap();
    store.set(&key("over"), "v".into(), Some(Duration::from_millis(30))).await.unwrap();
    store.increment(&key("count"), 41, None).await.unwrap();
    drop(store);

    let store = open(&path).await;
    assert_eq!(store.get(&key("kept")).await.unwrap(), Some("v".into()));
    assert_eq!(store.increment(&key("count"), 1, None).await.unwrap(), 42);
    let start = Instant::now();
    while store.get(&key("over")).await.unwrap().is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "the value does not end");
        tokio::task::yield_now().await;
    }
    // What is over is nothing to a change, though its row may be there.
    let create = Swap { expected: None, value: Some("new".into()), ttl: None };
    assert!(store.compare_and_set(&key("over"), create).await.unwrap());
}

#[tokio::test]
async fn limits_of_values_and_bytes_refuse_and_what_is_over_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = RedbConfig::new(folder.path().join("redis.redb"));
    (config.max_values, config.max_bytes) = (100, 2000);
    let store = config.store().await.unwrap();
    let short = Some(Duration::from_millis(40));
    for number in 0..100 {
        store.set(&key(&format!("{number:04}")), vec![0; 10].into(), short).await.unwrap();
    }

    // All of them end, more than one change removes.
    let start = Instant::now();
    let mut refused = 0;
    let large = Bytes::from(vec![0; 1995]);
    while let Err(err) = store.set(&key("large"), large.clone(), None).await {
        assert_eq!(err.code(), Code::RedisStoreFull);
        assert!(start.elapsed() < Duration::from_secs(10), "nothing makes room");
        refused += 1;
    }

    println!("refused {refused} times before the others were over");
    let byte_over = store.set(&key("large"), vec![0; 1996].into(), None).await.unwrap_err();
    assert_eq!(byte_over.code(), Code::RedisStoreFull);
    assert_eq!(store.get(&key("large")).await.unwrap(), Some(large));
    store.set(&key("large"), "small".into(), None).await.unwrap();
    try_join_all((0..99).map(async |number| store.set(&key(&number.to_string()), "v".into(), None).await))
        .await
        .unwrap();
    let one_over = store.set(&key("one more"), "v".into(), None).await.unwrap_err();
    assert_eq!(one_over.code(), Code::RedisStoreFull);
    store.set(&key("large"), "replaced".into(), None).await.unwrap();
}

/// Returns how many rows a closed file has, and how many of its pages are in use.
fn held(path: &Path) -> (u64, u64) {
    let database = redb::Database::open(path).unwrap();
    // What a commit replaces is free after the next one.
    for _ in 0..2 {
        database.begin_write().unwrap().commit().unwrap();
    }
    let txn = database.begin_write().unwrap();
    let rows = txn.open_table(ROWS).unwrap().len().unwrap();
    (rows, txn.stats().unwrap().allocated_pages())
}

#[tokio::test]
async fn jobs_that_are_done_leave_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let queue = Queue::new("mails").unwrap();
    let worker = WorkerId::new("worker").unwrap();
    let jobs = 5_000;
    let mut after = Vec::new();
    for round in 0..8 {
        let (store, start) = (open(&path).await, Instant::now());
        let bytes = || std::fs::metadata(&path).unwrap().len();
        let empty = bytes();
        let job = || NewJob::new(vec![7; 64]);
        try_join_all((0..jobs).map(|_| store.append(&queue, job()))).await.unwrap();
        let appended = start.elapsed();
        if round == 0 {
            println!("{jobs} jobs of 64 bytes: {appended:?}, {} bytes each", (bytes() - empty) / jobs);
        }
        while !store.stats(&queue).await.unwrap().is_empty() {
            let claimed = store.claim(&queue, &worker, 1000, Duration::ZERO).await.unwrap();
            let receipts: Vec<_> = claimed.into_iter().map(|job| job.receipt).collect();
            store.ack(&queue, &receipts).await.unwrap();
        }
        println!("claimed and acknowledged: {:?}, {} bytes", start.elapsed() - appended, bytes());
        store.close().await.unwrap();
        println!("{} bytes when it is closed", bytes());
        after.push(held(&path));
    }

    println!("rows and pages in use after each round: {after:?}");
    // The row is the latest time. How long the file is says less: free pages stay between those that are in use.
    assert!(after.iter().all(|held| held.0 == 1 && *held == after[0]), "{after:?}");
}

/// `MAILY_SOAK=1` makes them 100 000.
#[tokio::test]
async fn many_jobs_are_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let (store, queue) = (open(&path).await, Queue::new("mails").unwrap());
    let jobs = if std::env::var_os("MAILY_SOAK").is_some() { 100_000_u64 } else { 3_000 };
    let empty = std::fs::metadata(&path).unwrap().len();
    for at_once in [1, 64, 1_000] {
        let (start, many) = (Instant::now(), (at_once * 20).min(jobs / 10));
        for _ in 0..many / at_once {
            let one = |_| store.append(&queue, NewJob::new(vec![7; 64]));
            try_join_all((0..at_once).map(one)).await.unwrap();
        }
        let rate = many as f64 / start.elapsed().as_secs_f64();
        println!("{at_once} appends at a time: {rate:.0} jobs/s");
    }
    let (start, there) = (Instant::now(), store.stats(&queue).await.unwrap().waiting);
    try_join_all((there..jobs).map(|_| store.append(&queue, NewJob::new(vec![7; 64])))).await.unwrap();
    println!(
        "{} appends at once: {:.0} jobs/s",
        jobs - there,
        (jobs - there) as f64 / start.elapsed().as_secs_f64()
    );
    drop(store);
    // A closed file may be smaller than a new one that is open.
    let bytes = std::fs::metadata(&path).unwrap().len().saturating_sub(empty);
    println!("{jobs} jobs of 64 bytes take {} bytes each", bytes / jobs);

    let start = Instant::now();
    let store = open(&path).await;
    println!("opened in {:?}", start.elapsed());

    assert_eq!(store.stats(&queue).await.unwrap().waiting, jobs);
}

#[tokio::test]
async fn queue_that_is_full_says_so_and_takes_jobs_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let mut config = RedbConfig::new(&path);
    config.max_jobs = 2;
    let (store, queue) = (config.clone().store().await.unwrap(), Queue::new("mails").unwrap());
    let worker = WorkerId::new("worker").unwrap();
    for _ in 0..2 {
        store.append(&queue, NewJob::new("a")).await.unwrap();
    }
    let full = store.append(&queue, NewJob::new("a")).await.unwrap_err();
    assert_eq!(full.code(), Code::RedisStoreFull);
    let job = store.claim(&queue, &worker, 1, Duration::ZERO).await.unwrap().remove(0);
    drop(store);

    let store = config.store().await.unwrap();
    assert_eq!(store.append(&queue, NewJob::new("a")).await.unwrap_err().code(), Code::RedisStoreFull);
    assert_eq!(store.ack(&queue, &[job.receipt]).await.unwrap(), 1);
    store.append(&queue, NewJob::new("a")).await.unwrap();
}

#[tokio::test]
async fn file_of_an_earlier_version_keeps_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let store = open(&path).await;
    store.set(&key("kept"), "v".into(), None).await.unwrap();
    drop(store);
    let database = redb::Database::create(&path).unwrap();
    let txn = database.begin_write().unwrap();
    assert!(txn.delete_table(ROWS).unwrap());
    txn.commit().unwrap();
    drop(database);

    let store = open(&path).await;

    assert_eq!(store.get(&key("kept")).await.unwrap(), Some("v".into()));
    store.append(&Queue::new("mails").unwrap(), NewJob::new("a")).await.unwrap();
}

/// A file that may not grow, as on a disk that is full. `ulimit` needs no rights.
#[tokio::test]
async fn full_disk_is_an_error_and_what_was_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let output = Command::new("sh")
        // The signal that the limit sends is ignored, so that the write fails instead.
        .args(["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["child_writes_until_the_disk_is_full", "--exact", "--nocapture"])
        .env(CHILD, &path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = |what: &str| text.lines().filter_map(|line| line.strip_prefix(what)).next_back();
    let acknowledged: u64 = said("acknowledged ").expect(&text).parse().unwrap();
    println!("{acknowledged} values of 10 kB were acknowledged before the disk was full");

    assert_eq!(said("failed "), Some("redis-disk-failed"), "{text}");
    let store = open(&path).await;
    for number in 1..=acknowledged {
        let value = store.get(&key(&number.to_string())).await.unwrap();
        assert_eq!(value, Some(vec![number as u8; 10_000].into()), "value {number}");
    }
    store.set(&key("more"), "v".into(), None).await.unwrap();
    let jobs: u64 = said("appended ").expect(&text).parse().unwrap();
    let (queue, worker) = (Queue::new("mails").unwrap(), WorkerId::new("worker").unwrap());
    let waiting = store.claim(&queue, &worker, 1000, Duration::ZERO).await.unwrap();
    assert!(waiting.len() as u64 >= jobs && jobs > 0);
}

/// Not a rule of its own: what the rule above starts.
#[tokio::test]
async fn child_writes_until_the_disk_is_full() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&path)).await;
    let queue = Queue::new("mails").unwrap();
    for number in 1..=10_000_u64 {
        if number % 20 == 0 {
            match store.append(&queue, NewJob::new("a")).await {
                Ok(_) => println!("appended {}", number / 20),
                Err(err) => return println!("failed {}", err.code()),
            }
        }
        let value = vec![number as u8; 10_000].into();
        if let Err(err) = store.set(&key(&number.to_string()), value, None).await {
            println!("failed {}", err.code());
            // What builds on what is not there is refused too.
            assert!(store.append(&queue, NewJob::new("a")).await.is_err());
            return;
        }
        println!("acknowledged {number}");
    }
}

const ROWS: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("rows");

const CHILD: &str = "MAILY_TEST_FULL_DISK";
