//! The live windows over real sockets.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use maily_analytics::{Analytics, AnalyticsConfig, Event};
use maily_serve_ws::Sockets;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn serve() -> (Analytics, Sockets, SocketAddr) {
    let analytics = Analytics::in_memory(&AnalyticsConfig::default()).expect("the settings are in range");
    let sockets = Sockets::default();
    let router = maily_serve_ws::analytics::router(analytics.clone(), sockets.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (analytics, sockets, address)
}

async fn connect(address: SocketAddr, query: &str) -> Client {
    let url = format!("ws://{address}/v1/analytics/live{query}");
    tokio_tungstenite::connect_async(url).await.expect("the server takes sockets").0
}

async fn next(client: &mut Client) -> Value {
    let message = client.next().await.expect("a message").expect("an open socket");
    serde_json::from_str(message.to_text().expect("a text message")).expect("a JSON message")
}

fn event(id: u32, kind: &str) -> Event {
    let event = json!({"source": "s", "id": id.to_string(), "type": kind, "time": "2026-01-05T10:00:00Z",
        "recipient": "a@b.c", "message": "m"});
    serde_json::from_value(event).expect("the value above is an event")
}

#[tokio::test]
async fn client_sees_a_snapshot_and_then_updates_with_their_band() {
    let (analytics, _sockets, address) = serve().await;
    analytics.ingest(vec![event(1, "delivered")]).await.unwrap();
    let mut client = connect(address, "").await;

    let snapshot = next(&mut client).await;
    analytics.ingest(vec![event(2, "open")]).await.unwrap();
    let update = next(&mut client).await;

    assert_eq!((&snapshot["type"], &snapshot["seq"]), (&json!("snapshot"), &json!(1)));
    assert_eq!((&update["type"], &update["seq"]), (&json!("update"), &json!(2)));
    let rate = &update["window"]["open_rate"];
    assert_eq!((&rate["value"], &rate["of"]), (&json!(1.0), &json!(1)));
    assert!(rate["low"].as_f64().unwrap() < 0.3);
}

#[tokio::test]
async fn client_that_was_cut_off_goes_on_without_a_gap() {
    let (analytics, _sockets, address) = serve().await;
    let mut client = connect(address, "").await;
    let epoch = next(&mut client).await["epoch"].as_str().unwrap().to_owned();
    analytics.ingest(vec![event(1, "open")]).await.unwrap();
    let seen = next(&mut client).await["seq"].as_u64().unwrap();
    drop(client);
    for id in 2..5 {
        analytics.ingest(vec![event(id, "open")]).await.unwrap();
    }

    let mut again = connect(address, &format!("?after={seen}&epoch={epoch}")).await;
    let mut seqs = Vec::new();
    for _ in 0..3 {
        seqs.push(next(&mut again).await["seq"].as_u64().unwrap());
    }

    assert_eq!(seqs, [seen + 1, seen + 2, seen + 3]);
}

#[tokio::test]
async fn client_of_another_run_gets_a_snapshot() {
    let (analytics, _sockets, address) = serve().await;
    analytics.ingest(vec![event(1, "open")]).await.unwrap();

    let mut client = connect(address, "?after=1&epoch=00000000-0000-0000-0000-000000000000").await;

    assert_eq!(next(&mut client).await["type"], "snapshot");
}

#[tokio::test]
async fn nonsense_is_answered_and_the_socket_stays_open() {
    let (analytics, _sockets, address) = serve().await;
    let mut client = connect(address, "").await;
    next(&mut client).await;

    client.send(Message::text("hello?")).await.unwrap();
    let answer = next(&mut client).await;
    analytics.ingest(vec![event(1, "open")]).await.unwrap();

    assert_eq!(answer["problem"]["code"], "socket-message");
    assert_eq!(next(&mut client).await["type"], "update");
}

#[tokio::test]
async fn cursor_that_is_no_number_is_refused() {
    let (_analytics, _sockets, address) = serve().await;

    let refused =
        tokio_tungstenite::connect_async(format!("ws://{address}/v1/analytics/live?after=soon")).await;

    assert!(refused.is_err());
}
