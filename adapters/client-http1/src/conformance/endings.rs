//! Answers that are not whole, or do not come.

use futures_util::StreamExt;
use maily_errors::{Code, Value};
use tower_service::Service;

use super::recorded::{Protocol, Then, body, head, until_close, with_length};
use crate::{Dialect, Patience};

/// Nobody listens.
pub async fn node_that_is_not_there_is_unreachable<D: Dialect>(protocol: &Protocol<D>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    drop(listener);

    let mut node = (protocol.node)(format!("http://{address}"), Patience::default()).expect("a valid url");
    let err = node.call(protocol.prompt()).await.expect_err("nobody is there");

    assert_eq!(err.code(), Code::NodeUnreachable);
    assert!(err.is_temporary());
}

/// No head, or none of HTTP.
pub async fn node_that_hangs_up_has_failed<D: Dialect>(protocol: &Protocol<D>) {
    assert_eq!(protocol.text("").await, Err(Code::NodeFailed));
    assert_eq!(protocol.text("nonsense\r\n\r\n").await, Err(Code::NodeFailed));
}

/// The connection ends inside a chunk, and before the length.
pub async fn stream_that_breaks_off_is_cut<D: Dialect>(protocol: &Protocol<D>) {
    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndata:\r\n";
    assert_eq!(protocol.text(chunked).await, Err(Code::StreamCut));
    assert_eq!(protocol.text(protocol.begin()).await, Err(Code::StreamCut));
}

/// The body ends as HTTP has it, and not as the protocol has it.
pub async fn stream_that_ends_without_an_end_is_incomplete<D: Dialect>(protocol: &Protocol<D>) {
    let blocks = protocol.blocks();
    for said in [blocks[..2].concat(), String::new()] {
        assert_eq!(protocol.text(until_close(&said)).await, Err(Code::AnswerIncomplete), "{said}");
    }

    assert_eq!(protocol.text(until_close(&blocks.concat())).await.as_deref(), Ok("Hello wörld"));
}

/// The node says more, or less, than it sends.
pub async fn length_that_is_a_lie_is_noticed<D: Dialect>(protocol: &Protocol<D>) {
    let object = protocol.object;
    assert_eq!(protocol.text(with_length(object, body(object).len() + 1000)).await, Err(Code::StreamCut));
    assert_eq!(protocol.text(with_length(object, 34)).await, Err(Code::AnswerIncomplete));
}

/// Events that are no JSON, a page, and a body that is compressed.
pub async fn answer_of_another_kind_is_malformed<D: Dialect>(protocol: &Protocol<D>) {
    let end = protocol.blocks().pop().expect("an event");
    let nonsense = until_close(&format!("data: {{nonsense\n\n{end}"));
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p/>".to_owned();
    let packed = protocol.object.replacen("\r\n", "\r\ncontent-encoding: gzip\r\n", 1);

    for answer in [nonsense, page, packed] {
        assert_eq!(protocol.text(answer.as_str()).await, Err(Code::StreamMalformed), "{answer}");
    }
}

/// Before the head, and between two pieces; the node hears of it.
pub async fn silent_node_is_left_at_each_phase<D: Dialect>(protocol: &Protocol<D>) {
    let mut silent = protocol.serve("", Then::Wait).await;
    let err = protocol.ask(&silent).await.expect_err("the node says nothing");
    let phase = |phase| (Code::Timeout, Some(("phase", Value::from(phase))));
    let seen = |err: &maily_errors::Error| {
        (err.code(), err.public_context().next().map(|(key, value)| (key, value.clone())))
    };
    assert_eq!(seen(&err), phase("headers"));
    silent.hung_up.recv().await.expect("the node is told");

    let mut stalling = protocol.serve(head(protocol.events), Then::Wait).await;
    let mut answer = protocol.ask(&stalling).await.expect("the head of an answer");
    let err = answer.body.next().await.expect("an end").expect_err("the node says no more");
    assert_eq!(seen(&err), phase("between chunks"));
    stalling.hung_up.recv().await.expect("the node is told");
}

/// Whoever leaves, before the answer or in it, closes the connection.
pub async fn answer_that_is_dropped_hangs_up_at_the_node<D: Dialect>(protocol: &Protocol<D>) {
    let mut reading = protocol.serve(protocol.begin(), Then::Wait).await;
    let mut answer = protocol.ask(&reading).await.expect("the node answers");
    assert!(answer.body.next().await.expect("a piece").is_ok());
    drop(answer);
    reading.hung_up.recv().await.expect("the node is told");

    let mut waiting = protocol.serve_for(Patience::default(), "", Then::Wait).await;
    let mut call = Box::pin(waiting.node.clone().call(protocol.prompt()));
    tokio::select! {
        _ = &mut call => panic!("the node never answers"),
        request = waiting.requests.recv() => assert!(request.is_some()),
    }
    drop(call);
    waiting.hung_up.recv().await.expect("the node is told");
}
