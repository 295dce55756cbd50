use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use maily_errors::{Code, Error, Public, Result};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::util::Oneshot;
use tower_service::Service;

use super::Rules;
use super::ask::ask;
use super::framer::{Framer, malformed};
use super::joint::{Joint, last_event};
use super::told::Told;
use crate::body::Body;
use crate::layer::retry::Budget;
use crate::model::{Completion, CompletionHead, NodeName, Prompt, Tried};
use crate::wire;

pin_project! {
    /// The stream of one node, then of the next one: one answer for the reader.
    pub(super) struct Resumed<S>
    where
        S: Service<Prompt>,
    {
        inner: S,
        prompt: Prompt,
        budget: Budget,
        attempts: u32,
        told: Told,
        node: Option<NodeName>,
        // Which attempt at the prompt it is, if somebody counts.
        attempt: Option<u32>,
        // Whether a node that had the prompt signs what its model thinks.
        signs: bool,
        body: Option<Body>,
        framer: Framer,
        // For the stream of a second node.
        joint: Option<Box<Joint>>,
        // What ends the stream once the events before it have passed.
        fault: Option<Error>,
        // Boxed, because few streams need a second node.
        asking: Option<Pin<Box<Oneshot<S, Prompt>>>>,
    }
}

impl<S> Resumed<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone,
{
    pub(super) fn new(inner: S, prompt: Prompt, rules: Rules, budget: Budget) -> Self {
        let mut told = Told::new(prompt.head.format, rules.max_bytes);
        // Who told the reader the beginning is not known any more.
        let signs = prompt.head.course.told.is_some();
        prompt
            .head
            .course
            .told
            .iter()
            .flat_map(|chunks| chunks.iter())
            .for_each(|chunk| told.keep(chunk.clone()));
        Self {
            inner,
            prompt,
            budget,
            attempts: rules.attempts,
            told,
            node: None,
            attempt: None,
            signs,
            body: None,
            framer: Framer::default(),
            joint: None,
            fault: None,
            asking: None,
        }
    }

    /// Writes the prompt for a reader who has the beginning of the answer already, or the rest if the reader has all else.
    pub(super) fn go_on(&mut self) -> Result<ControlFlow<Completion, Prompt>> {
        let (format, story) = (self.prompt.head.format, self.told.story());
        if story.done || story.finished {
            let rest = if story.done { Bytes::new() } else { last_event(format) };
            return Ok(ControlFlow::Break(Completion::new(true, Body::full(rest)).with_format(format)));
        }
        let next = ask(&self.prompt, story, self.signs).map_err(|hurdle| {
            Error::new(Code::StreamGone, "the answer cannot be continued")
                .with_operation("mesh::resume")
                .with_context("resume", Public(hurdle))
        })?;
        self.joint = Some(Box::new(Joint::new(format, story)));
        Ok(ControlFlow::Continue(next))
    }

    /// Begins with the stream of a node.
    pub(super) fn begin(&mut self, head: &CompletionHead, body: Body) {
        (self.node, self.attempt, self.body) = (head.node.clone(), head.attempt, Some(body));
        self.signs |= signs(head);
    }
}

impl<S> Stream for Resumed<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone,
{
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let this = self.as_mut().project();
            if let Some(asking) = this.asking {
                match ready!(asking.as_mut().poll(cx)) {
                    Ok(answer) => {
                        self.as_mut().join(answer);
                        continue;
                    }
                    Err(err) => {
                        *this.asking = None;
                        *this.fault = Some(err);
                    }
                }
            }
            if let Some(err) = this.fault.take() {
                *this.body = None;
                match self.as_mut().cut(err) {
                    // Another node is asked.
                    ControlFlow::Continue(()) => continue,
                    ControlFlow::Break(item) => return Poll::Ready(item),
                }
            }
            let Some(body) = this.body else { return Poll::Ready(None) };
            match ready!(Pin::new(body).poll_next(cx)) {
                Some(Ok(chunk)) => {
                    let framed = this.framer.push(chunk);
                    *this.fault = framed.fault;
                    let whole = match this.joint {
                        None => framed.whole,
                        Some(joint) => {
                            let (whole, outcome) = joint.translate(&framed.whole);
                            *this.fault = outcome.err().or(this.fault.take());
                            whole
                        }
                    };
                    if !whole.is_empty() {
                        this.told.keep(whole.clone());
                        return Poll::Ready(Some(Ok(whole)));
                    }
                }
                Some(Err(err)) => *this.fault = Some(err),
                None if this.framer.is_inside() => {
                    *this.fault = Some(malformed("the stream ends inside an event"))
                }
                None => {
                    *this.body = None;
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl<S> Resumed<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone,
{
    /// The stream broke off. Asks another node for the rest, or returns how the stream ends.
    fn cut(self: Pin<&mut Self>, err: Error) -> ControlFlow<Option<Result<Bytes>>> {
        let this = self.project();
        let (format, story) = (this.prompt.head.format, this.told.story());
        if story.done {
            return ControlFlow::Break(None);
        }
        if story.finished {
            // The reader has all of the text and why it ended; only the last event is missing.
            let last = last_event(format);
            this.told.keep(last.clone());
            return ControlFlow::Break(Some(Ok(last)));
        }
        let cost = Budget::cost(&this.prompt.head);
        if this.joint.is_some() {
            // A stream that was cut once is not the fleet's fault; what it is continued with has to hold.
            this.budget.charge(cost);
        }
        let late = this.prompt.head.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let next = if !is_cut(err.code()) {
            Err("this failure")
        } else if *this.attempts == 0 {
            Err("attempts")
        } else if late {
            Err("deadline")
        } else if !this.budget.is_open() {
            Err("budget")
        } else {
            ask(this.prompt, story, *this.signs)
        };
        match next {
            Err(hurdle) => ControlFlow::Break(Some(Err(err.with_context("resume", Public(hurdle))))),
            Ok(mut next) => {
                tracing::debug!(
                    code = err.code().name(),
                    after = story.tokens,
                    "asks another node for the rest"
                );
                metrics::counter!("maily_mesh_resumed_total").increment(1);
                *this.joint = Some(Box::new(Joint::new(format, story)));
                *this.framer = Framer::default();
                *this.attempts -= 1;
                let course = &mut next.head.course;
                course.extra = true;
                course.tried = Tried::behind(this.attempt.unwrap_or(1), this.node.as_ref());
                *this.asking = Some(Box::pin(Oneshot::new(this.inner.clone(), next)));
                ControlFlow::Continue(())
            }
        }
    }

    /// Another node answers: tells the reader, in a comment that event streams allow and clients read over.
    ///
    /// It is a line of the next event: behind a comment with a blank line of its own, the official Python client reads an
    /// event without data if the stream has numbers.
    fn join(self: Pin<&mut Self>, answer: Completion) {
        let this = self.project();
        *this.asking = None;
        if !answer.head.streamed {
            *this.fault = Some(malformed("the continuation is no stream"));
            return;
        }
        *this.signs |= signs(&answer.head);
        (*this.node, *this.attempt) = (answer.head.node, answer.head.attempt);
        *this.body = Some(answer.body);
        let node = this.node.clone().unwrap_or_else(|| NodeName::new(""));
        let resumed = wire::Resumed { after: this.told.story().tokens, node, attempt: *this.attempt };
        if let Some(joint) = this.joint {
            joint.mark(resumed.comment());
        }
    }
}

fn signs(head: &CompletionHead) -> bool {
    head.endpoint.as_ref().is_some_and(|endpoint| endpoint.signs_thoughts())
}

/// Whether the node failed, and not the prompt.
const fn is_cut(code: Code) -> bool {
    matches!(
        code,
        Code::AnswerIncomplete
            | Code::NodeFailed
            | Code::NodeThrottled
            | Code::NodeUnreachable
            | Code::StreamCut
            | Code::StreamMalformed
            | Code::Timeout
    )
}
