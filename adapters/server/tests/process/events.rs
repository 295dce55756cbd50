//! Events of `maily serve analytics`, through a kill -9.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Maily, run};

fn event(id: &str) -> Vec<u8> {
    let event = json!({
        "source": "shop", "id": id, "type": "delivered", "time": jiff::Timestamp::now(),
        "recipient": "ann@example.org", "message": "m1", "campaign": "spring",
    });
    json!({ "events": [event] }).to_string().into_bytes()
}

async fn post(server: &Maily, events: Vec<u8>) -> Value {
    let request = http::Request::post(server.url("/v1/analytics/events"));
    let (status, body) = server.send(request.header("content-type", "application/json"), events).await;
    assert_eq!(status, StatusCode::OK, "{body:?}");
    serde_json::from_slice(&body).unwrap()
}

async fn delivered(server: &Maily) -> Vec<Value> {
    let (_, body) = server.get("/v1/analytics/windows?campaign=spring").await;
    let snapshot: Value = serde_json::from_slice(&body).unwrap();
    snapshot["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|window| window["counts"]["delivered"].clone())
        .collect()
}

#[tokio::test]
async fn acknowledged_event_survives_kill_9_and_counts_once() {
    let data = tempfile::tempdir().unwrap();
    let event = event("7");
    let mut server = Maily::serve("analytics", data.path(), &[]).await;
    assert_eq!(post(&server, event.clone()).await, json!({ "accepted": 1, "duplicates": 0 }));
    // SIGKILL: nothing is flushed, no destructor runs.
    server.process.kill().await.unwrap();

    let server = Maily::serve("analytics", data.path(), &[]).await;

    assert_eq!(delivered(&server).await, [1]);
    assert_eq!(post(&server, event).await, json!({ "accepted": 0, "duplicates": 1 }));
    assert_eq!(delivered(&server).await, [1]);
}

#[tokio::test]
async fn event_log_that_is_damaged_stops_the_start_and_is_untouched() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("events.redb");
    std::fs::write(&file, "no log").unwrap();
    let folder = data.path().to_str().unwrap();

    let (exit, _, error) = run(&["serve", "analytics", "--listen", "127.0.0.1:0", "--data", folder]).await;

    assert_ne!(exit, 0);
    assert!(error.contains("events-store-corrupt"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"no log");
}
