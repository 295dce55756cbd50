//! Nodes on real sockets that keep in which trace they were asked.

use std::collections::VecDeque;
use std::sync::Arc;

use maily_errors::TraceContext;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What is done with a request.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Streams half of the answer and closes the connection.
    Cut,
    /// Answers 500.
    Fail,
    /// Says nothing until the caller leaves.
    Silent,
    /// Streams three words and ends.
    Words,
}

/// In which trace a node was asked.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) trace: Option<TraceContext>,
    pub(crate) state: Option<String>,
}

/// Two nodes, of which the one that is asked first does the first act.
pub(crate) struct Fleet {
    ports: [u16; 2],
    seen: Arc<Mutex<Vec<(Seen, u16)>>>,
    _task: JoinSet<()>,
}

impl Fleet {
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let acts = Arc::new(Mutex::new(acts.into_iter().collect::<VecDeque<_>>()));
        let seen: Arc<Mutex<Vec<(Seen, u16)>>> = Arc::default();
        let (mut ports, mut task) = ([0; 2], JoinSet::new());
        for port in &mut ports {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            *port = listener.local_addr().unwrap().port();
            let (acts, seen, port) = (acts.clone(), seen.clone(), *port);
            task.spawn(async move {
                let mut connections = JoinSet::new();
                while let Ok((mut socket, _)) = listener.accept().await {
                    let (acts, seen) = (acts.clone(), seen.clone());
                    connections.spawn(async move {
                        while let Some(asked) = request(&mut socket).await {
                            let act = acts.lock().pop_front().expect("as many acts as requests");
                            seen.lock().push((asked, port));
                            if answer(&mut socket, act).await.is_none() {
                                return;
                            }
                        }
                    });
                }
            });
        }
        Self { ports, seen, _task: task }
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = String> {
        self.ports.into_iter().map(|port| format!("http://127.0.0.1:{port}/v1"))
    }

    /// What all nodes were asked, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().iter().map(|(seen, _)| seen.clone()).collect()
    }

    /// The port of the node that was asked first.
    pub(crate) fn port(&self) -> u16 {
        self.seen.lock()[0].1
    }
}

async fn request(socket: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        (socket.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let length = field("content-length: ")?.parse::<usize>().ok()?;
    while bytes.len() < end + length {
        (socket.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    let trace = field("traceparent: ").and_then(|value| TraceContext::parse(&value));
    Some(Seen { trace, state: field("tracestate: ") })
}

async fn answer(socket: &mut TcpStream, act: Act) -> Option<()> {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    const FAILED: &str = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n";
    let words = |words: &[&str]| words.iter().map(|word| chunk(&word_event(word))).collect::<String>();
    let end =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let all = match act {
        Act::Cut => {
            socket.write_all((HEAD.to_owned() + &words(&["one "])).as_bytes()).await.ok()?;
            return None;
        }
        Act::Silent => {
            // The mesh sends nothing more: it leaves.
            let _ = socket.read(&mut [0]).await;
            return None;
        }
        Act::Fail => FAILED.to_owned(),
        Act::Words => HEAD.to_owned() + &words(&["one ", "two ", "three"]) + &chunk(end) + "0\r\n\r\n",
    };
    socket.write_all(all.as_bytes()).await.ok()
}

fn word_event(word: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
