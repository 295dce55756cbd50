//! Values near the caller stay true while slots of a cluster move and a master fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use maily_redis::cache::NearConfig;
use maily_redis::{Key, Store as _};
use maily_store_redis::testing::Cluster;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use crate::worker;

const KEYS: usize = 20;

/// Half of the keys are in one slot, which moves.
fn key(number: usize) -> Key {
    let name =
        if number.is_multiple_of(2) { format!("{{moves}}:{number}") } else { format!("stays:{number}") };
    Key::new(name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_stale_for_good_while_slots_move_and_a_master_fails() {
    let Some(cluster) = Cluster::start().map(Arc::new) else { return };
    let store = worker::store(&cluster.url());
    let done = Arc::new(AtomicBool::new(false));
    let nears: Vec<_> = (0..4).map(|_| NearConfig::default().build(&store).unwrap()).collect();
    let mut tasks = JoinSet::new();
    for near in &nears {
        let (near, done) = (near.clone(), Arc::clone(&done));
        tasks.spawn(async move {
            let (mut reads, mut failed) = (0_usize, 0_usize);
            while !done.load(Ordering::SeqCst) {
                failed += usize::from(near.get(&key(reads % KEYS)).await.is_err());
                reads += 1;
                if reads.is_multiple_of(50) {
                    sleep(Duration::from_millis(1)).await;
                }
            }
            (reads, failed)
        });
    }
    let writer = {
        let (store, done) = (store.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut written = 0_usize;
            while !done.load(Ordering::SeqCst) {
                // What failed may have been written; that is what the end shows.
                let _ = store.set(&key(written % KEYS), written.to_string().into(), None).await;
                written += 1;
                sleep(Duration::from_millis(2)).await;
            }
            written
        })
    };

    let moved = Arc::clone(&cluster);
    let slot = cluster.slot("{moves}");
    spawn_blocking(move || {
        for round in 0..if worker::soak() { 6 } else { 2 } {
            let from = moved.master_of(slot).address();
            let to = moved.nodes()[..3].iter().find(|node| node.address() != from && node.is_up());
            moved.move_slot(slot, to.expect("another master"), || ());
            println!("round {round}: the slot has moved");
        }
        let promoted = moved.fail_over(slot).address();
        println!("its master has failed over to {promoted}");
    })
    .await
    .unwrap();
    done.store(true, Ordering::SeqCst);
    let written = writer.await.unwrap();
    println!("{written} writes; reads and failed reads of each: {:?}", tasks.join_all().await);

    for number in 0..KEYS {
        let start = Instant::now();
        loop {
            let there = store.get(&key(number)).await;
            let mut same = there.is_ok();
            for near in &nears {
                same &= near.get(&key(number)).await.ok() == there.as_ref().ok().cloned();
            }
            if same {
                break;
            }
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{:?} is stale for good: {there:?}",
                key(number)
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}
