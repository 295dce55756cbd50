//! A node that misbehaves as it is told, a mesh of such nodes behind the routes, and a client.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use maily_llm_openai::OpenAiConfig;
use maily_mesh::balance::Node;
use maily_mesh::{Format, Formats, Mesh, MeshConfig};
use maily_serve_http::mesh::{MeshState, router};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::speech::Speech;

/// The words of every whole answer.
pub(crate) const WORDS: [&str; 8] =
    ["One, ", "two, ", "three, ", "four, ", "five, ", "six, ", "seven, ", "eight."];

/// What a node does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Streams the words that the prompt does not end with, with a pause before each.
    Stream { pause: Duration },
    /// Streams so many words, then does something else.
    After(usize, Then),
    /// Answers with a status, headers and no stream.
    Refuse(&'static str),
    /// Reads the request and says nothing.
    Silent,
    /// Answers in one piece, and announces so many bytes too many, or too few.
    Lie(isize),
    /// The same of a stream.
    LieInStream(isize),
}

/// How a stream goes wrong.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The connection breaks in the middle of an event.
    Cut,
    /// The body ends as if it were whole, without a finish.
    End,
    /// Nothing more comes.
    Silence,
    /// Comments only.
    Pings,
    /// Bytes that are no event, then a clean end.
    Garbage,
    /// An error event, then `[DONE]`.
    ErrorAndDone,
}

/// A node on a real socket that follows a script; the last act is repeated.
#[derive(Clone)]
pub(crate) struct Scripted {
    address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    acts: VecDeque<Act>,
    seen: Vec<(Instant, String, Value)>,
    left: Vec<Instant>,
}

impl Scripted {
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address").to_string();
        let state = State { acts: acts.into_iter().collect(), ..State::default() };
        let node = Self { address, state: Arc::new(Mutex::new(state)) };
        let serving = node.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let node = serving.clone();
                tokio::spawn(async move { node.serve(socket).await });
            }
        });
        node
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub(crate) fn calls(&self) -> usize {
        self.state.lock().expect("no test panics here").seen.len()
    }

    /// When requests came, their heads in small letters, and their bodies.
    pub(crate) fn seen(&self) -> Vec<(Instant, String, Value)> {
        self.state.lock().expect("no test panics here").seen.clone()
    }

    /// When the mesh hung up in the middle of an answer.
    pub(crate) async fn left(&self) -> Instant {
        poll(|| self.state.lock().expect("no test panics here").left.first().copied()).await
    }

    async fn serve(&self, mut socket: TcpStream) {
        while let Some((head, body)) = request(&mut socket).await {
            let act = {
                let mut state = self.state.lock().expect("no test panics here");
                state.seen.push((Instant::now(), head.clone(), body.clone()));
                if state.acts.len() > 1 { state.acts.pop_front() } else { state.acts.front().cloned() }
            };
            let (mut reader, mut writer) = socket.split();
            let act = answer(&mut writer, act.expect("a script has an act"), Speech::of(&head), &body);
            let gone = async {
                // The mesh sends nothing before it has the answer, so the end is that it hung up.
                while reader.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {}
            };
            let keep = tokio::select! {
                keep = act => keep,
                () = gone => {
                    self.state.lock().expect("no test panics here").left.push(Instant::now());
                    false
                }
            };
            if !keep {
                return;
            }
        }
    }
}

/// Does one act; returns whether the connection goes on.
async fn answer(
    socket: &mut (impl AsyncWriteExt + Unpin),
    act: Act,
    mut speech: Speech,
    body: &Value,
) -> bool {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let begun = speech.begun(body);
    let mut send = async |text: String| socket.write_all(text.as_bytes()).await.is_ok();
    match act {
        Act::Silent => std::future::pending().await,
        Act::Refuse(head) => send(format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\n\r\n{{}}")).await,
        Act::Lie(more) => {
            let whole = json!({ "choices": [{ "index": 0, "message": { "content": WORDS.concat() }, "finish_reason": "stop" }] }).to_string();
            let length = whole.len().saturating_add_signed(more);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
            send(format!("{head} {length}\r\n\r\n{whole}")).await && more == 0
        }
        Act::LieInStream(more) => {
            let words = WORDS[begun..].iter().map(|word| speech.word(word)).collect::<String>();
            let whole = words + &speech.end();
            let length = whole.len().saturating_add_signed(more);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length:";
            send(format!("{head} {length}\r\n\r\n{whole}")).await && more == 0
        }
        Act::Stream { pause } => {
            send(HEAD.to_owned()).await;
            for word in &WORDS[begun..] {
                sleep(pause).await;
                send(chunk(&speech.word(word))).await;
            }
            send(chunk(&speech.end()) + "0\r\n\r\n").await
        }
        Act::After(words, then) => {
            send(HEAD.to_owned()).await;
            for word in &WORDS[begun..(begun + words).min(WORDS.len())] {
                send(chunk(&speech.word(word))).await;
            }
            heard().await;
            match then {
                Then::Cut => {
                    let half = speech.word("lost");
                    send(chunk(&half[..half.len() / 2])).await;
                }
                Then::End => {
                    send("0\r\n\r\n".to_owned()).await;
                }
                Then::Silence => std::future::pending().await,
                Then::Pings => {
                    while send(chunk(": ping\n\n")).await {
                        sleep(Duration::from_millis(50)).await;
                    }
                }
                Then::Garbage => {
                    send(chunk("data: {\"choices\":[{\"del\n\n") + "0\r\n\r\n").await;
                }
                Then::ErrorAndDone => {
                    let error = speech.error() + &speech.end();
                    send(chunk(&error) + "0\r\n\r\n").await;
                }
            }
            false
        }
    }
}

/// Waits until what was sent has passed the mesh and reached the client, which run on this thread: each turn asks all
/// sockets once, and everybody who has something to read reads it.
async fn heard() {
    sleep(Duration::from_millis(5)).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

async fn request(socket: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return Some((head.to_lowercase(), body));
        }
    }
}

/// A mesh of nodes called n0, n1 and so on, that take chat.
pub(crate) fn mesh(config: &MeshConfig, nodes: &[&Scripted]) -> Mesh {
    mesh_of(config, Formats::CHAT, nodes)
}

/// A mesh of nodes that take these formats as they are.
pub(crate) fn mesh_of(config: &MeshConfig, native: Formats, nodes: &[&Scripted]) -> Mesh {
    let mesh = Mesh::new(config);
    for (index, node) in nodes.iter().enumerate() {
        let client = OpenAiConfig::new(node.url()).build().expect("a valid url");
        mesh.nodes().insert(Node::new(format!("n{index}"), client).with_native(native));
    }
    mesh
}

pub(crate) fn config(settings: Value) -> MeshConfig {
    serde_json::from_value(settings).expect("known settings")
}

/// Serves a mesh until the test's runtime ends, and returns its address.
pub(crate) async fn serve(mesh: Mesh) -> String {
    let app: axum::Router = router(MeshState::new(mesh)).into();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address").to_string();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

pub(crate) fn prompt(stream: bool) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": "Count" }], "stream": stream })
}

/// An answer that is being read.
pub(crate) struct Reading {
    socket: TcpStream,
    pub(crate) bytes: String,
}

impl Reading {
    pub(crate) async fn begin(address: &str, headers: &str, body: &Value) -> Self {
        Self::begin_in(Format::Chat, address, headers, body).await
    }

    pub(crate) async fn begin_in(format: Format, address: &str, headers: &str, body: &Value) -> Self {
        let mut socket = TcpStream::connect(address).await.expect("the server listens");
        let body = body.to_string();
        let head = format!(
            "POST /v1{} HTTP/1.0\r\nhost: test\r\ncontent-length: {}\r\n{headers}\r\n",
            format.path(),
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).await.expect("an open connection");
        Self { socket, bytes: String::new() }
    }

    /// Reads until the text stands there, or the answer ends; returns whether it stands there.
    pub(crate) async fn until(&mut self, text: &str) -> bool {
        let mut piece = [0; 4096];
        while !self.bytes.contains(text) {
            match self.socket.read(&mut piece).await {
                Ok(count) if count > 0 => self.bytes.push_str(&String::from_utf8_lossy(&piece[..count])),
                _ => return false,
            }
        }
        true
    }

    /// Reads to the end, and returns what a person reads.
    pub(crate) async fn text(mut self) -> (String, String) {
        self.until("\u{0}").await;
        (text_of(&self.bytes), self.bytes)
    }
}

/// The text of all events, as a client of any format reads it.
pub(crate) fn text_of(answer: &str) -> String {
    let events = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let said = |event: Value| {
        let delta = &event["delta"];
        let places = [&event["choices"][0]["delta"]["content"], &delta["text"], delta];
        places.into_iter().find_map(Value::as_str).map(str::to_owned)
    };
    chunks.filter_map(said).collect()
}

/// Waits until something is there, at most ten seconds.
pub(crate) async fn poll<T>(look: impl Fn() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it did not happen within ten seconds");
        sleep(Duration::from_millis(1)).await;
    }
}
