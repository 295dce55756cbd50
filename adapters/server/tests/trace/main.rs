//! One trace from the caller over the server to the node, on real sockets.

#![expect(clippy::unwrap_used, reason = "a test")]

mod node;
mod server;
mod spans;

use futures_util::{SinkExt, StreamExt};
use maily_errors::TraceContext;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::node::{Act, Fleet, Seen};
use crate::server::Server;
use crate::spans::Spans;

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn trace(value: &str) -> TraceContext {
    TraceContext::parse(value).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn node_reads_the_trace_of_the_caller_with_the_span_that_asks_it() {
    let spans = Spans::installed();
    let fleet = Fleet::start([Act::Words]).await;
    let server = Server::start(&fleet).await;
    let caller = TraceContext::root();
    let headers = format!("traceparent: {caller}\r\ntracestate: vendor=opaque,other=1\r\n");

    server.stream(&headers).await;

    let [Seen { trace, state }] = &fleet.seen()[..] else { unreachable!("one request") };
    let asked = trace.unwrap();
    assert_eq!(asked.trace_id(), caller.trace_id());
    assert!(asked.is_sampled(), "the flag is the caller's");
    assert_eq!(state.as_deref(), Some("vendor=opaque,other=1"));
    // From the node back to the caller: the attempt, the prompt, the request.
    let attempt = spans.of(asked.span_id());
    let prompt = spans.of(attempt.above.unwrap());
    let request = spans.of(prompt.above.unwrap());
    println!("request {} > prompt {} > attempt {} > node", request.id, prompt.id, attempt.id);
    assert_eq!((attempt.name, prompt.name, request.name), ("attempt", "prompt", "request"));
    for span in [&attempt, &prompt, &request] {
        assert_eq!(span.trace, caller.trace_id(), "{}", span.name);
        assert_ne!(span.id, caller.span_id());
    }
    assert_eq!(attempt.fields["server.port"], fleet.port().to_string());
    assert_eq!(prompt.fields["otel.name"], "chat m");
    assert_eq!(prompt.fields["otel.kind"], "client");
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_that_does_not_sample_stays_unsampled() {
    let fleet = Fleet::start([Act::Words]).await;
    let server = Server::start(&fleet).await;

    server.stream(&format!("traceparent: {}0\r\n", &CALLER[..CALLER.len() - 1])).await;

    assert!(!fleet.seen()[0].trace.unwrap().is_sampled());
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_a_trace_begins_one() {
    let fleet = Fleet::start([Act::Words, Act::Words]).await;
    let server = Server::start(&fleet).await;

    server.stream("").await;
    server.stream("").await;

    let [one, other] = [0, 1].map(|at| fleet.seen()[at].trace.unwrap());
    assert_ne!(one.trace_id(), other.trace_id());
    assert!(one.is_sampled());
}

#[tokio::test(flavor = "multi_thread")]
async fn trace_that_cannot_be_read_is_no_error_and_begins_a_new_one() {
    for wrong in [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "nonsense",
    ] {
        let fleet = Fleet::start([Act::Words]).await;
        let server = Server::start(&fleet).await;

        server.stream(&format!("traceparent: {wrong}\r\ntracestate: vendor=opaque\r\n")).await;

        let Seen { trace: begun, state } = fleet.seen().remove(0);
        assert_ne!(begun.unwrap().trace_id(), trace(CALLER).trace_id(), "{wrong}");
        assert_eq!(state, None, "notes on another trace: {wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_is_a_step_of_its_own() {
    for (what, acts) in [
        ("a retry", [Act::Fail, Act::Words]),
        ("a hedge", [Act::Silent, Act::Words]),
        ("a stream that goes on", [Act::Cut, Act::Words]),
    ] {
        let spans = Spans::installed();
        let fleet = Fleet::start(acts).await;
        let server = Server::start(&fleet).await;
        let caller = TraceContext::root();

        server.stream(&format!("traceparent: {caller}\r\n")).await;

        let seen = fleet.seen();
        assert_eq!(seen.len(), 2, "{what}");
        let [one, other] = [0, 1].map(|at| seen[at].trace.unwrap());
        assert_eq!((one.trace_id(), other.trace_id()), (caller.trace_id(), caller.trace_id()), "{what}");
        assert_ne!(one.span_id(), other.span_id(), "{what}");
        let above = [one, other].map(|attempt| spans.of(attempt.span_id()).above.unwrap());
        assert_eq!(above[0], above[1], "{what} is part of the same prompt");
        assert_eq!(spans.of(above[0]).name, "prompt", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_of_a_socket_are_steps_of_the_trace_that_opened_it() {
    let fleet = Fleet::start([Act::Words, Act::Words]).await;
    let server = Server::start(&fleet).await;
    let url = format!("ws://{}/v1/mesh/stream", server.address());
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("traceparent", CALLER.parse().unwrap());
    request.headers_mut().insert("tracestate", "vendor=opaque".parse().unwrap());

    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    for _ in 0..2 {
        socket.send(Message::text(server::PROMPT)).await.unwrap();
        loop {
            let frame = socket.next().await.unwrap().unwrap().into_text().unwrap();
            assert!(!frame.contains(r#""type":"error""#), "{frame}");
            if frame.contains(r#""type":"done""#) {
                break;
            }
        }
    }

    let seen = fleet.seen();
    for Seen { trace: step, state } in &seen {
        assert_eq!(step.unwrap().trace_id(), trace(CALLER).trace_id());
        assert_eq!(state.as_deref(), Some("vendor=opaque"));
    }
    assert_ne!(seen[0].trace, seen[1].trace, "each prompt is a step of its own");
}
