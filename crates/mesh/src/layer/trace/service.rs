use std::task::{Context, Poll};

use maily_errors::{Error, InTrace, TraceContext};
use tower_service::Service;
use tracing::field::Empty;

use super::ResponseFuture;
use crate::model::{Completion, Prompt};

/// Makes each prompt a span.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
}

impl<S> Trace<S> {
    /// Wraps a node.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Prompt> for Trace<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<InTrace<S::Future>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut prompt: Prompt) -> Self::Future {
        let around = prompt.head.trace.or_else(TraceContext::current);
        let here = around.map_or_else(TraceContext::root, TraceContext::child);
        prompt.head.trace = Some(here);
        let span = tracing::info_span!(
            "chat",
            otel.kind = "client",
            trace_id = %here.trace_id(),
            span_id = %here.span_id(),
            gen_ai.operation.name = "chat",
            gen_ai.request.model = prompt.head.model.as_str(),
            gen_ai.request.max_tokens = prompt.head.max_tokens,
            gen_ai.request.stream = prompt.head.stream,
            maily.node = Empty,
            maily.recalled = Empty,
            maily.chunks = Empty,
            error.type = Empty,
        );
        let future = span.in_scope(|| self.inner.call(prompt));
        ResponseFuture::new(here.scope(future), span)
    }
}
