//! The values of a redis store on disk keep their time and their limits across restarts, and say when the disk is full.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use maily_errors::Code;
use maily_redis::{Key, Store as _, Swap};
use maily_store_redb::{RedbConfig, RedbValues};

fn key(name: &str) -> Key {
    Key::new(name.to_owned()).expect("a valid key")
}

async fn open(path: &Path) -> RedbValues {
    RedbConfig::new(path).values().await.expect("the file opens")
}

#[tokio::test]
async fn values_counters_and_times_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.redb");
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
    let mut config = RedbConfig::new(folder.path().join("values.redb"));
    (config.max_values, config.max_bytes) = (100, 2000);
    let store = config.values().await.unwrap();
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

#[tokio::test]
async fn writers_that_wait_share_one_fsync() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("values.redb")).await;
    let one = |number: usize| {
        let store = &store;
        async move { store.set(&key(&number.to_string()), "v".into(), None).await.unwrap() }
    };

    let start = Instant::now();
    for number in 0..20 {
        one(number).await;
    }
    let alone = start.elapsed() / 20;
    let start = Instant::now();
    join_all((0..2000).map(one)).await;
    let together = start.elapsed() / 2000;

    println!("one write alone {alone:?}, of 2000 at once {together:?} each");
    assert!(together * 4 < alone, "{alone:?} {together:?}");
}

/// A file that may not grow, as on a disk that is full. `ulimit` needs no rights.
#[tokio::test]
async fn full_disk_is_an_error_and_what_was_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.redb");
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
}

/// Not a rule of its own: what the rule above starts.
#[tokio::test]
async fn child_writes_until_the_disk_is_full() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = open(Path::new(&path)).await;
    for number in 1..=10_000_u64 {
        let value = vec![number as u8; 10_000].into();
        if let Err(err) = store.set(&key(&number.to_string()), value, None).await {
            println!("failed {}", err.code());
            return;
        }
        println!("acknowledged {number}");
    }
}

const CHILD: &str = "MAILY_TEST_FULL_DISK";
