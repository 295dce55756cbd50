use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::{Error, InTrace, TraceContext};
use tower_service::Service;
use tracing::Span;
use tracing::field::Empty;

use super::ResponseFuture;
use super::layer::{About, OPERATION};
use crate::model::{Embedding, Texts};

/// Makes each call of an embedder a span, and measures it.
#[derive(Clone, Debug)]
pub struct Embeddings<S> {
    inner: S,
    about: Arc<About>,
}

impl<S> Embeddings<S> {
    pub(super) const fn new(inner: S, about: Arc<About>) -> Self {
        Self { inner, about }
    }
}

impl<S> Service<Texts> for Embeddings<S>
where
    S: Service<Texts, Response = Vec<Embedding>, Error = Error>,
{
    type Response = Vec<Embedding>;
    type Error = Error;
    type Future = ResponseFuture<InTrace<S::Future>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, texts: Texts) -> Self::Future {
        let here = TraceContext::current().map_or_else(TraceContext::root, TraceContext::child);
        let span = span(&self.about, here, texts.as_slice().len());
        let future = span.in_scope(|| self.inner.call(texts));
        ResponseFuture::new(here.scope(future), span, self.about.clone())
    }
}

fn span(about: &About, here: TraceContext, texts: usize) -> Span {
    tracing::info_span!(
        "embeddings",
        otel.name = %format_args!("{OPERATION} {}", about.model),
        // It runs in this process, or knows itself how it calls another one.
        otel.kind = "internal",
        otel.status_code = Empty,
        trace_id = %here.trace_id(),
        span_id = %here.span_id(),
        gen_ai.operation.name = OPERATION,
        gen_ai.provider.name = about.provider,
        gen_ai.request.model = about.model.as_str(),
        error.type = Empty,
        maily.texts = texts,
    )
}
