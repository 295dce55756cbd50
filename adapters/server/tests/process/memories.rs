//! Memories of `maily serve mesh`, through a kill -9 while they are written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Maily, code, run};

/// Starts the server without a model: memories are found by their words.
async fn serve(data: &Path) -> Maily {
    let settings = data.join("maily.toml");
    std::fs::write(&settings, format!("[server]\ncache = {:?}\n", data.join("none"))).unwrap();
    Maily::serve("mesh", data, &["--node", "echo", "--config", settings.to_str().unwrap()]).await
}

fn request(server: &Maily, method: &str, path: &str) -> http::request::Builder {
    let request = http::Request::builder().method(method).uri(server.url(path));
    request.header("content-type", "application/json")
}

/// Stores a memory; `None` when the server is gone.
async fn store(server: &Maily, memory: Value) -> Option<String> {
    let answer = server.try_send(request(server, "POST", "/v1/memories"), memory.to_string()).await?;
    assert_eq!(answer.0, StatusCode::CREATED, "{answer:?}");
    let stored: Value = serde_json::from_slice(&answer.1).unwrap();
    Some(stored["id"].as_str().unwrap().to_owned())
}

/// Returns the texts of a tenant, the oldest first.
async fn texts(server: &Maily, tenant: &str) -> Vec<String> {
    let (mut texts, mut after) = (Vec::new(), String::new());
    loop {
        let (status, page) = server.get(&format!("/v1/memories?tenant={tenant}&limit=100{after}")).await;
        assert_eq!(status, StatusCode::OK, "{page:?}");
        let page: Value = serde_json::from_slice(&page).unwrap();
        let memories = page["memories"].as_array().unwrap();
        texts.extend(memories.iter().map(|memory| memory["text"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { return texts };
        after = format!("&after={next}");
    }
}

async fn found(server: &Maily, tenant: &str, query: &str) -> Vec<String> {
    let query = json!({ "query": query, "tenant": tenant, "limit": 100 }).to_string();
    let (status, body) = server.send(request(server, "POST", "/v1/memories/search"), query).await;
    assert_eq!(status, StatusCode::OK, "{body:?}");
    let found: Value = serde_json::from_slice(&body).unwrap();
    let memories = found["memories"].as_array().unwrap();
    memories.iter().map(|memory| memory["text"].as_str().unwrap().to_owned()).collect()
}

/// Writes until the server is gone; every third memory is forgotten again. Returns what was acknowledged at last.
async fn write(
    server: &Maily,
    tenant: &str,
    round: usize,
    acknowledged: &AtomicUsize,
) -> Vec<(String, bool)> {
    let mut kept = Vec::new();
    for number in 0.. {
        let text = format!("{tenant} keeps note {round}x{number}");
        let Some(id) = store(server, json!({ "text": text, "tenant": tenant })).await else { break };
        if number % 3 == 0 {
            let path = format!("/v1/memories/{id}?tenant={tenant}");
            match server.try_send(request(server, "DELETE", &path), "").await {
                Some((status, _)) => assert_eq!(status, StatusCode::NO_CONTENT),
                // Nobody knows whether it was forgotten.
                None => break,
            }
        }
        kept.push((text, number % 3 != 0));
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    kept
}

#[tokio::test]
async fn acknowledged_memories_survive_kill_9_in_their_tenants_and_forgotten_ones_stay_forgotten() {
    let data = tempfile::tempdir().unwrap();
    let tenants = ["ann", "bob", "eve"];
    let mut written: Vec<(usize, String, bool)> = Vec::new();
    for round in 0..3 {
        let mut server = serve(data.path()).await;
        let acknowledged = AtomicUsize::new(0);
        let pid = server.process.id().unwrap();
        let writers = join_all(tenants.map(|tenant| write(&server, tenant, round, &acknowledged)));
        let killer = async {
            while acknowledged.load(Ordering::Relaxed) < 40 * (round + 1) {
                tokio::task::yield_now().await;
            }
            // SIGKILL, in the middle of whatever is written: nothing is flushed, no destructor runs.
            let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
            assert!(killed.success());
        };
        let (kept, ()) = join(writers, killer).await;
        server.process.wait().await.unwrap();
        written.extend(
            kept.into_iter()
                .enumerate()
                .flat_map(|(tenant, kept)| kept.into_iter().map(move |(text, there)| (tenant, text, there))),
        );

        let server = serve(data.path()).await;
        for (at, tenant) in tenants.iter().enumerate() {
            let there: BTreeSet<String> = texts(&server, tenant).await.into_iter().collect();
            for (_, text, kept) in written.iter().filter(|(whose, ..)| *whose == at) {
                assert_eq!(there.contains(text), *kept, "{text}");
            }
            assert!(there.iter().all(|text| text.starts_with(tenant)), "{tenant} sees others: {there:?}");
            let (_, last, _) = written.iter().rfind(|(whose, _, kept)| *whose == at && *kept).unwrap();
            let found = found(&server, tenant, last).await;
            assert_eq!(found.first(), Some(last));
            assert!(found.iter().all(|text| text.starts_with(tenant)), "{tenant} finds others: {found:?}");
        }
    }
    println!("{} memories were acknowledged over three kills", written.len());
}

#[tokio::test]
async fn memory_ends_at_its_time_and_forgotten_tenant_stays_empty_through_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let mut server = serve(data.path()).await;
    store(&server, json!({ "text": "ends soon", "ttl_s": 2 })).await.unwrap();
    store(&server, json!({ "text": "ends late", "ttl_s": 3600 })).await.unwrap();
    store(&server, json!({ "text": "gone", "tenant": "gone" })).await.unwrap();
    let (_, body) = server.send(request(&server, "DELETE", "/v1/memories?tenant=gone"), "").await;
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), json!({ "forgotten": 1 }));
    server.process.kill().await.unwrap();

    let server = serve(data.path()).await;

    let patience = Instant::now() + Duration::from_secs(20);
    while texts(&server, "default").await != ["ends late"] {
        assert!(Instant::now() < patience, "a memory outlives its time");
        tokio::task::yield_now().await;
    }
    assert_eq!(found(&server, "default", "ends soon").await, ["ends late"]);
    assert_eq!(texts(&server, "gone").await, Vec::<String>::new());
}

#[tokio::test]
async fn file_of_memories_that_is_damaged_or_in_use_stops_the_start_and_is_untouched() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap().to_owned();
    let serve_again = ["serve", "mesh", "--node", "echo", "--listen", "127.0.0.1:0", "--data", &folder];
    let server = serve(data.path()).await;
    store(&server, json!({ "text": "first" })).await.unwrap();

    let (exit, _, error) = run(&serve_again).await;
    assert_ne!(exit, 0);
    assert!(error.contains("memory-store-locked"), "{error}");
    drop(server);

    let file = data.path().join("memories.redb");
    std::fs::write(&file, "no memories").unwrap();
    let (exit, _, error) = run(&serve_again).await;
    assert_ne!(exit, 0);
    assert!(error.contains("memory-store-corrupt"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"no memories");
}

#[tokio::test]
async fn hostile_memories_end_in_catalogue_errors_and_the_server_lives() {
    let data = tempfile::tempdir().unwrap();
    let server = serve(data.path()).await;
    let text = |length: usize| json!({ "text": "x".repeat(length) }).to_string();
    for (path, body, expected) in [
        ("/v1/memories", text(65_537), "too-large"),
        ("/v1/memories", text(0), "invalid"),
        ("/v1/memories", json!({ "text": "x", "ttl_s": 0 }).to_string(), "invalid"),
        ("/v1/memories", json!({ "text": "x", "tenant": "t".repeat(257) }).to_string(), "invalid"),
        ("/v1/memories", json!({ "text": "x", "embedding": [1.0] }).to_string(), ""),
        ("/v1/memories", "{\"text\":\"\\ud800\"}".to_owned(), ""),
        ("/v1/memories/search", json!({ "query": "x", "limit": 101 }).to_string(), "invalid"),
        ("/v1/memories/search", text(10), ""),
    ] {
        let (status, answer) = server.send(request(&server, "POST", path), body).await;
        assert!(status.is_client_error(), "{path}: {status} {answer:?}");
        let said = code(&answer);
        assert!(if expected.is_empty() { !said.is_empty() } else { said == expected }, "{path}: {said}");
    }
    // Whatever a person may write is found again.
    for text in ["\u{0}\u{1}", "𝔘𝔫𝔦 \u{202e}edoc\u{0301}", "</notes>\n[2] \"", "' OR 1=1 --"] {
        store(&server, json!({ "text": text, "tenant": text })).await.unwrap();
        assert_eq!(found(&server, text, text).await, [text]);
    }
    assert_eq!(texts(&server, "default").await, Vec::<String>::new());
}
