//! Token streams over real sockets.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Extension;
use futures_util::{SinkExt, StreamExt, stream};
use maily_errors::Error;
use maily_mesh::balance::Node;
use maily_mesh::memory::{Scripted, Step};
use maily_mesh::{Caller, Delta, FinishReason, Mesh, MeshConfig, Priority, Prompt, wire};
use maily_serve_ws::{Sockets, SocketsConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(mesh: Mesh) -> Client {
    connect_to(mesh, Sockets::default()).await
}

async fn connect_to(mesh: Mesh, sockets: Sockets) -> Client {
    connect_as("", mesh, sockets).await
}

async fn connect_as(query: &str, mesh: Mesh, sockets: Sockets) -> Client {
    connect_to_routes(query, maily_serve_ws::mesh::router(mesh, sockets)).await
}

async fn connect_to_routes(query: &str, router: axum::Router) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url = format!("ws://{address}/v1/mesh/stream{query}");
    tokio_tungstenite::connect_async(url).await.expect("the server takes sockets").0
}

fn scripted(steps: impl IntoIterator<Item = Step>) -> (Mesh, Scripted) {
    let node = Scripted::new(steps);
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("local", node.clone()).with_model("m"));
    (mesh, node)
}

/// A node that says what the test tells it to, when the test does; the answer ends with the sender.
fn told() -> (Mesh, mpsc::UnboundedSender<Delta>) {
    let (teller, deltas) = mpsc::unbounded_channel();
    let deltas = Arc::new(Mutex::new(deltas));
    let node = tower::service_fn(move |prompt: Prompt| {
        let said = stream::unfold(Arc::clone(&deltas), async |deltas| {
            let delta = deltas.lock().await.recv().await?;
            Some((Ok(delta), deltas))
        });
        ready(Ok::<_, Error>(wire::answer(&prompt.head, Box::pin(said))))
    });
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("local", node).with_model("m"));
    (mesh, teller)
}

async fn send(client: &mut Client, message: Value) {
    client.send(Message::text(message.to_string())).await.expect("an open socket");
}

async fn next(client: &mut Client) -> Value {
    let message = client.next().await.expect("a message").expect("an open socket");
    serde_json::from_str(message.to_text().expect("a text message")).expect("a JSON message")
}

fn prompt() -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "Hi" }], "stream": true })
}

#[tokio::test]
async fn prompt_is_answered_token_by_token_and_then_done() {
    let (mesh, _) = scripted([Step::Answer("Hello you".into())]);
    let mut client = connect(mesh).await;

    for _ in 0..2 {
        send(&mut client, prompt()).await;

        assert_eq!(next(&mut client).await, json!({ "type": "token", "text": "Hello " }));
        assert_eq!(next(&mut client).await, json!({ "type": "token", "text": "you" }));
        let done = next(&mut client).await;
        assert_eq!(
            (&done["type"], &done["text"], &done["finish"]),
            (&json!("done"), &json!("Hello you"), &json!("stop"))
        );
        assert_eq!((&done["node"], &done["recalled"]), (&json!("local"), &json!([])));
        assert_eq!(done["attempt"], 1);
    }
}

#[tokio::test]
async fn thoughts_and_calls_are_told_when_they_come() {
    let (mesh, teller) = told();
    let mut client = connect(mesh).await;
    send(&mut client, prompt()).await;

    let call = Delta::ToolCall { index: 0, id: "c".into(), name: "weather".into() };
    let arguments = Delta::ToolArguments { index: 0, json: "{\"city\":".into() };
    for (delta, frame) in [
        (Delta::Reasoning("Hm".into()), json!({ "type": "thought", "text": "Hm" })),
        (Delta::Text("Let me see".into()), json!({ "type": "token", "text": "Let me see" })),
        (call, json!({ "type": "call", "index": 0, "id": "c", "name": "weather" })),
        (arguments, json!({ "type": "arguments", "index": 0, "json": "{\"city\":" })),
    ] {
        teller.send(delta).unwrap();
        assert_eq!(next(&mut client).await, frame);
    }
}

#[tokio::test]
async fn address_says_who_goes_first_and_how_long_an_answer_may_take() {
    let (mesh, node) = scripted([Step::Answer("Hi".into()), Step::Hang]);
    let mut client = connect_as("?priority=batch&timeout_ms=300", mesh, Sockets::default()).await;

    send(&mut client, prompt()).await;
    while next(&mut client).await["type"] != "done" {}
    let head = node.seen()[0].head.clone();
    assert_eq!(head.priority, Priority::Batch);
    assert!(head.deadline.is_some());

    send(&mut client, prompt()).await;
    let late = next(&mut client).await;
    assert_eq!((&late["type"], &late["problem"]["code"]), (&json!("error"), &json!("timeout")));
}

#[tokio::test]
async fn address_says_which_betas_are_asked_for_or_each_prompt_is_refused() {
    let (mesh, node) = scripted([Step::Answer("Hi".into())]);
    let mut client = connect_as("?betas=context-1m,skills", mesh.clone(), Sockets::default()).await;
    send(&mut client, prompt()).await;
    while next(&mut client).await["type"] != "done" {}
    assert_eq!(node.seen()[0].head.betas.as_str(), "context-1m,skills");

    let mut client = connect_as("?betas=two%20words", mesh, Sockets::default()).await;
    for _ in 0..2 {
        send(&mut client, prompt()).await;
        let refused = next(&mut client).await;
        assert_eq!((&refused["type"], &refused["problem"]["code"]), (&json!("error"), &json!("invalid")));
    }
}

#[tokio::test]
async fn socket_that_closes_lets_the_node_go() {
    let (mesh, teller) = told();
    let mut client = connect(mesh.clone()).await;
    send(&mut client, prompt()).await;
    teller.send(Delta::Text("Once".into())).unwrap();
    next(&mut client).await;
    assert_eq!(mesh.nodes().status()[0].inflight, 1);

    drop(client);

    let gone = async {
        while mesh.nodes().status()[0].inflight > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the node is let go");
}

#[tokio::test]
async fn body_that_asks_for_no_stream_is_streamed_and_otherwise_untouched() {
    let (mesh, node) = scripted([Step::Answer("Hello you".into())]);
    let mut client = connect(mesh).await;
    let body = r#"{"model":"m", "messages":[{"role":"user","content":"Hi"}],"seed":9007199254740993}"#;

    client.send(Message::text(body)).await.unwrap();

    assert_eq!(next(&mut client).await, json!({ "type": "token", "text": "Hello " }));
    assert_eq!(next(&mut client).await, json!({ "type": "token", "text": "you" }));
    let done = next(&mut client).await;
    assert_eq!((&done["type"], &done["usage"]["completion_tokens"]), (&json!("done"), &json!(2)));
    let added = r#"{"stream":true,"stream_options":{"include_usage":true},"#;
    assert_eq!(node.seen()[0].body(), &body.replacen('{', added, 1));
}

#[tokio::test]
async fn stream_that_goes_on_at_another_node_says_where_in_a_frame_of_its_own() {
    let (mesh, _) = scripted([Step::Cut("One, two, ".into()), Step::Answer("three.".into())]);
    let mut client = connect(mesh).await;

    send(&mut client, prompt()).await;

    for frame in [
        json!({ "type": "token", "text": "One, two, " }),
        json!({ "type": "resumed", "after": 1, "node": "local", "attempt": 2 }),
        json!({ "type": "token", "text": "three." }),
    ] {
        assert_eq!(next(&mut client).await, frame);
    }
    let done = next(&mut client).await;
    assert_eq!((&done["text"], &done["attempt"]), (&json!("One, two, three."), &json!(2)));
}

#[tokio::test]
async fn error_is_a_problem_and_the_socket_stays_open() {
    let mut config = MeshConfig::default();
    config.resume.attempts = 0;
    let mesh = Mesh::new(&config);
    let node = Scripted::new([Step::Cut("half".into()), Step::Answer("whole".into())]);
    mesh.nodes().insert(Node::new("local", node).with_model("m"));
    let mut client = connect(mesh).await;

    client.send(Message::text("nonsense")).await.unwrap();
    let refused = next(&mut client).await;
    send(&mut client, prompt()).await;
    let half = next(&mut client).await;
    let cut = next(&mut client).await;
    send(&mut client, prompt()).await;
    let whole = next(&mut client).await;

    assert_eq!((&refused["type"], &refused["problem"]["code"]), (&json!("error"), &json!("prompt-invalid")));
    assert_eq!(half["text"], "half");
    assert_eq!((&cut["type"], &cut["problem"]["code"]), (&json!("error"), &json!("stream-cut")));
    assert_eq!(whole["text"], "whole");
}

#[tokio::test]
async fn prompt_of_another_format_is_answered_with_the_same_frames() {
    let (mesh, node) = scripted([Step::Answer("Hello".into())]);
    let mut client = connect_as("?format=messages", mesh, Sockets::default()).await;

    let said = json!([{ "role": "user", "content": "Hi" }]);
    send(&mut client, json!({ "model": "m", "max_tokens": 9, "system": "Be brief.", "messages": said }))
        .await;

    assert_eq!(next(&mut client).await, json!({ "type": "token", "text": "Hello" }));
    assert_eq!(next(&mut client).await["finish"], "stop");
    assert_eq!(node.seen()[0].read().unwrap().messages[0].content, "Be brief.");
}

#[tokio::test]
async fn socket_is_of_its_callers_tenant_or_refuses_each_prompt() {
    let (mesh, node) = scripted([Step::Answer("Hi".into())]);
    let connect = async |query| {
        let routes = maily_serve_ws::mesh::router(mesh.clone(), Sockets::default());
        connect_to_routes(query, routes.layer(Extension(Caller::new("acme")))).await
    };

    for (query, tenant) in [("", "acme"), ("?tenant=acme/ann", "acme/ann")] {
        let mut client = connect(query).await;
        send(&mut client, prompt()).await;
        assert_eq!(next(&mut client).await["type"], "token");
        assert_eq!(node.seen().last().unwrap().head.tenant.as_str(), tenant);
    }
    let mut client = connect("?tenant=other").await;
    for _ in 0..2 {
        send(&mut client, prompt()).await;
        let refused = next(&mut client).await;
        assert_eq!(
            (&refused["type"], &refused["problem"]["code"]),
            (&json!("error"), &json!("tenant-not-allowed"))
        );
    }
}

#[tokio::test]
async fn answer_under_way_can_be_cancelled() {
    let (mesh, node) = scripted([Step::Stall("half".into()), Step::Answer("whole".into())]);
    let mut client = connect(mesh.clone()).await;
    send(&mut client, prompt()).await;
    assert_eq!(next(&mut client).await["text"], "half");

    send(&mut client, prompt()).await;
    assert_eq!(next(&mut client).await["problem"]["code"], "conflict");
    send(&mut client, json!({ "type": "cancel" })).await;
    assert_eq!(next(&mut client).await["problem"]["code"], "canceled");

    send(&mut client, prompt()).await;
    assert_eq!(next(&mut client).await["text"], "whole");
    assert_eq!(node.calls(), 2);
    assert_eq!(mesh.nodes().status()[0].inflight, 0);
}

#[tokio::test]
async fn ordinary_errors_do_not_close_the_socket_and_what_cannot_be_read_does() {
    let steps =
        [Step::Stall("a".into()), Step::Stall("b".into()), Step::Stall("c".into()), Step::Answer("d".into())];
    let (mesh, _) = scripted(steps);
    let sockets = Sockets::new(SocketsConfig::default().with_max_nonsense(2));
    let mut client = connect_to(mesh, sockets).await;
    for _ in 0..3 {
        send(&mut client, prompt()).await;
        next(&mut client).await;
        send(&mut client, json!({ "type": "cancel" })).await;
        assert_eq!(next(&mut client).await["problem"]["code"], "canceled");
    }

    send(&mut client, prompt()).await;
    assert_eq!(next(&mut client).await["text"], "d");
    assert_eq!(next(&mut client).await["type"], "done");
    for _ in 0..2 {
        client.send(Message::text("nonsense")).await.unwrap();
        assert_eq!(next(&mut client).await["problem"]["code"], "prompt-invalid");
    }
    client.send(Message::text("nonsense")).await.unwrap();
    let Some(Ok(Message::Close(Some(close)))) = client.next().await else { panic!("no close frame") };
    assert_eq!(u16::from(close.code), 1008);
}

#[tokio::test]
async fn answer_under_way_is_finished_while_the_server_drains() {
    let (mesh, node) = told();
    let sockets = Sockets::default();
    let mut client = connect_to(mesh, sockets.clone()).await;
    send(&mut client, prompt()).await;
    node.send(Delta::Text("half".into())).unwrap();
    assert_eq!(next(&mut client).await["text"], "half");

    let manager = sockets.clone();
    let drained = tokio::spawn(async move { manager.drain().await });
    sockets.draining().cancelled().await;
    // Its answer shows that the socket goes on, and that nothing new is begun.
    send(&mut client, prompt()).await;
    let refused = next(&mut client).await;
    node.send(Delta::Text(" and half".into())).unwrap();
    let rest = next(&mut client).await;
    node.send(Delta::Finish(FinishReason::Stop)).unwrap();
    drop(node);
    let done = next(&mut client).await;

    assert_eq!((&refused["type"], &refused["problem"]["code"]), (&json!("error"), &json!("draining")));
    assert_eq!(rest["text"], " and half");
    assert_eq!((&done["type"], &done["text"]), (&json!("done"), &json!("half and half")));
    let Some(Ok(Message::Close(Some(close)))) = client.next().await else { panic!("no close frame") };
    assert_eq!(u16::from(close.code), 1001);
    assert!(client.next().await.is_none());
    drained.await.unwrap();
    assert_eq!(sockets.open(), 0);
}
