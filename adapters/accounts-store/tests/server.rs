//! One budget of several instances on a real server.
#![expect(clippy::unwrap_used, reason = "a test that says what it measured")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use maily_accounts_store::StoreAccounts;
use maily_errors::Code;
use maily_mesh::account::Per;
use maily_mesh::layer::limit::{Keys, LimitLayer};
use maily_mesh::{Accounts, Body, Completion, KeyConfig, PriceConfig, Prompt};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt, service_fn};

const BUDGET: u64 = 100_000;
const LEASE: u64 = BUDGET / 16;
const INSTANCES: u64 = 3;
const CALLERS: u64 = 8;

fn accounts(server: &Server) -> Arc<dyn Accounts> {
    let mut config = RedisConfig::new(server.url());
    config.timeout_ms = 10_000;
    Arc::new(StoreAccounts::new(config.build().unwrap()))
}

fn keys(accounts: Arc<dyn Accounts>) -> Keys {
    let keys = Keys::default();
    keys.share(accounts);
    keys.price(&PriceConfig::new("m", 1.0, 1.0)).unwrap();
    keys.insert(KeyConfig::new("team-a").with_budget(BUDGET, Per::Month)).unwrap();
    keys
}

/// Asks until the budget is spent, at a node that takes between nothing and all of what is reserved for an answer.
async fn spend(keys: Keys, truth: Arc<AtomicU64>, seed: u64) {
    let node = service_fn(move |prompt: Prompt| {
        let truth = truth.clone();
        async move {
            let read = prompt.body().len() as u64 / 4 + 1;
            let written = (truth.load(Relaxed) ^ seed.wrapping_mul(0x9e37)) % 100 + 1;
            truth.fetch_add(read + written, Relaxed);
            tokio::task::yield_now().await;
            let usage = format!(r#"{{"usage":{{"prompt_tokens":{read},"completion_tokens":{written}}}}}"#);
            Ok::<_, maily_errors::Error>(Completion::new(false, Body::full(usage)))
        }
    });
    let node = LimitLayer::new(keys).layer(node);
    let body = r#"{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}"#;
    loop {
        match node.clone().oneshot(Prompt::parse(body).unwrap().with_key("team-a")).await {
            Ok(answer) => {
                let _ = answer.into_answer().await;
            }
            Err(err) => {
                assert_eq!(err.code(), Code::BudgetSpent, "{err:?}");
                return;
            }
        }
    }
}

#[tokio::test]
async fn three_instances_on_one_server_spend_one_budget_and_no_more() {
    let Some(server) = Server::start() else { return };
    let truth = Arc::new(AtomicU64::new(0));
    let mut callers = JoinSet::new();
    for instance in 0..INSTANCES {
        let keys = keys(accounts(&server));
        for caller in 0..CALLERS {
            callers.spawn(spend(keys.clone(), truth.clone(), instance * CALLERS + caller));
        }
    }

    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }

    let spent = truth.load(Relaxed);
    println!("{INSTANCES} instances, {CALLERS} callers each: {spent} of {BUDGET} spent");
    assert!(spent <= BUDGET);
    // Each may have kept what is less than a prompt needs, and what was reserved while others were refused.
    assert!(spent >= BUDGET - INSTANCES * LEASE, "{spent}");
}

#[tokio::test]
async fn instance_goes_on_with_its_lease_while_the_server_is_away() {
    let Some(server) = Server::start() else { return };
    let mut config = RedisConfig::new(server.url());
    config.timeout_ms = 300;
    let keys = Keys::default();
    keys.share(Arc::new(StoreAccounts::new(config.build().unwrap())));
    keys.insert(KeyConfig::new("team-a").with_requests_per_minute(160)).unwrap();
    let node = service_fn(|_: Prompt| async { Ok(Completion::new(false, Body::full("{}"))) });
    let node = LimitLayer::new(keys).layer(node);
    let ask = || node.clone().oneshot(Prompt::text("m", "Hi").unwrap().with_key("team-a"));
    ask().await.unwrap();
    drop(server);

    for _ in 1..10 {
        ask().await.unwrap();
    }
    let err = ask().await.unwrap_err();

    assert_eq!(err.code(), Code::AccountUnreachable);
    assert!(err.is_temporary());
}
