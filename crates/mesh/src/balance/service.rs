use std::task::{Context, Poll};

use maily_errors::{Error, TraceContext};
use tower::util::Oneshot;
use tower_service::Service;
use tracing::Span;
use tracing::field::{self, Empty};

use super::future::{Inflight, ResponseFuture};
use super::node::Member;
use super::nodes::Nodes;
use crate::model::{Completion, Prompt, PromptHead};

/// Chooses a node for each prompt. Always ready: which node is asked depends on the prompt.
#[derive(Clone, Debug)]
pub struct Balance {
    nodes: Nodes,
}

impl Balance {
    /// Creates a balancer over a set of nodes, which may change.
    #[must_use]
    pub const fn new(nodes: Nodes) -> Self {
        Self { nodes }
    }
}

impl Service<Prompt> for Balance {
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut prompt: Prompt) -> Self::Future {
        let model = prompt.head.model.clone();
        let route = match self.nodes.pick(&prompt) {
            Ok(route) => route,
            Err(err) => return ResponseFuture::failed(err),
        };
        let attempt = prompt.head.course.tried.note(route.member.name());
        // Each attempt is a step of its own: the node sees which one it is.
        let above = prompt.head.trace;
        prompt.head.trace = above.map(TraceContext::child);
        let span = span(&prompt.head, above, &route.member);
        let (service, at_node) = route.parts();
        let prompt = match at_node {
            Some(name) => prompt.with_model(name.clone()),
            None => prompt,
        };
        // Only a stream says something early; an answer in one piece may take minutes.
        let rules = self.nodes.rules();
        let silence = if prompt.head.stream { rules.silence } else { rules.whole };
        let inflight = Inflight::new(route.member, attempt, silence, span);
        ResponseFuture::asking(Oneshot::new(service, prompt), inflight, self.nodes.clone(), model)
    }
}

/// The span of one attempt, below that of its prompt.
fn span(head: &PromptHead, above: Option<TraceContext>, member: &Member) -> Span {
    let endpoint = &member.node.endpoint;
    head.course.span.in_scope(|| {
        tracing::info_span!(
            "attempt",
            otel.kind = "client",
            otel.status_code = Empty,
            trace_id = head.trace.map(|trace| field::display(trace.trace_id())),
            span_id = head.trace.map(|trace| field::display(trace.span_id())),
            parent_span_id = above.map(|above| field::display(above.span_id())),
            sampled = head.trace.map(TraceContext::is_sampled),
            server.address = endpoint.address(),
            server.port = endpoint.port(),
            error.type = Empty,
            maily.node = member.name().as_str(),
        )
    })
}
