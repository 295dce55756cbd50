//! A list on a real server that changes, goes and comes back.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use maily_mesh::{NodeChange, NodeConfig, NodeSource};
use maily_nodes_redis::RedisNodes;
use maily_redis::Store;
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use tokio::time::timeout;

type Source = Pin<Box<dyn NodeSource<NodeConfig>>>;

fn nodes(server: &Server) -> RedisNodes<impl Store + use<>> {
    let mut config = RedisConfig::new(server.url());
    config.timeout_ms = 300;
    RedisNodes::new(config.build().unwrap()).with_interval(Duration::from_millis(50))
}

fn node(name: &str) -> NodeConfig {
    NodeConfig::new(name, "http://10.0.0.7:8000/v1")
}

/// The next change, as `+name`, `-name` or `error`.
async fn next(source: &mut Source) -> String {
    match timeout(Duration::from_secs(20), source.next()).await.expect("a change in time").unwrap() {
        Ok(NodeChange::Insert(node)) => format!("+{}", node.name),
        Ok(NodeChange::Remove(name)) => format!("-{name}"),
        Ok(_) => "?".to_owned(),
        Err(_) => "error".to_owned(),
    }
}

#[tokio::test]
async fn change_is_followed_and_a_server_that_is_down_keeps_the_nodes() {
    let Some(server) = Server::start() else { return };
    let nodes = nodes(&server);
    nodes.insert(&node("a")).await.unwrap();
    nodes.insert(&node("b").with_key("sk")).await.unwrap();
    let mut source: Source = Box::pin(nodes.watch());
    assert_eq!([next(&mut source).await, next(&mut source).await], ["+a", "+b"]);

    let start = Instant::now();
    nodes.remove("a").await.unwrap();
    assert_eq!(next(&mut source).await, "-a");
    println!("a change was known after {:?}", start.elapsed());

    server.kill();
    assert_eq!(next(&mut source).await, "error");
    server.restart();
    // The server that came back is empty, which says nothing of nodes either.
    let start = Instant::now();
    while nodes.insert(&node("b").with_key("sk")).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "the store connects again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    nodes.insert(&node("c")).await.unwrap();
    let change = loop {
        match next(&mut source).await {
            error if error == "error" => {}
            change => break change,
        }
    };
    assert_eq!(change, "+c");
}

#[tokio::test]
async fn many_that_change_the_list_at_once_lose_nothing() {
    let Some(server) = Server::start() else { return };
    let nodes = nodes(&server);

    let names: Vec<_> = (0..8).map(|number| format!("n{number}")).collect();
    futures_util::future::join_all(names.iter().map(|name| async {
        // Eight in a circle need more than one attempt, and no more than sixteen.
        nodes.insert(&node(name)).await.unwrap();
    }))
    .await;

    let mut source: Source = Box::pin(nodes.watch());
    let mut seen = Vec::new();
    for _ in &names {
        seen.push(next(&mut source).await);
    }
    seen.sort();
    assert_eq!(seen, names.iter().map(|name| format!("+{name}")).collect::<Vec<_>>());
}
