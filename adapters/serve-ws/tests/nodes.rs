//! The live nodes over real sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use maily_mesh::balance::Node;
use maily_mesh::memory::{LocalGossip, Scripted, Step};
use maily_mesh::{Mesh, MeshConfig, Prompt};
use maily_serve_ws::Sockets;
use maily_serve_ws::nodes::Live;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(live: impl Into<Live>) -> Client {
    let router = maily_serve_ws::nodes::router(live, Sockets::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("ws://{address}/v1/nodes/live");
    tokio_tungstenite::connect_async(url).await.expect("the server takes sockets").0
}

async fn next(client: &mut Client) -> Value {
    let message = timeout(Duration::from_secs(10), client.next()).await.expect("a message in time");
    let message = message.expect("a message").expect("an open socket");
    serde_json::from_str(message.to_text().expect("a text message")).expect("a JSON message")
}

fn mesh() -> Mesh {
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("local", Scripted::new([Step::Answer("Hi".into())])).with_zone("a"));
    mesh
}

#[tokio::test]
async fn nodes_are_told_at_once_and_on_every_change() {
    let mesh = mesh();
    let mut client = connect(mesh.nodes().clone()).await;

    let first = next(&mut client).await;
    assert_eq!((&first["type"], &first["seq"]), (&"nodes".into(), &1.into()));
    let node = &first["nodes"][0];
    assert_eq!(
        (&node["name"], &node["zone"], &node["breaker"]),
        (&"local".into(), &"a".into(), &"closed".into())
    );
    assert_eq!((&node["prompts"], &node["available"]), (&0.into(), &true.into()));
    assert_eq!((&node["source"], &node["first_byte"]["count"]), (&"static".into(), &0.into()));

    mesh.complete(Prompt::text("m", "Hi").unwrap()).await.unwrap().into_text().await.unwrap();
    let asked = next(&mut client).await;
    assert_eq!((&asked["seq"], &asked["nodes"][0]["prompts"]), (&2.into(), &1.into()));
    assert_eq!(asked["nodes"][0]["share"], 1.0);
    for times in ["first_byte", "duration"] {
        assert_eq!(asked["nodes"][0][times]["count"], 1, "{times}");
    }

    mesh.nodes().drain("local");
    let drained = next(&mut client).await;
    assert_eq!(
        (&drained["nodes"][0]["draining"], &drained["nodes"][0]["available"]),
        (&true.into(), &false.into())
    );

    mesh.nodes().remove("local");
    assert_eq!(next(&mut client).await["nodes"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn other_instances_are_told_beside_the_nodes() {
    let east = LocalGossip::new("east");
    let west = east.join("west");
    let mut client = connect(Live::from(mesh().nodes().clone()).with_gossip(Arc::new(east))).await;

    let first = next(&mut client).await;
    assert_eq!((&first["instance"], &first["peers"][0]["name"]), (&"east".into(), &"west".into()));
    assert_eq!(first["peers"][0]["status"], "alive");

    let _north = west.join("north");
    assert_eq!(next(&mut client).await["peers"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn changes_are_told_at_most_four_times_a_second() {
    let mesh = mesh();
    let mut client = connect(mesh.nodes().clone()).await;
    next(&mut client).await;

    let (start, mut told, mut last) = (Instant::now(), 0_u32, Value::Null);
    for _ in 0..3 {
        for _ in 0..50 {
            mesh.complete(Prompt::text("m", "Hi").unwrap()).await.unwrap().into_text().await.unwrap();
        }
        last = next(&mut client).await;
        told += 1;
    }

    // The first message left just before the clock was looked at.
    assert!(start.elapsed() >= Duration::from_millis(250) * (told - 1), "{told} in {:?}", start.elapsed());
    assert_eq!(last["seq"], u64::from(told) + 1);
}

#[tokio::test]
async fn client_that_speaks_is_told_that_nobody_listens() {
    let mut client = connect(mesh().nodes().clone()).await;
    next(&mut client).await;

    client.send(Message::text("hello")).await.unwrap();

    let answer = next(&mut client).await;
    assert_eq!((&answer["type"], &answer["problem"]["code"]), (&"error".into(), &"socket-message".into()));
}
