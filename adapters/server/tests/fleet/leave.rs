//! SIGTERM of an instance.

use std::time::{Duration, Instant};

use crate::network::Network;
use crate::node::{Act, Node};
use crate::support::{Stream, three, until};

const WORDS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instance_that_stops_leaves_at_once_and_loses_no_stream() {
    let network = Network::of(3).await;
    let node = Node::start(Act::Words(WORDS, Duration::from_millis(50))).await;
    let mut all = three(&network, &[&node], &[]).await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut stream = Stream::begin(&all[0].address).await.unwrap();
        assert!(stream.has("w0 ").await);
        open.push(stream);
    }

    let start = Instant::now();
    all[0].signal("TERM");
    let left = until("the others know", async || {
        for instance in &all[1..] {
            let nodes = instance.nodes().await;
            if !nodes["peers"].as_array().unwrap().iter().any(|peer| peer["status"] == "left") {
                return false;
            }
        }
        true
    })
    .await;
    let still_open = node.open();
    for stream in open {
        assert!(stream.ends_whole(WORDS).await, "a stream was lost");
    }
    let drained = start.elapsed();
    let status = all[0].ended().await;

    println!(
        "leaving known after {left:?} with {still_open} streams open; all were whole, ended after {drained:?}"
    );
    assert!(status.success(), "{status:?}");
    assert!(left < Duration::from_secs(3), "1 s, and slack for a loaded machine");
    assert!(still_open > 0, "it left before it had drained");
}
