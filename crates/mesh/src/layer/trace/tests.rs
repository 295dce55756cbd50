use tower::{Layer, ServiceExt};

use super::TraceLayer;
use crate::memory::{Scripted, Step};
use crate::model::Prompt;
use crate::trace_context::TraceContext;

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

#[test]
fn header_that_the_standard_forbids_is_ignored() {
    let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(TraceContext::parse(valid).unwrap().to_string(), valid);
    assert!(TraceContext::parse("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
    for header in [
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(TraceContext::parse(header), None, "{header}");
    }
}
