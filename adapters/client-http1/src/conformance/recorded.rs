//! A node on a real socket that sends recorded bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use maily_errors::{Code, Error, Result};
use maily_mesh::{Completion, Format, Prompt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tower_service::Service;

use crate::{Dialect, Patience, Remote};

/// A protocol, as its tests know it.
///
/// The recorded answers are whole ones with `content-length` and `connection: close`, say `Hello wörld`, and have the
/// request's number `req_1`. The refusal has `STATUS` where its status stands, asks to wait for 7 s, and its reason is
/// `Too many sk-teapots`.
#[derive(Debug)]
pub struct Protocol<D> {
    /// Builds a node whose API begins at a URL.
    pub node: fn(String, Patience) -> Result<Remote<D>>,
    /// Lines that stand in every request.
    pub request: &'static [&'static str],
    /// A prompt that asks for a stream.
    pub prompt: &'static str,
    /// The format of the prompt.
    pub format: Format,
    /// A recorded stream.
    pub events: &'static str,
    /// A recorded answer in one object.
    pub object: &'static str,
    /// A recorded refusal.
    pub refusal: &'static str,
}

/// What the node does after it has sent its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    Close,
    /// Sends them again for the next request.
    Next,
    Wait,
    /// Waits too, and did not read the body of the request.
    WaitUnread,
}

/// A node that sends the same to each request; the channels tell what it saw.
#[derive(Debug)]
pub(super) struct Recorded<D> {
    pub(super) node: Remote<D>,
    pub(super) requests: mpsc::UnboundedReceiver<String>,
    pub(super) hung_up: mpsc::UnboundedReceiver<()>,
    connections: Arc<AtomicUsize>,
}

impl<D: Dialect> Protocol<D> {
    /// Starts a node, for as long as the test's runtime lives. It may be silent for 300 ms.
    pub(super) async fn serve(&self, bytes: impl Into<String>, then: Then) -> Recorded<D> {
        self.serve_for(Patience::default().with_headers_ms(300).with_between_ms(300), bytes, then).await
    }

    pub(super) async fn serve_for(
        &self,
        patience: Patience,
        bytes: impl Into<String>,
        then: Then,
    ) -> Recorded<D> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/v1/", listener.local_addr().expect("a bound socket has an address"));
        let (saw, requests) = mpsc::unbounded_channel();
        let (left, hung_up) = mpsc::unbounded_channel();
        let connections = Arc::<AtomicUsize>::default();
        let made = connections.clone();
        let bytes: Arc<str> = bytes.into().into();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                made.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(socket, bytes.clone(), then, saw.clone(), left.clone()));
            }
        });
        Recorded {
            node: (self.node)(url, patience).expect("the url is valid"),
            requests,
            hung_up,
            connections,
        }
    }

    pub(super) fn prompt(&self) -> Prompt {
        Prompt::parse_as(self.format, self.prompt).expect("a valid prompt")
    }

    pub(super) async fn ask(&self, node: &Recorded<D>) -> Result<Completion> {
        node.node.clone().call(self.prompt()).await
    }

    /// What the answer says when the node sends these bytes and hangs up.
    pub(super) async fn text(&self, bytes: impl Into<String>) -> Result<String, Code> {
        let node = self.serve(bytes, Then::Close).await;
        let answer = self.ask(&node).await.map_err(|err| err.code())?;
        answer.into_text().await.map_err(|err| err.code())
    }

    /// The events of the recorded stream, each with its empty line.
    pub(super) fn blocks(&self) -> Vec<&'static str> {
        body(self.events).split_inclusive("\n\n").collect()
    }

    /// The recorded stream up to its second event.
    pub(super) fn begin(&self) -> String {
        head(self.events).to_owned() + &self.blocks()[..2].concat()
    }
}

impl<D> Recorded<D> {
    /// How many connections were made to it.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// All bytes of an answer.
pub(super) async fn bytes(answer: Completion) -> Result<Vec<u8>, Error> {
    answer.body.try_collect::<Vec<_>>().await.map(|pieces| pieces.concat())
}

/// The head of a recorded answer, with its empty line.
pub(super) fn head(recorded: &str) -> &str {
    &recorded[..recorded.len() - body(recorded).len()]
}

/// The body of a recorded answer.
pub(super) fn body(recorded: &str) -> &str {
    recorded.split_once("\r\n\r\n").expect("a whole head").1
}

/// A recorded answer that says another length.
pub(super) fn with_length(recorded: &str, length: usize) -> String {
    let said = format!("content-length: {}\r\n", body(recorded).len());
    assert!(recorded.contains(&said), "the record says its true length");
    recorded.replace(&said, &format!("content-length: {length}\r\n"))
}

/// A recorded answer after which the connection stays open.
pub(super) fn lasting(recorded: &str) -> String {
    let lasting = recorded.replace("connection: close\r\n", "");
    assert_ne!(lasting, recorded);
    lasting
}

/// A head without a length: the end of the connection is the end of the body.
pub(super) fn until_close(events: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}")
}

async fn serve(
    mut socket: TcpStream,
    bytes: Arc<str>,
    then: Then,
    saw: mpsc::UnboundedSender<String>,
    left: mpsc::UnboundedSender<()>,
) {
    while let Some(request) = read_request(&mut socket, then != Then::WaitUnread).await {
        saw.send(request).ok();
        if socket.write_all(bytes.as_bytes()).await.is_err() {
            break;
        }
        match then {
            Then::Next => continue,
            Then::Close => return,
            // Nothing more is expected: the read ends when the other side hangs up.
            Then::Wait => while socket.read(&mut [0; 1024]).await.is_ok_and(|bytes| bytes > 0) {},
            Then::WaitUnread => std::future::pending().await,
        }
    }
    left.send(()).ok();
}

/// Reads one request; nothing at the end of the connection.
async fn read_request(socket: &mut TcpStream, whole: bool) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(socket.read_u8().await.ok()?);
    }
    if whole {
        let text = String::from_utf8_lossy(&request);
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize =
            length.and_then(|length| length.parse().ok()).expect("the request says its length");
        let head = request.len();
        request.resize(head + length, 0);
        socket.read_exact(&mut request[head..]).await.ok()?;
    }
    Some(String::from_utf8_lossy(&request).into_owned())
}
