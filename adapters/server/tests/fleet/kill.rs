//! SIGKILL of an instance under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::network::Network;
use crate::node::{Act, Node};
use crate::support::{Stream, live, of_peers, three, until};

const WORDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_others_see_nothing_of_an_instance_that_is_killed() {
    let network = Network::of(3).await;
    let act = Act::Words(WORDS, Duration::from_millis(5));
    let nodes = [Node::start(act.clone()).await, Node::start(act).await];
    let mut all = three(&network, &[&nodes[0], &nodes[1]], &[]).await;

    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = JoinSet::new();
    for number in 0..12 {
        let (address, stop, asked) = (all[number % 3].address.clone(), stop.clone(), asked.clone());
        clients.spawn(async move {
            let (mut whole, mut failed) = (0, 0);
            while !stop.load(Relaxed) {
                asked.fetch_add(1, Relaxed);
                let is_whole = match Stream::begin(&address).await {
                    Ok(stream) => stream.ends_whole(WORDS).await,
                    Err(_) => false,
                };
                if is_whole {
                    whole += 1;
                } else {
                    failed += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            (number % 3, whole, failed)
        });
    }
    until("the load is on", async || asked.load(Relaxed) > 60 && of_peers(&all[1].nodes().await) > 0).await;

    let start = Instant::now();
    all[0].signal("KILL");
    let seen = until("its share is gone from the view", async || live(&all[1].nodes().await) == 1).await;
    let before = asked.load(Relaxed);
    until("the load went on", async || asked.load(Relaxed) > before + 60).await;
    stop.store(true, Relaxed);

    let mut of_others = (0, 0);
    while let Some(client) = clients.join_next().await {
        let (place, whole, failed) = client.unwrap();
        if place > 0 {
            of_others = (of_others.0 + whole, of_others.1 + failed);
        }
    }
    until("nothing counts at the others", async || of_peers(&all[1].nodes().await) == 0).await;
    println!(
        "killed under load: not counted any more after {seen:?}; {} streams of the others whole in {:?}, {} failed",
        of_others.0,
        start.elapsed(),
        of_others.1
    );
    assert_eq!(of_others.1, 0);
    assert!(all[0].ended().await.code().is_none());
}
