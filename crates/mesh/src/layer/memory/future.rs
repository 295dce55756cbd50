use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::future::BoxFuture;
use maily_errors::{Error, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_service::Service;

use super::Rules;
use super::quote::{as_message, choose};
use crate::model::{Completion, MemoryQuery, Prompt, Recalled};
use crate::port::Recall;

pin_project! {
    /// The future of [`Remember`](super::Remember).
    pub struct ResponseFuture<S>
    where
        S: Service<Prompt>,
    {
        #[pin]
        state: State<S, S::Future>,
        recalled: Vec<Recalled>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F> {
        Recalling { next: Option<(S, Prompt)>, search: BoxFuture<'static, Vec<Recalled>> },
        Called { #[pin] future: F },
    }
}

impl<S: Service<Prompt>> ResponseFuture<S> {
    pub(super) const fn call(future: S::Future) -> Self {
        Self { state: State::Called { future }, recalled: Vec::new() }
    }

    pub(super) const fn recall(inner: S, prompt: Prompt, search: BoxFuture<'static, Vec<Recalled>>) -> Self {
        Self { state: State::Recalling { next: Some((inner, prompt)), search }, recalled: Vec::new() }
    }
}

/// Searches as long as the rules and the deadline of the prompt allow, and chooses.
///
/// Boxed, because the future of a `dyn Recall` has no name.
pub(super) fn search(
    recall: Arc<dyn Recall>,
    prompt: &Prompt,
    text: &str,
    rules: Rules,
) -> BoxFuture<'static, Vec<Recalled>> {
    // More than may be chosen, because some of it says the same.
    let limit = (rules.limit * 4).min(MemoryQuery::MAX_LIMIT);
    let query = MemoryQuery::new(end_of(text)).with_tenant(prompt.head.tenant.clone()).with_limit(limit);
    let patience = Instant::now() + rules.timeout;
    let deadline = prompt.head.deadline.map_or(patience, |deadline| deadline.min(patience));
    Box::pin(async move {
        match tokio::time::timeout_at(deadline, recall.search(query)).await {
            Ok(Ok(found)) => choose(found, &rules),
            Ok(Err(err)) => {
                tracing::warn!(error = %err, "goes on without memories");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!("goes on without memories, which took too long");
                Vec::new()
            }
        }
    })
}

/// Returns the last 8 KiB of a text: in a long message the question stands at the end.
fn end_of(text: &str) -> &str {
    const MOST: usize = 8 * 1024;
    &text[text.ceil_char_boundary(text.len().saturating_sub(MOST))..]
}

impl<S> Future for ResponseFuture<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjection::Recalling { next, search } => {
                    let found = ready!(search.as_mut().poll(cx));
                    let (mut inner, mut prompt) = next.take().expect("the search is polled once to its end");
                    if !found.is_empty() {
                        prompt = match prompt.with_system(&as_message(&found)) {
                            Ok(prompt) => prompt,
                            Err(err) => return Poll::Ready(Err(err)),
                        };
                    }
                    *this.recalled = found;
                    this.state.set(State::Called { future: inner.call(prompt) });
                }
                StateProjection::Called { future } => {
                    let answer = ready!(future.poll(cx));
                    return Poll::Ready(answer.map(|mut answer| {
                        answer.head.recalled = std::mem::take(this.recalled);
                        answer
                    }));
                }
            }
        }
    }
}

impl<S: Service<Prompt>> fmt::Debug for ResponseFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("recalled", &self.recalled).finish_non_exhaustive()
    }
}
