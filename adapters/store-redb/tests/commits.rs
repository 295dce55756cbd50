//! Changes that wait for the disk share one commit. Alone in its process: it counts by the metrics.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, mpsc};

use futures_util::future::{FutureExt as _, try_join_all};
use maily_redis::{Event, Key, Listener, Store as _, Watch as _};
use maily_store_redb::RedbConfig;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use parking_lot::Mutex;

#[tokio::test]
async fn changes_that_wait_share_one_commit() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = RedbConfig::new(folder.path().join("redis.redb")).store().await.unwrap();
    let (gate, opens) = mpsc::channel::<()>();
    let (says, writing) = mpsc::channel();
    let ends = Mutex::new((says, opens));
    // The thread that writes tells it of each change, and waits here until the gate is gone.
    let listener: Listener = Arc::new(move |event| {
        if event != Event::Listening {
            let (says, opens) = &*ends.lock();
            let _ = says.send(());
            let _ = opens.recv();
        }
    });
    let _watched = store.watch(listener);
    let keys: Vec<Key> = (0..5000).map(|number| Key::new(number.to_string()).unwrap()).collect();
    let set = |key| Box::pin(store.set(key, "v".into(), None));

    let mut first = set(&keys[0]);
    assert!(first.as_mut().now_or_never().is_none());
    writing.recv().unwrap();
    let mut waiting: Vec<_> = keys.iter().map(set).collect();
    waiting.iter_mut().for_each(|set| assert!(set.now_or_never().is_none()));
    drop(gate);
    first.await.unwrap();
    try_join_all(waiting).await.unwrap();

    // The first was on its way alone; of the others, 4096 at most are in one.
    assert_eq!(commits(&snapshotter), [1.0, 4096.0, 904.0]);
}

/// Returns how many changes each commit had.
fn commits(snapshotter: &Snapshotter) -> Vec<f64> {
    let all = snapshotter.snapshot().into_vec();
    let sizes = all.into_iter().find(|(key, ..)| key.key().name() == "maily_redis_disk_commit_changes");
    match sizes.unwrap().3 {
        DebugValue::Histogram(sizes) => sizes.into_iter().map(f64::from).collect(),
        other => panic!("{other:?}"),
    }
}
