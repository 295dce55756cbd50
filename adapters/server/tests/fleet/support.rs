//! Processes of one mesh, and their clients.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::network::Network;
use crate::node::Node;

/// How long anything may take, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A `maily serve mesh` process; it is killed when this is dropped.
pub(crate) struct Instance {
    pub(crate) address: String,
    /// What outlives it.
    pub(crate) data: Arc<TempDir>,
    process: Child,
}

/// What opens every route of an instance whose settings name it in `server.keys`; the others take no notice of it.
pub(crate) const OPERATOR: &str = "key-of-the-operator";

/// Three instances that know each other, with the same nodes and settings.
pub(crate) async fn three(network: &Network, nodes: &[&Node], settings: &[(&str, &str)]) -> [Instance; 3] {
    let start = |place| Instance::start(Some((network, place)), nodes, settings);
    let (east, west, north) = tokio::join!(start(0), start(1), start(2));
    let all = [east, west, north];
    let took = until("all know all", async || {
        for instance in &all {
            if live(&instance.nodes().await) != 2 {
                return false;
            }
        }
        true
    })
    .await;
    println!("three processes know each other after {took:?}");
    all
}

impl Instance {
    /// Starts a process with these nodes, called `n0`, `n1` and so on, and waits until it listens.
    pub(crate) async fn start(
        at: Option<(&Network, usize)>,
        nodes: &[&Node],
        settings: &[(&str, &str)],
    ) -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), at, nodes, settings).await
    }

    /// The same with the data that another one left.
    pub(crate) async fn start_in(
        data: Arc<TempDir>,
        at: Option<(&Network, usize)>,
        nodes: &[&Node],
        settings: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maily"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MAILY__")) {
            command.env_remove(name);
        }
        command.args(["serve", "mesh", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        for (number, node) in nodes.iter().enumerate() {
            command.args(["--node", &format!("n{number}={}", node.url)]);
        }
        if let Some((network, place)) = at {
            command
                .env("MAILY__MESH__GOSSIP__KEY", format!("\"{}\"", "5e".repeat(32)))
                .env("MAILY__MESH__GOSSIP__NAME", format!("i{place}"))
                .env("MAILY__MESH__GOSSIP__LISTEN", text(network.own[place]))
                .env("MAILY__MESH__GOSSIP__ADVERTISE", text(network.relays[place]))
                .env("MAILY__MESH__GOSSIP__SEEDS", format!("[{}]", text(network.relays[0])));
        }
        command.envs(settings.iter().copied());
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, address)) = line.split_once("http://") {
                return Self { address: address.trim_end_matches('/').to_owned(), data, process };
            }
        }
        panic!("the process ended before it listened: {:?}", process.wait().await);
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id().expect("it runs")
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await.unwrap()
    }

    /// What `GET /v1/nodes` says.
    pub(crate) async fn nodes(&self) -> Value {
        let (status, body) = self.send(Method::GET, "/v1/nodes", Bytes::new()).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        serde_json::from_slice(&body).unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: impl Into<Bytes>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error>> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let request = request.header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {OPERATOR}"));
        let response = client.request(request.body(Full::new(body.into()))?).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}

fn text(address: SocketAddr) -> String {
    format!("\"{address}\"")
}

/// How many peers are there, as an instance shows them.
pub(crate) fn live(nodes: &Value) -> usize {
    let peers = nodes["peers"].as_array().unwrap();
    peers.iter().filter(|peer| ["alive", "suspect"].contains(&peer["status"].as_str().unwrap())).count()
}

/// How many prompts of other instances all nodes have, as an instance shows them.
pub(crate) fn of_peers(nodes: &Value) -> u64 {
    nodes["nodes"].as_array().unwrap().iter().map(|node| node["peers_inflight"].as_u64().unwrap()).sum()
}

/// Waits until something holds; returns how long that took.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) -> Duration {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
    start.elapsed()
}

/// What asks for a stream.
pub(crate) const PROMPT: &str =
    r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Count"}]}"#;

/// A streamed answer that is being read.
pub(crate) struct Stream {
    socket: TcpStream,
    bytes: Vec<u8>,
}

impl Stream {
    pub(crate) async fn begin(address: &str) -> std::io::Result<Self> {
        let mut socket = TcpStream::connect(address).await?;
        let head = format!(
            "POST /v1/chat/completions HTTP/1.0\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            PROMPT.len()
        );
        socket.write_all((head + PROMPT).as_bytes()).await?;
        Ok(Self { socket, bytes: Vec::new() })
    }

    /// Reads until the text stands there; returns whether it does before the answer ends.
    pub(crate) async fn has(&mut self, text: &str) -> bool {
        loop {
            if memchr(&self.bytes, text.as_bytes()) {
                return true;
            }
            let mut piece = [0; 512];
            match self.socket.read(&mut piece).await {
                Ok(count) if count > 0 => self.bytes.extend_from_slice(&piece[..count]),
                _ => return false,
            }
        }
    }

    /// Reads to the end; returns whether the answer is whole: all words, once each, and the end.
    pub(crate) async fn ends_whole(mut self, words: usize) -> bool {
        let rest = self.socket.read_to_end(&mut self.bytes).await;
        let text = String::from_utf8_lossy(&self.bytes);
        let once = |word: usize| text.matches(&format!("\"w{word} \"")).count() == 1;
        rest.is_ok() && (0..words).all(once) && text.ends_with("data: [DONE]\n\n")
    }
}

fn memchr(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
