//! A node that streams words, holds streams open, or answers in one piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What a node does with each request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Streams so many words, with a pause before each, and ends.
    Words(usize, Duration),
    /// The same, from behind the words that the prompt says it has said already.
    GoesOn(usize, Duration),
    /// Sends a word at once, and another one whenever it is told to.
    Hold,
    /// Answers in one piece with these bytes.
    Whole(Bytes),
}

/// A node on a real socket.
pub(crate) struct Node {
    pub(crate) url: String,
    pub(crate) open: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    /// The body of the last request.
    pub(crate) seen: watch::Receiver<Bytes>,
    words: watch::Sender<u32>,
    _task: JoinSet<()>,
}

impl Node {
    pub(crate) async fn start(act: Act) -> Self {
        // Many streams begin at once: the usual backlog would make some of them wait for a second attempt.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (open, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (words, mut task) = (watch::Sender::new(0), JoinSet::new());
        let (sees, seen) = watch::channel(Bytes::new());
        let (counting, hearing) = ((open.clone(), asked.clone()), words.clone());
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let ((open, asked), act, mut words, sees) =
                    (counting.clone(), act.clone(), hearing.subscribe(), sees.clone());
                connections.spawn(async move {
                    while let Some(body) = request(&mut socket).await {
                        let said = words_said(&body);
                        sees.send_replace(body);
                        asked.fetch_add(1, Relaxed);
                        open.fetch_add(1, Relaxed);
                        let answered = answer(&mut socket, &act, &mut words, said).await;
                        open.fetch_sub(1, Relaxed);
                        if answered.is_none() {
                            return;
                        }
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { url, open, asked, seen, words, _task: task }
    }

    /// How many requests it has had.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Relaxed) as u64
    }

    /// How many requests it answers now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Sends another word on all streams that are held open.
    pub(crate) fn send_word(&self) {
        self.words.send_modify(|count| *count += 1);
    }
}

async fn request(socket: &mut TcpStream) -> Option<Bytes> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        (socket.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse::<usize>().ok()?;
    bytes.reserve_exact((head + length).saturating_sub(bytes.len()));
    while bytes.len() < head + length {
        (socket.read_buf(&mut bytes).await.ok()? > 0).then_some(())?;
    }
    Some(Bytes::from(bytes).slice(head..))
}

/// How many words stand in the last message of a prompt, if that is the assistant's.
fn words_said(body: &[u8]) -> usize {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else { return 0 };
    let last = body["messages"].as_array().and_then(|messages| messages.last());
    let said = last.filter(|last| last["role"] == "assistant").and_then(|last| last["content"].as_str());
    said.map_or(0, |said| said.split_whitespace().count())
}

async fn answer(
    socket: &mut TcpStream,
    act: &Act,
    words: &mut watch::Receiver<u32>,
    said: usize,
) -> Option<()> {
    const HEAD: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    match act {
        Act::Words(count, pause) | Act::GoesOn(count, pause) => {
            let first = if matches!(act, Act::GoesOn(..)) { said } else { 0 };
            socket.write_all(HEAD.as_bytes()).await.ok()?;
            for word in first..*count {
                sleep(*pause).await;
                socket.write_all(event(&format!("w{word} ")).as_bytes()).await.ok()?;
            }
            let end = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
            let end = chunk(&format!("{end}\n\ndata: [DONE]\n\n")) + "0\r\n\r\n";
            socket.write_all(end.as_bytes()).await.ok()
        }
        Act::Hold => {
            socket.write_all((HEAD.to_owned() + &event("first ")).as_bytes()).await.ok()?;
            let mut end = [0];
            loop {
                tokio::select! {
                    changed = words.changed() => changed.ok()?,
                    // The mesh sends nothing before it has the answer: it left.
                    _ = socket.read(&mut end) => return None,
                }
                let word = event(&format!("word-{} ", *words.borrow_and_update()));
                socket.write_all(word.as_bytes()).await.ok()?;
            }
        }
        Act::Whole(answer) => {
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            socket.write_all(head.as_bytes()).await.ok()?;
            socket.write_all(answer).await.ok()
        }
    }
}

fn event(word: &str) -> String {
    chunk(&format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}}}}]}}\n\n"))
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
