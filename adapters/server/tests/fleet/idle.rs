//! Ten thousand streams that say nothing for a while.
//!
//! A stream takes a file of the server toward its node, and one toward its client, unless clients share a connection
//! as HTTP/2 lets them. Where the system allows no more than 20,000 files, some of them do.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use maily_server::http::raise_file_limit;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::node::{Act, Node};
use crate::support::{Instance, PROMPT, Stream, until};

const WANTED: usize = 10_000;
/// Files that a process needs beside its streams.
const OTHERS: usize = 400;
/// How many streams share a connection, of those that do.
const TOGETHER: usize = 100;

/// A stream among others of one connection.
struct Shared {
    body: Incoming,
    bytes: Vec<u8>,
}

impl Shared {
    async fn begin(mut connection: SendRequest<Full<Bytes>>, address: &str) -> Self {
        let request = Request::post(format!("http://{address}/v1/chat/completions"));
        let request =
            request.header("content-type", "application/json").body(Full::new(PROMPT.into())).unwrap();
        let answer = connection.send_request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        Self { body: answer.into_body(), bytes: Vec::new() }
    }

    async fn has(&mut self, text: &str) -> bool {
        while !String::from_utf8_lossy(&self.bytes).contains(text) {
            let Some(Ok(frame)) = self.body.frame().await else { return false };
            self.bytes.extend_from_slice(frame.data_ref().unwrap());
        }
        true
    }
}

/// Kilobytes that a process has in memory.
fn resident_kb(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_streams_cost_little_and_all_go_on() {
    // This process is client and node, so it has as many files open as the server.
    let room = usize::try_from(raise_file_limit()).unwrap_or(usize::MAX) - OTHERS;
    let count = WANTED.min(room * 9 / 10);
    let alone = count.min(room - count);
    if count < WANTED {
        println!("{count} streams, not {WANTED}: this process may have {room} files open, and no more");
    }
    let node = Node::start(Act::Hold).await;
    let patient = [
        ("MAILY__MESH__DEADLINE__BETWEEN_MS", "600000"),
        ("MAILY__MESH__DEADLINE__FIRST_TOKEN_MS", "600000"),
        ("MAILY__MESH__DEADLINE__HEADERS_MS", "600000"),
        ("MAILY__MESH__HEDGE__ENABLED", "false"),
    ];
    let server = Instance::start(None, &[&node], &patient).await;
    let mut first = Stream::begin(&server.address).await.unwrap();
    assert!(first.has("first").await);
    let before = resident_kb(server.id());

    let start = Instant::now();
    let begin = async |_| {
        let mut stream = Stream::begin(&server.address).await.unwrap();
        assert!(stream.has("first").await, "a stream did not begin");
        stream
    };
    let mut open: Vec<_> = stream::iter(1..alone).map(begin).buffer_unordered(200).collect().await;
    open.push(first);
    let with_alone = resident_kb(server.id());
    let (mut shared, mut connections) = (Vec::new(), JoinSet::new());
    while alone + shared.len() < count {
        let socket = TokioIo::new(TcpStream::connect(&server.address).await.unwrap());
        let (connection, driven) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
        connections.spawn(driven);
        for _ in 0..TOGETHER.min(count - alone - shared.len()) {
            let mut stream = Shared::begin(connection.clone(), &server.address).await;
            assert!(stream.has("first").await, "a stream did not begin");
            shared.push(stream);
        }
    }
    assert_eq!((open.len() + shared.len(), node.open()), (count, count));
    let opened = start.elapsed();
    let after = resident_kb(server.id());

    let start = Instant::now();
    node.send_word();
    for stream in &mut open {
        assert!(stream.has("word-1").await, "a stream ended");
    }
    for stream in &mut shared {
        assert!(stream.has("word-1").await, "a stream ended");
    }
    let told = start.elapsed();
    let together = shared.len();
    drop((open, shared, connections));
    let gone = until("the node is told that all left", async || node.open() == 0).await;

    let each = |from: u64, to: u64, streams: usize| to.saturating_sub(from) as f64 / streams.max(1) as f64;
    let of_alone = each(before, with_alone, alone - 1);
    println!(
        "{count} idle streams opened in {opened:?}: {alone} with a connection each {of_alone:.1} kB each, {together} of \
         {TOGETHER} on one {:.1} kB each ({before} kB before, {after} kB after); a word reached all in {told:?}, the node was \
         told that they left in {gone:?}",
        each(with_alone, after, together)
    );
    assert!(of_alone < 200.0, "{of_alone} kB");
    assert!(told < Duration::from_secs(60));
}
