//! The routes of the mesh, over real sockets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use maily_errors::{Code, TraceContext};
use maily_llm_echo::EchoConfig;
use maily_mesh::balance::Node;
use maily_mesh::memory::{HashEmbedder, Scripted, Step};
use maily_mesh::recall::Memories;
use maily_mesh::source::{LeaseRules, Leases};
use maily_mesh::{AnyEmbed, Body, Completion, Format, Formats, Mesh, MeshConfig, Message, Prompt, Registry};
use maily_serve_http::mesh::{MeshState, router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came back: the head as text, the body as it is on the wire.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Serves a mesh until the test's runtime ends, and returns its address.
async fn serve(state: MeshState) -> String {
    let app: axum::Router = router(state).into();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address").to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn send(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    let length = body.len();
    // HTTP/1.0, so that a body of one piece comes without chunks.
    let head = format!("{method} {path} HTTP/1.0\r\nhost: test\r\ncontent-length: {length}\r\n{headers}\r\n");
    socket.write_all((head + body).as_bytes()).await.expect("an open connection");
    let mut answer = String::new();
    // A connection that breaks is part of what is looked at.
    let _ = socket.read_to_string(&mut answer).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("the answer has a head");
    Answer { head: head.to_lowercase(), body: body.to_owned() }
}

fn echo() -> Mesh {
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("local", EchoConfig::default().build()).with_model("org/small"));
    mesh
}

fn scripted(step: Step) -> (Mesh, Scripted) {
    let node = Scripted::new([step]);
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("n", node.clone()));
    (mesh, node)
}

fn body(model: &str, text: &str, stream: bool) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": text }], "stream": stream }).to_string()
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn chat_answers_as_json_and_as_events() {
    let address = serve(MeshState::new(echo())).await;

    let whole = send(&address, "POST", CHAT, "", &body("default", "Hello you", false)).await;
    let events = send(&address, "POST", CHAT, "", &body("org/small", "Hello you", true)).await;

    assert!(whole.head.contains("content-type: application/json"));
    assert!(whole.head.contains("x-maily-node: local"));
    assert_eq!(whole.json()["choices"][0]["message"]["content"], "Hello you");
    assert!(events.head.contains("content-type: text/event-stream"));
    assert!(events.body.starts_with("data: {") && events.body.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn answer_says_which_attempt_it_is_of_unless_it_comes_from_memory() {
    let config = json!({ "cache": { "enabled": true, "which": "all" } });
    let mesh = Mesh::new(&serde_json::from_value(config).unwrap());
    let fail = || Step::Fail(Code::NodeFailed);
    let node = Scripted::new([fail(), fail(), Step::Answer("Hi".into())]);
    mesh.nodes().insert(Node::new("n", node.clone()));
    let address = serve(MeshState::new(mesh)).await;

    let third = send(&address, "POST", CHAT, "", &body("m", "Hi", false)).await;
    let again = send(&address, "POST", CHAT, "", &body("m", "Hi", false)).await;
    let first = send(&address, "POST", CHAT, "", &body("m", "Ho", true)).await;

    assert!(third.head.contains("x-maily-attempt: 3"), "{}", third.head);
    assert!(
        again.head.contains("x-maily-cache: hit") && !again.head.contains("x-maily-attempt"),
        "{}",
        again.head
    );
    assert!(first.head.contains("x-maily-attempt: 1"), "{}", first.head);
}

#[tokio::test]
async fn stream_that_fails_ends_with_an_error_and_no_done() {
    let (mesh, _) = scripted(Step::Cut("half".into()));
    let address = serve(MeshState::new(mesh)).await;
    let mut socket = TcpStream::connect(&address).await.unwrap();
    let body = body("m", "Hi", true);
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", body.len());

    socket.write_all((head + &body).as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;

    assert!(answer.contains("half"));
    assert!(answer.contains(r#"data: {"error":{"code":"stream-cut""#), "{answer}");
    assert!(!answer.contains("[DONE]"));
    // The last chunk of a whole body is empty; this one breaks off.
    assert!(!answer.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn failed_call_is_a_problem_that_openai_clients_read() {
    let address = serve(MeshState::new(echo())).await;

    let unknown = send(&address, "POST", CHAT, "", &body("other", "Hi", true)).await;
    let nonsense = send(&address, "POST", CHAT, "", "{\"model\":1}").await;

    assert_eq!(unknown.status(), 404);
    assert!(unknown.head.contains("content-type: application/problem+json"));
    assert!(unknown.head.contains("x-should-retry: false"));
    let problem = unknown.json();
    assert_eq!(problem["code"], "model-not-found");
    assert_eq!(problem["error"]["code"], "model-not-found");
    assert_eq!(problem["error"]["message"], "no node serves this model");
    assert_eq!(nonsense.status(), 400);
    assert_eq!(nonsense.json()["error"]["param"], "/model");
}

#[tokio::test]
async fn client_is_asked_to_come_back_when_the_nodes_said_when() {
    for (path, more) in [(CHAT, ""), ("/v1/messages", r#""max_tokens":9,"#)] {
        let (mesh, _) = scripted(Step::Throttle(Duration::from_secs(7)));
        let address = serve(MeshState::new(mesh)).await;
        let body = format!(r#"{{"model":"m",{more}"messages":[{{"role":"user","content":"Hi"}}]}}"#);

        let answer = send(&address, "POST", path, "", &body).await;

        assert_eq!(answer.status(), 429, "{}", answer.body);
        assert!(answer.head.contains("retry-after: 7"), "{}", answer.head);
        assert!(answer.head.contains("x-should-retry: true"), "{}", answer.head);
    }
}

#[tokio::test]
async fn body_over_the_limit_is_refused() {
    let address = serve(MeshState::new(echo())).await;
    let mut socket = TcpStream::connect(&address).await.unwrap();

    let length = 32 * 1024 * 1024 + 1;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
    let request = [head.as_bytes(), &vec![b' '; length]].concat();
    let (mut reader, mut writer) = socket.split();
    let mut first = [0; 12];
    // The server answers before it has read everything, so both go on at once.
    let (_, read) = tokio::join!(writer.write_all(&request), reader.read_exact(&mut first));

    read.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
}

#[tokio::test]
async fn trace_of_the_browser_reaches_the_node() {
    let (mesh, node) = scripted(Step::Answer("Hello".into()));
    let address = serve(MeshState::new(mesh)).await;
    let trace = TraceContext::root();

    send(&address, "POST", CHAT, &format!("traceparent: {trace}\r\n"), &body("m", "Hi", false)).await;

    assert_eq!(node.seen()[0].head.trace.unwrap().trace_id(), trace.trace_id());
}

#[tokio::test]
async fn models_are_listed_and_shown() {
    let address = serve(MeshState::new(echo())).await;

    let list = send(&address, "GET", "/v1/models", "", "").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], "org/small");
    assert_eq!(send(&address, "GET", "/v1/models/org/small", "", "").await.json()["owned_by"], "local");
    assert_eq!(send(&address, "GET", "/v1/models/other", "", "").await.status(), 404);
}

#[tokio::test]
async fn memories_are_stored_found_recalled_and_forgotten() {
    let index = Arc::new(Memories::new(HashEmbedder));
    let mesh = Mesh::with_recall(&MeshConfig::default(), index.clone());
    mesh.nodes().insert(Node::new("local", EchoConfig::default().build()));
    let address = serve(MeshState::new(mesh).with_recall(index)).await;

    let new = json!({ "text": "The spring sale begins on Monday" }).to_string();
    let stored = send(&address, "POST", "/v1/memories", "", &new).await;
    let question = json!({ "query": "spring sale", "limit": 1 }).to_string();
    let found = send(&address, "POST", "/v1/memories/search", "", &question).await;
    let asked = send(&address, "POST", CHAT, "", &body("m", "When does the spring sale begin?", false)).await;

    assert_eq!(stored.status(), 201);
    let id = stored.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(found.json()["memories"][0]["id"], id);
    assert!(asked.head.contains("x-maily-recalled: 1"));
    assert!(asked.head.contains(&format!("x-maily-recalled-id: {id}")));
    assert_eq!(send(&address, "DELETE", &format!("/v1/memories/{id}"), "", "").await.status(), 204);
    assert_eq!(send(&address, "DELETE", &format!("/v1/memories/{id}"), "", "").await.status(), 404);
    let other = json!({ "query": "spring", "limit": 0 }).to_string();
    assert_eq!(send(&address, "POST", "/v1/memories/search", "", &other).await.status(), 400);
}

async fn with_memories() -> String {
    serve(MeshState::new(echo()).with_recall(Arc::new(Memories::new(HashEmbedder)))).await
}

#[tokio::test]
async fn memories_are_listed_by_pages_and_forgotten_by_tenant() {
    let address = with_memories().await;
    for number in 0..5 {
        let new = json!({ "text": format!("note {number}"), "tenant": "a b", "ttl_s": 60 }).to_string();
        assert_eq!(send(&address, "POST", "/v1/memories", "", &new).await.status(), 201);
    }
    let theirs = json!({ "text": "theirs" }).to_string();
    let theirs = send(&address, "POST", "/v1/memories", "", &theirs).await.json();

    let first = send(&address, "GET", "/v1/memories?tenant=a%20b&limit=3", "", "").await.json();
    let after = format!("/v1/memories?tenant=a%20b&limit=3&after={}", first["next"].as_str().unwrap());
    let second = send(&address, "GET", &after, "", "").await.json();
    let forgotten = send(&address, "DELETE", "/v1/memories?tenant=a%20b", "", "").await.json();

    let texts = |page: &Value| {
        let memories = page["memories"].as_array().unwrap().iter();
        memories.map(|memory| memory["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&first), ["note 0", "note 1", "note 2"]);
    assert_eq!(
        (texts(&second), &second["next"]),
        (vec!["note 3".to_owned(), "note 4".to_owned()], &Value::Null)
    );
    let memory = &first["memories"][0];
    assert_eq!(memory["ends_ms"].as_u64().unwrap() - memory["created_ms"].as_u64().unwrap(), 60_000);
    assert_eq!(forgotten["forgotten"], 5);
    let rest = send(&address, "GET", "/v1/memories", "", "").await.json();
    assert_eq!(rest["memories"][0]["id"], theirs["id"]);
    assert_eq!(rest["memories"][0].get("ends_ms"), None);
}

#[tokio::test]
async fn limits_of_memories_are_refused_at_the_edge() {
    let address = with_memories().await;
    let text = |bytes: usize| json!({ "text": "x".repeat(bytes) }).to_string();
    let ttl = |seconds: u64| json!({ "text": "x", "ttl_s": seconds }).to_string();
    let query =
        |bytes: usize, limit: usize| json!({ "query": "x".repeat(bytes), "limit": limit }).to_string();
    let (store, search) = ("/v1/memories", "/v1/memories/search");
    for (method, path, body, status) in [
        ("POST", store, text(65_536), 201),
        ("POST", store, text(65_537), 413),
        ("POST", store, text(0), 400),
        ("POST", store, ttl(3_162_240_000), 201),
        ("POST", store, ttl(3_162_240_001), 400),
        ("POST", store, ttl(0), 400),
        ("POST", search, query(65_536, 100), 200),
        ("POST", search, query(65_537, 100), 413),
        ("POST", search, query(1, 101), 400),
        ("POST", search, query(0, 1), 400),
        ("GET", "/v1/memories?limit=100", String::new(), 200),
        ("GET", "/v1/memories?limit=101", String::new(), 400),
        ("GET", "/v1/memories?limit=0", String::new(), 400),
        ("GET", "/v1/memories?after=nothing", String::new(), 400),
        ("GET", "/v1/memories?unknown=1", String::new(), 400),
        ("DELETE", "/v1/memories", String::new(), 400),
        ("DELETE", "/v1/memories/m1?tenant=other", String::new(), 404),
    ] {
        let answer = send(&address, method, path, "", &body).await;
        assert_eq!(answer.status(), status, "{method} {path} {}", body.len());
    }
}

#[tokio::test]
async fn embeddings_come_as_numbers_and_in_base64() {
    let state = MeshState::new(echo()).with_embedder(AnyEmbed::new(HashEmbedder));
    let address = serve(state).await;

    let one = json!({ "input": "spring sale", "model": "m" }).to_string();
    let numbers = send(&address, "POST", "/v1/embeddings", "", &one).await.json();
    let many = json!({ "input": ["a", "b"], "encoding_format": "base64" }).to_string();
    let base64 = send(&address, "POST", "/v1/embeddings", "", &many).await.json();

    assert_eq!(numbers["data"][0]["embedding"].as_array().unwrap().len(), HashEmbedder::DIMENSION);
    assert_eq!(base64["data"][1]["index"], 1);
    assert_eq!(
        base64["data"][1]["embedding"].as_str().unwrap().len(),
        HashEmbedder::DIMENSION * 4 * 4 / 3 + 3
    );
    let has = HashEmbedder::DIMENSION;
    for (wanted, status) in [(has, 200), (has / 2, 400)] {
        let body = json!({ "input": "a", "dimensions": wanted }).to_string();
        assert_eq!(send(&address, "POST", "/v1/embeddings", "", &body).await.status(), status, "{wanted}");
    }
}

#[tokio::test]
async fn embeddings_of_a_model_that_a_node_serves_are_the_nodes_byte_for_byte() {
    const VECTORS: &str = r#"{"object":"list","data":[{"embedding":[0.25,-1]}],"usage":{"prompt_tokens":3,"total_tokens":3},"new":1}"#;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&seen);
    let node = tower::service_fn(move |prompt: Prompt| {
        asked.lock().unwrap().push((prompt.head.format, prompt.body().clone()));
        let answer = Completion::new(false, Body::full(VECTORS)).with_format(Format::Embeddings);
        std::future::ready(Ok::<_, maily_errors::Error>(answer))
    });
    let mesh = echo();
    mesh.nodes().insert(
        Node::new("vectors", node).with_native(Formats::NONE.with(Format::Embeddings)).with_model("words"),
    );
    let address = serve(MeshState::new(mesh).with_embedder(AnyEmbed::new(HashEmbedder))).await;

    // Tokens in lists, numbers beyond a double, fields that nobody knows.
    let body = r#"{"model":"words","input":[[9007199254740993,2],[3]],"dimensions":2,"user":"u","x":1e400}"#;
    let answer = send(&address, "POST", "/v1/embeddings", "", body).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, VECTORS));
    assert!(answer.head.contains("x-maily-node: vectors"));
    assert_eq!(*seen.lock().unwrap(), [(Format::Embeddings, body.into())]);

    // A model of the server's own, and a node that only embeds.
    let own = send(&address, "POST", "/v1/embeddings", "", r#"{"model":"own","input":"a"}"#).await;
    assert_eq!(own.json()["data"][0]["embedding"].as_array().unwrap().len(), HashEmbedder::DIMENSION);
    let spoken = send(&address, "POST", CHAT, "", &self::body("words", "Hi", false)).await;
    assert_eq!(
        (spoken.status(), spoken.json()["code"].clone()),
        (Code::PromptUntranslatable.http_status(), json!("prompt-untranslatable"))
    );
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn server_without_memories_says_so() {
    let address = serve(MeshState::new(echo())).await;

    let answer = send(&address, "POST", "/v1/memories", "", "{\"text\":\"x\"}").await;

    assert_eq!((answer.status(), answer.json()["code"].clone()), (503, json!("embedder-missing")));
}

/// A mesh at which nodes may register; every one of them answers.
fn open_to_nodes() -> (Mesh, MeshState) {
    let mut registry = Registry::default();
    registry.register("http", |_| Ok(Scripted::new([Step::Answer("Hello".into())])));
    let mesh = Mesh::new(&MeshConfig::default());
    let leases = Leases::new(mesh.nodes().clone(), registry, LeaseRules::default());
    (mesh.clone(), MeshState::new(mesh).with_leases(leases))
}

#[tokio::test]
async fn node_registers_is_listed_answers_drains_and_leaves() {
    let (_, state) = open_to_nodes();
    let address = serve(state).await;
    let new = json!({
        "name": "gpu-1", "url": "http://10.0.0.7:8000/v1", "models": ["m"], "weight": 2.0, "zone": "a", "capacity": 4,
        "key": "never shown", "ttl_ms": 60_000,
    });

    let created = send(&address, "POST", "/v1/nodes", "", &new.to_string()).await;
    let renewed = send(&address, "POST", "/v1/nodes", "", &new.to_string()).await;
    let answer = send(&address, "POST", CHAT, "", &body("m", "Hi", false)).await;
    let listed = send(&address, "GET", "/v1/nodes", "", "").await;

    assert_eq!((created.status(), renewed.status(), answer.status()), (201, 200, 200));
    assert_eq!(created.json(), json!({ "name": "gpu-1", "ttl_ms": 60_000, "renewed": false }));
    let node = &listed.json()["nodes"][0];
    assert_eq!((&node["weight"], &node["zone"], &node["capacity"]), (&json!(2.0), &json!("a"), &json!(4)));
    assert_eq!(
        (&node["prompts"], &node["share"], &node["breaker"]),
        (&json!(1), &json!(1.0), &json!("closed"))
    );
    assert_eq!((&node["source"], &node["first_byte"]["count"]), (&json!("registered"), &json!(1)));
    assert!(node["duration"]["p99_ms"].as_f64() >= node["first_byte"]["p50_ms"].as_f64());
    assert!(!listed.body.contains("never shown"));

    let drained = send(&address, "POST", "/v1/nodes/gpu-1/drain", "", "").await;
    let refused = send(&address, "POST", CHAT, "", &body("m", "Hi", false)).await;
    assert_eq!((drained.status(), drained.json()["draining"].clone()), (202, json!(true)));
    assert_eq!((refused.status(), refused.json()["code"].clone()), (503, json!("no-node")));

    let back = send(&address, "DELETE", "/v1/nodes/gpu-1/drain", "", "").await;
    let answer = send(&address, "POST", CHAT, "", &body("m", "Hi", false)).await;
    assert_eq!((back.status(), back.json()["draining"].clone(), answer.status()), (200, json!(false), 200));
    assert_eq!(send(&address, "DELETE", "/v1/nodes/nobody/drain", "", "").await.status(), 404);

    assert_eq!(send(&address, "DELETE", "/v1/nodes/gpu-1", "", "").await.status(), 204);
    assert_eq!(send(&address, "DELETE", "/v1/nodes/gpu-1", "", "").await.status(), 404);
    assert_eq!(send(&address, "POST", "/v1/nodes/gpu-1/drain", "", "").await.status(), 404);
}

#[tokio::test]
async fn drained_node_finishes_what_it_began() {
    let (mesh, state) = open_to_nodes();
    let address = serve(state).await;
    let new = json!({ "name": "n", "url": "http://127.0.0.1:1/v1" }).to_string();
    send(&address, "POST", "/v1/nodes", "", &new).await;
    let streamed = Prompt::chat("m", &[Message::user("Hi")], true).unwrap();
    let open = mesh.complete(streamed).await.unwrap();

    send(&address, "POST", "/v1/nodes/n/drain", "", "").await;
    let during = send(&address, "GET", "/v1/nodes", "", "").await.json();
    let text = open.into_text().await.unwrap();
    let behind = send(&address, "GET", "/v1/nodes", "", "").await.json();

    assert_eq!((&during["nodes"][0]["inflight"], &behind["nodes"][0]["inflight"]), (&json!(1), &json!(0)));
    assert_eq!(text, "Hello");
}

#[tokio::test]
async fn node_that_may_not_register_is_told_why() {
    let (_, state) = open_to_nodes();
    let address = serve(state).await;
    let code = async |new: Value| {
        let answer = send(&address, "POST", "/v1/nodes", "", &new.to_string()).await;
        (answer.status(), answer.json()["code"].as_str().unwrap().to_owned())
    };

    let metadata = json!({ "name": "n", "url": "http://169.254.169.254/" });
    assert_eq!(code(metadata).await, (400, "node-url-refused".to_owned()));
    let file = json!({ "name": "n", "url": "candle:/etc/passwd" });
    assert_eq!(code(file).await, (400, "node-url-refused".to_owned()));
    let time = json!({ "name": "n", "url": "http://10.0.0.1/v1", "ttl_ms": 999 });
    assert_eq!(code(time).await.0, 400);
    let closed = serve(MeshState::new(echo())).await;
    let new = json!({ "name": "n", "url": "http://10.0.0.1/v1" }).to_string();
    assert_eq!(send(&closed, "POST", "/v1/nodes", "", &new).await.status(), 403);
}
