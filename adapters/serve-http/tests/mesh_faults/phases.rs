//! Every phase of an answer has a limit of its own; a node that is silent in it is left, and the error names the phase.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use maily_errors::{Code, Error, Value};
use maily_mesh::{Mesh, Message, Prompt, Registry};
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::{Act, Reading, Scripted, Then, WORDS, config, mesh, prompt, serve};

/// Asks a mesh until the answer is whole, or fails.
async fn answer(mesh: &Mesh, prompt: Prompt) -> Result<String, Error> {
    mesh.complete(prompt).await?.into_text().await
}

fn names(err: &Error, phase: &'static str) -> bool {
    let phase = Value::from(phase);
    err.public_context().any(|(key, value)| key == "phase" && *value == phase)
}

#[tokio::test]
async fn silent_node_is_a_timeout_that_names_the_phase() {
    let slow = Act::Stream { pause: Duration::from_millis(100) };
    for (phase, act, limit, limit_ms, stream) in [
        ("headers", Act::Silent, "headers_ms", 200, true),
        ("first token", Act::After(0, Then::Silence), "first_token_ms", 300, true),
        ("first token", Act::After(0, Then::Pings), "first_token_ms", 300, true),
        ("between tokens", Act::After(2, Then::Silence), "between_ms", 200, true),
        ("between tokens", Act::After(2, Then::Pings), "between_ms", 200, true),
        ("whole answer", Act::Silent, "whole_ms", 200, false),
        ("total", Act::Silent, "total_ms", 250, true),
        ("total", Act::Silent, "total_ms", 250, false),
        ("total", slow, "total_ms", 350, true),
    ] {
        let node = Scripted::start([act]).await;
        let settings = json!({
            "deadline": { limit: limit_ms }, "hedge": { "enabled": false },
            "retry": { "attempts": 1 }, "resume": { "attempts": 0 },
        });
        let mesh = mesh(&config(settings), &[&node]);
        let start = Instant::now();

        let asked = Prompt::chat("m", &[Message::user("Count")], stream).unwrap();
        let err = answer(&mesh, asked).await.unwrap_err();

        let took = start.elapsed();
        println!("{phase}: limit of {limit_ms} ms, left after {took:?}");
        assert_eq!(err.code(), Code::Timeout, "{phase}: {err:?}");
        assert!(names(&err, phase), "{phase}: {err:?}");
        // Never before; how soon after is the machine's affair, and the other limits are far away.
        assert!(
            took >= Duration::from_millis(limit_ms) && took < Duration::from_secs(20),
            "{phase}: {took:?}"
        );
        node.left().await;
    }
}

/// Nodes that no connection is made to: one that says nothing to a handshake of TLS, and one whose queue of connections
/// is full. What is returned with the URL keeps it so.
async fn unconnectable() -> Vec<(String, Vec<TcpStream>, TcpListener)> {
    let mut all = Vec::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    all.push((
        format!("https://{}/v1", listener.local_addr().expect("a bound socket has an address")),
        Vec::new(),
        listener,
    ));
    // Others refuse what does not fit, or let it in.
    if cfg!(target_os = "linux") {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let listener = socket.listen(1).expect("a bound socket");
        let address = listener.local_addr().expect("a bound socket has an address");
        // Linux queues one more than asked.
        let queued = vec![
            TcpStream::connect(address).await.expect("the first is queued"),
            TcpStream::connect(address).await.expect("the second too"),
        ];
        all.push((format!("http://{address}/v1"), queued, listener));
    }
    all
}

#[tokio::test]
async fn node_that_is_not_connected_to_in_time_is_left_and_another_one_answers() {
    for (url, _queued, _listener) in unconnectable().await {
        let well = Scripted::start([Act::Stream { pause: Duration::ZERO }]).await;
        let connect = |nodes: serde_json::Value, attempts: u32| {
            let settings = config(json!({
                "nodes": nodes, "deadline": { "connect_ms": 200 }, "hedge": { "enabled": false },
                "retry": { "attempts": attempts },
            }));
            let mut registry = Registry::default();
            maily_llm_openai::register(&mut registry);
            let mesh = Mesh::new(&settings);
            mesh.connect(&settings, &registry).expect("both nodes can be built");
            mesh
        };
        let deaf = json!({ "name": "deaf", "url": url });

        let start = Instant::now();
        let alone = connect(json!([deaf]), 1);
        let asked = Prompt::chat("m", &[Message::user("Count")], true)
            .unwrap()
            .with_deadline(tokio::time::Instant::now() + Duration::from_secs(60));
        let err = answer(&alone, asked).await.unwrap_err();
        let took = start.elapsed();
        let pair = connect(json!([deaf, { "name": "well", "url": well.url() }]), 3);
        let failures = || {
            let status = pair.nodes().status();
            status.iter().find(|node| node.name.as_str() == "deaf").expect("it is there").failures
        };
        while failures() == 0 {
            let asked = Prompt::chat("m", &[Message::user("Count")], true).unwrap();
            assert_eq!(answer(&pair, asked).await.unwrap(), WORDS.concat());
        }

        println!("{url}: limit of 200 ms to connect, given up after {took:?}");
        assert_eq!(err.code(), Code::NodeUnreachable, "{err:?}");
        assert!(names(&err, "connect"), "{err:?}");
        assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(20), "{took:?}");
    }
}

#[tokio::test]
async fn stream_that_outlasts_the_total_ends_with_an_error_and_never_done() {
    let node = Scripted::start([Act::Stream { pause: Duration::from_millis(100) }]).await;
    let settings = json!({ "deadline": { "total_ms": 350 }, "hedge": { "enabled": false } });
    let address = serve(mesh(&config(settings), &[&node])).await;

    let (text, raw) = Reading::begin(&address, "", &prompt(true)).await.text().await;

    assert!(WORDS.concat().starts_with(&text) && text != WORDS.concat(), "{raw}");
    assert!(raw.contains("data: {\"error\":") || raw.starts_with("HTTP/1.0 504"), "{raw}");
    assert!(!raw.contains("[DONE]"), "{raw}");
    node.left().await;
    assert_eq!(node.calls(), 1, "no time is left for another attempt");
}
