//! What goes over a connection, and how long it is kept.

use futures_util::StreamExt;
use maily_errors::{Code, TraceContext};
use maily_mesh::Prompt;
use tokio::runtime::Handle;
use tower_service::Service;

use super::recorded::{Protocol, Then, body, bytes, lasting};
use crate::{Dialect, Patience};

/// What the node says is what the caller gets, with its number of the request and without its cookies.
pub async fn recorded_answers_pass_through_byte_for_byte<D: Dialect>(protocol: &Protocol<D>) {
    for recorded in [protocol.events, protocol.object] {
        let node = protocol.serve(recorded, Then::Close).await;

        let answer = protocol.ask(&node).await.expect("the node answers");

        assert_eq!(answer.head.headers[D::REQUEST_ID], "req_1");
        assert!(!answer.head.headers.contains_key("set-cookie"));
        assert_eq!(bytes(answer).await.expect("the body is whole"), body(recorded).as_bytes());
        assert_eq!(protocol.text(recorded).await.as_deref(), Ok("Hello wörld"));
    }
}

/// The node gets the body byte for byte, below the head of its protocol.
pub async fn request_carries_the_raw_body_the_fields_and_the_trace<D: Dialect>(protocol: &Protocol<D>) {
    let mut node = protocol.serve(protocol.object, Then::Close).await;
    let trace = TraceContext::root();
    // An unknown field, and a number that no float holds.
    let raw = protocol.prompt.replacen('{', r#"{"seed":12345678901234567890, "x":1.0,"#, 1);
    let prompt = Prompt::parse_as(protocol.format, raw.clone()).expect("a valid prompt").with_trace(trace);

    node.node.clone().call(prompt).await.expect("the node answers");

    let request = node.requests.recv().await.expect("the node was asked");
    let (head, body) = request.split_once("\r\n\r\n").expect("a whole head");
    let lines: Vec<&str> = head.split("\r\n").collect();
    let traceparent = format!("traceparent: {trace}");
    for line in protocol.request.iter().copied().chain([&*traceparent, "accept: text/event-stream"]) {
        assert!(lines.contains(&line), "{line} is not in {lines:?}");
    }
    assert_eq!(body, raw);
}

/// A stream is not slowed down to the pace of its chunks.
pub async fn events_of_one_read_leave_as_one_piece<D: Dialect>(protocol: &Protocol<D>) {
    let chunk = |event: &&str| format!("{:x}\r\n{event}\r\n", event.len());
    let blocks = protocol.blocks();
    let chunks: String = blocks.iter().map(chunk).collect();
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    let node = protocol.serve(text, Then::Wait).await;

    let mut answer = protocol.ask(&node).await.expect("the node answers");

    let piece = answer.body.next().await.expect("a piece").expect("a whole one");
    assert_eq!(piece, blocks.concat());
    assert!(answer.body.next().await.is_none());
}

/// A node may say `100 Continue` and give early hints, which nobody asked for.
pub async fn interim_heads_are_passed_over<D: Dialect>(protocol: &Protocol<D>) {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";

    let text = protocol.text(interim.to_owned() + protocol.object).await;

    assert_eq!(text.as_deref(), Ok("Hello wörld"));
}

/// Prompts one after the other take one connection.
pub async fn connection_is_used_again_once_its_answer_is_whole<D: Dialect>(protocol: &Protocol<D>) {
    let node = protocol.serve_for(Patience::default(), lasting(protocol.events), Then::Next).await;

    for _ in 0..5 {
        bytes(protocol.ask(&node).await.expect("the node answers")).await.expect("the body is whole");
    }

    assert_eq!(node.connections(), 1);
}

/// A connection that is half open costs a new one, not the prompt.
pub async fn prompt_goes_out_again_if_the_node_hung_up_while_the_connection_was_idle<D: Dialect>(
    protocol: &Protocol<D>,
) {
    let mut node = protocol.serve_for(Patience::default(), lasting(protocol.object), Then::Close).await;

    for _ in 0..20 {
        bytes(protocol.ask(&node).await.expect("the node answers")).await.expect("the body is whole");
    }

    assert_eq!(node.connections(), 20);
    for _ in 0..20 {
        node.requests.recv().await.expect("each connection had one whole request");
    }
    assert!(node.requests.try_recv().is_err());
}

/// A node that took a prompt and hung up is not asked again: it may have begun.
pub async fn prompt_goes_out_once_over_a_fresh_connection<D: Dialect>(protocol: &Protocol<D>) {
    let node = protocol.serve("", Then::Close).await;

    let err = protocol.ask(&node).await.expect_err("the node hangs up");

    assert_eq!((err.code(), node.connections()), (Code::NodeFailed, 1));
}

/// Streams under way live in the futures and bodies of those who read them.
pub async fn stream_has_no_task<D: Dialect>(protocol: &Protocol<D>) {
    let node = protocol.serve_for(Patience::default(), protocol.begin(), Then::Wait).await;
    let mut answers = Vec::new();

    for _ in 0..8 {
        let mut answer = protocol.ask(&node).await.expect("the node answers");
        answer.body.next().await.expect("a piece").expect("the begin");
        answers.push(answer);
    }

    // One that listens, and one for each of its connections: all of them are the node's.
    assert_eq!(node.connections(), 8);
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 1 + 8);
}
