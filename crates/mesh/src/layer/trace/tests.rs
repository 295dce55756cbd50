use maily_errors::TraceContext;
use tower::{Layer, ServiceExt};

use super::TraceLayer;
use crate::memory::{Scripted, Step};
use crate::model::Prompt;

#[tokio::test]
async fn prompt_without_a_trace_begins_one() {
    let node = Scripted::new([Step::Answer("Hello".into())]);

    TraceLayer::new().layer(node.clone()).oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap();

    assert!(node.seen()[0].head.trace.is_some());
}

#[tokio::test]
async fn node_sees_a_step_below_the_caller() {
    let node = Scripted::new([Step::Answer("Hello".into())]);
    let caller = TraceContext::root();
    let prompt = Prompt::text("m", "Hi").unwrap().with_trace(caller);

    TraceLayer::new().layer(node.clone()).oneshot(prompt).await.unwrap();

    let seen = node.seen()[0].head.trace.unwrap();
    assert_eq!(seen.trace_id(), caller.trace_id());
    assert_ne!(seen, caller);
}

#[tokio::test]
async fn prompt_of_a_request_goes_on_in_its_trace() {
    let node = Scripted::new([Step::Answer("Hello".into())]);
    let request = TraceContext::root();

    let answer = TraceLayer::new().layer(node.clone()).oneshot(Prompt::text("m", "Hi").unwrap());
    request.scope(answer).await.unwrap();

    assert_eq!(node.seen()[0].head.trace.unwrap().trace_id(), request.trace_id());
}
