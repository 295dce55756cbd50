//! What one key may spend at three processes: the network parts, one of them is killed, Redis is cut off.
//!
//! A token costs a millionth, so the budget is one of tokens. What was spent is what the node has counted; nothing that
//! an instance says of itself is believed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use maily_store_redis::testing::{Fault, Proxy, Server};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::network::Network;
use crate::node::{Act, Node};
use crate::support::{Instance, OPERATOR, live, three, until};

const BUDGET: u64 = 60_000;
/// The most that an instance draws at once.
const LEASE: u64 = BUDGET / 16;
/// What the node says that each prompt took, which is what is reserved for it.
const EACH: u64 = 50;
/// What an instance may be left with, because no prompt fits into it.
const CRUMBS: u64 = 64;
const SECRET: &str = "sk-of-team-a-0000";

fn settings<'a>(shared: &'a str, redis: &'a str, keys: &'a [String; 2]) -> Vec<(&'a str, &'a str)> {
    let mut settings = vec![
        ("MAILY__SERVER__KEYS", keys[0].as_str()),
        ("MAILY__MESH__LIMIT__KEYS", keys[1].as_str()),
        ("MAILY__MESH__LIMIT__PRICES", r#"[{ model = "m", input = 1.0, output = 1.0 }]"#),
        ("MAILY__MESH__LIMIT__SHARED", shared),
        ("MAILY__MESH__LIMIT__OWNERS", r#"["i0", "i1", "i2"]"#),
        // One prompt at the node for each that a key pays for.
        ("MAILY__MESH__HEDGE__ENABLED", "false"),
        ("MAILY__MESH__RETRY__ATTEMPTS", "1"),
        // Each refusal would be a line.
        ("MAILY_LOG", "error"),
    ];
    settings.extend((!redis.is_empty()).then_some(("MAILY__REDIS__URL", redis)));
    settings
}

fn keys() -> [String; 2] {
    let key = format!(r#"[{{ name = "a", secret = "{SECRET}", budget_micros = {BUDGET}, per = "total" }}]"#);
    [format!("[\"{OPERATOR}\"]"), key]
}

async fn node() -> Node {
    let answer = json!({
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi" }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 20, "completion_tokens": EACH - 20, "total_tokens": EACH },
    });
    Node::start(Act::Whole(answer.to_string().into())).await
}

/// Four callers of the key at one instance, until they are stopped or it is gone.
struct Callers {
    /// When one of them was let in last.
    last: Arc<Mutex<Instant>>,
    refused: Arc<Mutex<String>>,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Callers {
    fn at(instance: &Instance) -> Self {
        let mut callers = Self {
            last: Arc::new(Mutex::new(Instant::now())),
            refused: Arc::default(),
            answered: Arc::default(),
            stop: Arc::default(),
            tasks: JoinSet::new(),
        };
        let client = Client::builder(TokioExecutor::new()).build_http();
        for _ in 0..4 {
            let (client, address, stop) = (client.clone(), instance.address.clone(), callers.stop.clone());
            let (last, answered, refused) =
                (callers.last.clone(), callers.answered.clone(), callers.refused.clone());
            callers.tasks.spawn(async move {
                while !stop.load(Relaxed) {
                    match ask(&client, &address).await {
                        None => return,
                        Some(None) => {
                            answered.fetch_add(1, Relaxed);
                            *last.lock() = Instant::now();
                        }
                        Some(Some(code)) => {
                            *refused.lock() = code;
                            sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            });
        }
        callers
    }

    /// Lets prompts under way end, so that the node and the key count the same.
    async fn stop(mut self) -> u64 {
        self.stop.store(true, Relaxed);
        while self.tasks.join_next().await.is_some() {}
        self.answered.load(Relaxed)
    }
}

/// Asks once; returns the code of a refusal, and nothing at all from an instance that is gone.
async fn ask(client: &Client<HttpConnector, Full<Bytes>>, address: &str) -> Option<Option<String>> {
    let prompt =
        json!({ "model": "m", "max_tokens": 30, "messages": [{ "role": "user", "content": "Hello" }] });
    let request = Request::post(format!("http://{address}/v1/chat/completions"))
        .header("authorization", format!("Bearer {SECRET}"))
        .body(Full::new(Bytes::from(prompt.to_string())))
        .unwrap();
    let response = client.request(request).await.ok()?;
    let status = response.status();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    if status == StatusCode::OK {
        return Some(None);
    }
    let problem: Value = serde_json::from_slice(&body).unwrap();
    let code = problem["code"].as_str().unwrap();
    let known = ["account-unreachable", "budget-spent", "key-limit"];
    assert!(known.contains(&code), "{status} {problem}");
    Some(Some(code.to_owned()))
}

/// Waits until nobody was let in for longer than an instance waits for what others may give it.
async fn until_spent(callers: &[Callers]) {
    let most = Duration::from_secs(5);
    until("the budget is spent", async || callers.iter().all(|it| it.last.lock().elapsed() > most)).await;
}

async fn stop(callers: impl IntoIterator<Item = Callers>) -> u64 {
    let mut answered = 0;
    for callers in callers {
        answered += callers.stop().await;
    }
    answered
}

/// The tokens of the key that an instance has counted.
async fn counted(instance: &Instance) -> u64 {
    let (status, usage) = instance.send(Method::GET, "/v1/usage", Bytes::new()).await.unwrap();
    assert_eq!(status, StatusCode::OK, "{usage:?}");
    let usage: Value = serde_json::from_slice(&usage).unwrap();
    usage["keys"][0]["tokens"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budget_of_three_processes_holds_while_they_are_parted_and_is_spent_when_they_met() {
    let (network, node, keys) = (Network::of(3).await, node().await, keys());
    let all = three(&network, &[&node], &settings("gossip", "", &keys)).await;
    let spent = || node.asked() * EACH;

    let callers = [0, 1, 2].map(|at| Callers::at(&all[at]));
    until("a quarter is spent", async || spent() > BUDGET / 4).await;
    stop(callers).await;
    let alone = counted(&all[0]).await;
    network.part(0);
    until("each side takes the other for dead", async || {
        let mut peers = Vec::new();
        for instance in &all {
            peers.push(live(&instance.nodes().await));
        }
        peers == [0, 1, 1]
    })
    .await;
    let callers = [1, 2].map(|at| Callers::at(&all[at]));
    until_spent(&callers).await;
    let parted = spent();
    assert!(parted - alone <= BUDGET * 2 / 3, "{parted} spent, {alone} of it by the one that is cut off");
    assert!(parted - alone >= BUDGET * 2 / 3 - 2 * CRUMBS, "{parted} spent, {alone} by the other one");

    network.heal();
    let again = until("those who had nothing are given some", async || spent() > parted).await;
    let callers = callers.into_iter().chain([Callers::at(&all[0])]).collect::<Vec<_>>();
    until_spent(&callers).await;
    stop(callers).await;

    let mut of_all = 0;
    for instance in &all {
        of_all += counted(instance).await;
    }
    println!(
        "{parted} of {BUDGET} tokens spent while one of three was cut off with its share; {again:?} after it healed the \
         others had of that; {} in the end",
        spent()
    );
    assert_eq!(of_all, spent(), "what the instances counted, and what the node did");
    assert!(spent() <= BUDGET, "{} spent", spent());
    assert!(spent() >= BUDGET - 3 * CRUMBS, "{} spent", spent());
    assert!(again < Duration::from_secs(10), "5 s, and as much again for a loaded machine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_that_is_killed_loses_a_lease_at_most_and_spends_nothing_twice() {
    let (network, node, keys) = (Network::of(3).await, node().await, keys());
    let settings = settings("gossip", "", &keys);
    let mut all = three(&network, &[&node], &settings).await;
    let spent = || node.asked() * EACH;

    let mut callers: Vec<_> = all.iter().map(Callers::at).collect();
    until("a quarter is spent", async || spent() > BUDGET / 4).await;
    all[0].signal("KILL");
    assert!(all[0].ended().await.code().is_none());
    let killed = spent();
    callers.remove(0).stop().await;
    let data = all[0].data.clone();
    all[0] = Instance::start_in(data, Some((&network, 0)), &[&node], &settings).await;
    callers.push(Callers::at(&all[0]));
    until_spent(&callers).await;
    stop(callers).await;

    let lost = BUDGET.saturating_sub(spent());
    println!(
        "killed under load at {killed} of {BUDGET} tokens, back with its file; {lost} lost of a lease of {LEASE}"
    );
    assert!(spent() <= BUDGET, "{} spent", spent());
    assert!(lost <= LEASE + 3 * CRUMBS, "{lost} lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn budget_over_redis_holds_while_redis_is_cut_off_and_a_process_is_killed() {
    let Some(redis) = Server::start() else { return };
    let (proxy, node, keys) = (Proxy::start(redis.address()).await, node().await, keys());
    let url = proxy.url();
    let settings = settings("redis", &url, &keys);
    let nodes = [&node];
    let start = || Instance::start(None, &nodes, &settings);
    let (east, west, north) = tokio::join!(start(), start(), start());
    let mut all = [east, west, north];
    let spent = || node.asked() * EACH;

    let mut callers: Vec<_> = all.iter().map(Callers::at).collect();
    until("a quarter is spent", async || spent() > BUDGET / 4).await;
    proxy.set(Fault::Reset);
    let before = spent();
    let unreachable = |callers: &Callers| *callers.refused.lock() == "account-unreachable";
    until("all leases are used up", async || callers.iter().all(unreachable)).await;
    let cut = spent();
    proxy.set(Fault::None);
    let again = until("who is let in again", async || spent() > cut).await;
    all[0].signal("KILL");
    assert!(all[0].ended().await.code().is_none());
    callers.remove(0).stop().await;
    until_spent(&callers).await;
    stop(callers).await;

    let lost = BUDGET.saturating_sub(spent());
    println!(
        "{} tokens of leases spent while Redis was cut off, drawn from it again after {again:?}; one killed: {lost} of \
         {BUDGET} lost, a lease is {LEASE}",
        cut - before
    );
    assert!(spent() <= BUDGET, "{} spent", spent());
    // The lease of the killed one, and for each a draw whose answer did not arrive.
    assert!(lost <= 4 * LEASE + 2 * CRUMBS, "{lost} lost");
}
