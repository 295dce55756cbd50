//! A network that is parted and heals.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::network::Network;
use crate::node::{Act, Node};
use crate::support::{Instance, Stream, live, of_peers, three, until};

/// Waits until each instance sees so many peers, and so many prompts of theirs.
async fn agree(all: &[Instance; 3], what: &str, wanted: [(usize, u64); 3]) -> Duration {
    until(what, async || {
        for (instance, wanted) in all.iter().zip(wanted) {
            let nodes = instance.nodes().await;
            if (live(&nodes), of_peers(&nodes)) != wanted {
                return false;
            }
        }
        true
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parted_processes_agree_again_on_each_other_and_on_their_nodes() {
    let network = Network::of(3).await;
    let nodes = [Node::start(Act::Hold).await, Node::start(Act::Hold).await];
    let all = three(&network, &[&nodes[0], &nodes[1]], &[]).await;

    let mut open = Vec::new();
    for _ in 0..12 {
        let mut stream = Stream::begin(&all[0].address).await.unwrap();
        assert!(stream.has("first").await);
        open.push(stream);
    }
    let known = agree(&all, "the others know of 12 streams", [(2, 0), (2, 12), (2, 12)]).await;

    network.part(0);
    let parted = agree(&all, "nothing of who is cut off counts", [(0, 0), (1, 0), (1, 0)]).await;
    for _ in 0..6 {
        let mut stream = Stream::begin(&all[1].address).await.unwrap();
        assert!(stream.has("first").await);
        open.push(stream);
    }
    agree(&all, "who is not cut off knows", [(0, 0), (1, 0), (1, 6)]).await;
    network.heal();
    let healed = agree(&all, "all agree again", [(2, 6), (2, 12), (2, 18)]).await;

    println!("streams known after {known:?}, gone after {parted:?}, agreed again {healed:?} after it healed");
    assert!(healed < Duration::from_secs(5), "{healed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_that_registers_at_one_process_answers_at_the_others() {
    let network = Network::of(3).await;
    let (fixed, late) =
        (Node::start(Act::Hold).await, Node::start(Act::Words(3, Duration::from_millis(1))).await);
    let all = three(&network, &[&fixed], &[]).await;

    let body = format!(r#"{{"name":"late","url":"{}","models":["late"],"ttl_ms":60000}}"#, late.url);
    let (status, answer) = all[2].send(Method::POST, "/v1/nodes", body).await.unwrap();
    assert_eq!(status, StatusCode::CREATED, "{answer:?}");
    let has_it = async |at: &Instance| {
        at.nodes().await["nodes"].as_array().unwrap().iter().any(|node| node["name"] == "late")
    };
    let known = until("the others know it", async || has_it(&all[0]).await && has_it(&all[1]).await).await;

    let prompt = r#"{"model":"late","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;
    let (status, answer) = all[0].send(Method::POST, "/v1/chat/completions", prompt).await.unwrap();
    assert!(status.is_success() && answer.ends_with(b"data: [DONE]\n\n"), "{answer:?}");
    let (status, _) = all[2].send(Method::DELETE, "/v1/nodes/late", "").await.unwrap();
    assert_eq!(status, StatusCode::NO_CONTENT);
    let gone =
        until("it is gone everywhere", async || !has_it(&all[0]).await && !has_it(&all[1]).await).await;
    println!("registered at one, known by the others after {known:?}, gone after {gone:?}");
}
