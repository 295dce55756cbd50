//! A node that misbehaves on a real socket: what it does is recorded bytes, what the mesh sees is a code.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use maily_errors::{Code, Error, TraceContext, Value};
use maily_llm_openai::{OpenAi, OpenAiConfig};
use maily_mesh::{Completion, Message, Prompt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tower::ServiceExt;

const EVENTS: &str = include_str!("wire/stream.http");
const OBJECT: &str = include_str!("wire/object.http");
const REFUSAL: &str = include_str!("wire/refusal.http");

/// What the node does after it has sent its bytes.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Wait,
}

/// A node that reads one request and sends recorded bytes; the channels tell what it saw.
struct Recorded {
    node: OpenAi,
    request: oneshot::Receiver<String>,
    hung_up: oneshot::Receiver<()>,
}

async fn node(bytes: impl Into<String>, then: Then) -> Recorded {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/v1/", listener.local_addr().expect("a bound socket has an address"));
    let (saw, request) = oneshot::channel();
    let (left, hung_up) = oneshot::channel();
    let bytes = bytes.into();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        saw.send(read_request(&mut socket).await).ok();
        socket.write_all(bytes.as_bytes()).await.expect("an open connection");
        if let Then::Wait = then {
            // Nothing more is expected: the read ends when the other side hangs up.
            while socket.read(&mut [0; 1024]).await.is_ok_and(|bytes| bytes > 0) {}
            left.send(()).ok();
        }
    });
    let mut config = OpenAiConfig::new(url).with_key("sk-test");
    (config.headers_ms, config.between_ms) = (300, 300);
    Recorded { node: config.build().expect("the url is valid"), request, hung_up }
}

async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = socket.read(&mut piece).await.expect("an open connection");
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}'));
        if count == 0 || whole {
            return text;
        }
    }
}

fn prompt() -> Prompt {
    Prompt::chat("small", &[Message::user("Hi")], true).expect("a valid prompt")
}

async fn ask(node: &Recorded) -> Result<Completion, Error> {
    node.node.clone().oneshot(prompt()).await
}

async fn text(bytes: impl Into<String>) -> Result<String, Code> {
    let node = node(bytes, Then::Close).await;
    let answer = ask(&node).await.map_err(|err| err.code())?;
    answer.into_text().await.map_err(|err| err.code())
}

/// A head without a length: the end of the connection is the end of the body.
fn events_until_close(events: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{events}")
}

#[tokio::test]
async fn recorded_answers_pass_through_byte_for_byte() {
    for recorded in [EVENTS, OBJECT] {
        let node = node(recorded, Then::Close).await;
        let (_, body) = recorded.split_once("\r\n\r\n").unwrap();

        let answer = ask(&node).await.unwrap();

        assert_eq!(answer.head.headers["x-request-id"], "req_1");
        assert!(!answer.head.headers.contains_key("set-cookie"));
        assert_eq!(answer.body.try_collect::<Vec<_>>().await.unwrap().concat(), body.as_bytes());
    }
    assert_eq!(text(EVENTS).await.unwrap(), "Hello wörld");
    assert_eq!(text(OBJECT).await.unwrap(), "Hello wörld");
}

#[tokio::test]
async fn request_carries_the_raw_body_the_key_and_the_trace() {
    let node = node(OBJECT, Then::Close).await;
    let trace = TraceContext::root();
    let body = r#"{"seed":12345678901234567890, "model":"small","messages":[{"x":1.0}]}"#;

    node.node.clone().oneshot(Prompt::parse(body).unwrap().with_trace(trace)).await.unwrap();

    let request = node.request.await.unwrap();
    assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
    assert!(request.contains("authorization: Bearer sk-test\r\n"));
    assert!(request.contains(&format!("traceparent: {trace}\r\n")));
    assert!(request.ends_with(body));
}

#[tokio::test]
async fn node_that_is_not_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);

    let node = OpenAiConfig::new(format!("http://{address}")).build().unwrap();
    let err = node.oneshot(prompt()).await.unwrap_err();

    assert_eq!(err.code(), Code::NodeUnreachable);
    assert!(err.is_temporary());
}

#[tokio::test]
async fn each_status_has_its_code() {
    for (status, code) in [
        (301, Code::NodeFailed),
        (400, Code::NodeRejected),
        (401, Code::NodeKeyRefused),
        (403, Code::NodeKeyRefused),
        (404, Code::ModelNotFound),
        (408, Code::Timeout),
        (413, Code::PromptTooLarge),
        (422, Code::NodeRejected),
        (429, Code::NodeThrottled),
        (500, Code::NodeFailed),
        (503, Code::NodeFailed),
        (504, Code::Timeout),
    ] {
        let node = node(REFUSAL.replace("STATUS", &status.to_string()), Then::Close).await;

        let err = ask(&node).await.unwrap_err();

        assert_eq!(err.code(), code, "{status}");
        assert_eq!(err.retry_after(), Some(Duration::from_secs(7)), "{status}");
        let shown =
            err.public_context().any(|(key, value)| key == "reason" && value == "Too many sk-teapots");
        assert_eq!(shown, matches!(code, Code::NodeRejected | Code::PromptTooLarge), "{status}");
    }
}

#[tokio::test]
async fn node_that_hangs_up_has_failed() {
    assert_eq!(text("").await, Err(Code::NodeFailed));
    assert_eq!(text("nonsense\r\n\r\n").await, Err(Code::NodeFailed));
}

#[tokio::test]
async fn stream_that_breaks_off_is_cut() {
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n";
    assert_eq!(text(chunked).await, Err(Code::StreamCut));
    let (half, _) = EVENTS.split_at(EVENTS.len() - 20);
    assert_eq!(text(half).await, Err(Code::StreamCut));
}

#[tokio::test]
async fn stream_that_ends_without_an_end_is_incomplete() {
    let said = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";
    assert_eq!(text(events_until_close(said)).await, Err(Code::AnswerIncomplete));
    assert_eq!(text(events_until_close("")).await, Err(Code::AnswerIncomplete));

    let finished = said.replace("null", "\"stop\"");
    assert_eq!(text(events_until_close(&finished)).await, Ok("Hi".to_owned()));
}

#[tokio::test]
async fn length_that_is_a_lie_is_noticed() {
    let longer = OBJECT.replace("content-length: 341", "content-length: 1341");
    assert_ne!(longer, OBJECT);
    assert_eq!(text(longer).await, Err(Code::StreamCut));
    let shorter = OBJECT.replace("content-length: 341", "content-length: 34");
    assert_eq!(text(shorter).await, Err(Code::AnswerIncomplete));
}

#[tokio::test]
async fn events_that_are_nonsense_are_malformed() {
    assert_eq!(
        text(events_until_close("data: {nonsense\n\ndata: [DONE]\n\n")).await,
        Err(Code::StreamMalformed)
    );
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p/>";
    assert_eq!(text(html).await, Err(Code::StreamMalformed));
}

#[tokio::test]
async fn silent_node_is_left_at_each_phase() {
    let silent = node("", Then::Wait).await;
    let err = ask(&silent).await.unwrap_err();
    assert_eq!(
        (err.code(), err.public_context().next()),
        (Code::Timeout, Some(("phase", &Value::from("headers"))))
    );

    let head = EVENTS.split_inclusive("\r\n\r\n").next().unwrap();
    let stalling = node(head, Then::Wait).await;
    let err = ask(&stalling).await.unwrap().body.next().await.unwrap().unwrap_err();
    assert_eq!(
        (err.code(), err.public_context().next()),
        (Code::Timeout, Some(("phase", &Value::from("between chunks"))))
    );
    stalling.hung_up.await.unwrap();
}

#[tokio::test]
async fn answer_that_is_dropped_hangs_up_at_the_node() {
    let first = &EVENTS[..EVENTS.len() - 60];
    let reading = node(first, Then::Wait).await;
    let mut answer = ask(&reading).await.unwrap();
    assert!(answer.body.next().await.unwrap().is_ok());
    drop(answer);
    reading.hung_up.await.unwrap();

    let waiting = node("", Then::Wait).await;
    let mut call = Box::pin(waiting.node.clone().oneshot(prompt()));
    tokio::select! {
        _ = &mut call => panic!("the node never answers"),
        _ = waiting.request => {}
    }
    drop(call);
    waiting.hung_up.await.unwrap();
}
