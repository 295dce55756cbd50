use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::util::Oneshot;
use tracing::Span;

use super::node::Member;
use super::nodes::Nodes;
use crate::body::Watch;
use crate::layer::breaker::Call;
use crate::layer::translate::Translate;
use crate::model::{Completion, ModelName, NodeName, Prompt};
use crate::port::AnyLlm;

pin_project! {
    /// The future of [`Balance`](super::Balance).
    pub struct ResponseFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State {
        Failed { err: Option<Error> },
        Asking { #[pin] answer: Oneshot<Translate<AnyLlm>, Prompt>, inflight: Option<Inflight>, nodes: Nodes, model: ModelName },
    }
}

impl ResponseFuture {
    pub(super) const fn failed(err: Error) -> Self {
        Self { state: State::Failed { err: Some(err) } }
    }

    pub(super) const fn asking(
        answer: Oneshot<Translate<AnyLlm>, Prompt>,
        inflight: Inflight,
        nodes: Nodes,
        model: ModelName,
    ) -> Self {
        Self { state: State::Asking { answer, inflight: Some(inflight), nodes, model } }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (answer, inflight, nodes, model) = match self.project().state.project() {
            StateProjection::Failed { err } => {
                return Poll::Ready(Err(err.take().expect("polled after it was ready")));
            }
            StateProjection::Asking { answer, inflight, nodes, model } => (answer, inflight, nodes, model),
        };
        let entered = inflight.as_ref().map(|inflight| inflight.span.enter());
        let answer = ready!(answer.poll(cx));
        drop(entered);
        let mut inflight = inflight.take().expect("polled after it was ready");
        Poll::Ready(match answer {
            Ok(Completion { mut head, body }) => {
                head.node = Some(inflight.name().clone());
                head.attempt = Some(inflight.attempt);
                head.endpoint = Some(inflight.member.node.endpoint.clone());
                Ok(Completion { head, body: body.watched(inflight) })
            }
            Err(err) => {
                inflight.end(Some(&err));
                Err(explain(err, inflight.name(), nodes, model))
            }
        })
    }
}

/// Names the node, and says when the fleet, rather than this node, may be asked again.
fn explain(err: Error, node: &NodeName, nodes: &Nodes, model: &ModelName) -> Error {
    let err = err.with_context("node", Public(node.as_str()));
    match nodes.wait(model).filter(|_| err.is_temporary()) {
        // A lone node that failed is asked again after the usual pause; another one is asked at once.
        Some(wait) if err.retry_after().is_some() || nodes.others(model, node) => err.with_retry_after(wait),
        _ => err,
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// A prompt at a node, from the call to the end of the body; dropping it takes it off the node's load.
pub(super) struct Inflight {
    member: Arc<Member>,
    attempt: u32,
    call: Call,
    start: Instant,
    silence: Duration,
    judged: bool,
    ended: bool,
    span: Span,
}

impl Inflight {
    /// `attempt` says which one at the prompt it is, `silence` how long the caller waits for the first byte.
    pub(super) fn new(member: Arc<Member>, attempt: u32, silence: Duration, span: Span) -> Self {
        member.load.begin(member.clock.now());
        // Whoever chose the node wants it asked: it is in, or the last resort.
        let call = member.circuit.force();
        Self { member, attempt, call, start: Instant::now(), silence, judged: false, ended: false, span }
    }

    fn name(&self) -> &NodeName {
        self.member.name()
    }
}

impl Watch for Inflight {
    fn chunk(&mut self, _: &Bytes) {
        if !std::mem::replace(&mut self.judged, true) {
            let Member { load, clock, took: times, .. } = &*self.member;
            let (took, now) = (self.start.elapsed(), clock.now());
            load.begun();
            load.answered(took, clock, now);
            times.first_byte.record(took, now.nanos());
            self.call.begun();
        }
    }

    fn end(&mut self, error: Option<&Error>) {
        self.ended = true;
        if !std::mem::replace(&mut self.judged, true) {
            self.member.load.begun();
        }
        self.call.end(error);
        let now = self.member.clock.now();
        if let Some(err) = error {
            self.span.record("error.type", err.code().name());
            self.span.record("otel.status_code", "ERROR");
            self.member.load.failed(err, now);
            if err.code() == Code::NodeUnreachable {
                // When it is back it has nothing cached.
                self.member.prefixes.clear();
            }
        } else {
            self.member.took.duration.record(self.start.elapsed(), now.nanos());
        }
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        if !self.ended {
            // A reader who left, or a hedge that another one won.
            self.span.record("error.type", "canceled");
        }
        let Member { load, clock, .. } = &*self.member;
        if !self.judged {
            load.begun();
            let waited = self.start.elapsed();
            load.abandoned(waited, clock, clock.now());
            if waited >= self.silence {
                self.call.left_in_vain();
            }
        }
        load.end();
    }
}
