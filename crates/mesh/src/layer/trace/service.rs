use std::task::{Context, Poll};

use maily_errors::{Error, InTrace, TraceContext};
use tower_service::Service;
use tracing::Span;
use tracing::field::{self, Empty};

use super::ResponseFuture;
use crate::model::{Completion, Prompt, PromptHead};

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
        let format = prompt.head.format;
        let span = span(&prompt.head, around, here);
        if !span.is_disabled() {
            // An attempt that a body makes later is below it too.
            prompt.head.course.span = span.clone();
        }
        let future = span.in_scope(|| self.inner.call(prompt));
        ResponseFuture::new(here.scope(future), span, format)
    }
}

fn span(head: &PromptHead, around: Option<TraceContext>, here: TraceContext) -> Span {
    let operation = head.format.operation();
    tracing::info_span!(
        "prompt",
        otel.name = %format_args!("{operation} {}", head.model),
        otel.kind = "client",
        otel.status_code = Empty,
        trace_id = %here.trace_id(),
        span_id = %here.span_id(),
        parent_span_id = around.map(|around| field::display(around.span_id())),
        sampled = here.is_sampled(),
        gen_ai.operation.name = operation,
        gen_ai.provider.name = Empty,
        gen_ai.request.model = head.model.as_str(),
        gen_ai.request.max_tokens = head.max_tokens,
        gen_ai.request.stream = head.stream,
        gen_ai.response.model = Empty,
        gen_ai.response.finish_reasons = Empty,
        gen_ai.response.time_to_first_chunk = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.reasoning.output_tokens = Empty,
        server.address = Empty,
        server.port = Empty,
        error.type = Empty,
        maily.node = Empty,
        maily.recalled = Empty,
        maily.chunks = Empty,
    )
}
