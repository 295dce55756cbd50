use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::instruments::Instruments;
use crate::layer::database::{Failure, Operation};
use crate::model::Reply;

pin_project! {
    /// The answer of [`Meter`](super::Meter).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        running: Running,
    }
}

/// What is noted when it is dropped before its end.
#[derive(Debug)]
struct Running {
    operation: Operation,
    instruments: Instruments,
    begun: Instant,
    ended: bool,
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(super) const fn new(
        inner: F,
        operation: Operation,
        begun: Instant,
        instruments: Instruments,
    ) -> Self {
        Self { inner, running: Running { operation, instruments, begun, ended: false } }
    }
}

impl<F: Future<Output = Result<Reply>>> Future for ResponseFuture<F> {
    type Output = Result<Reply>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.inner.poll(cx));
        this.running.end(Failure::of(&outcome).as_ref());
        Poll::Ready(outcome)
    }
}

impl Running {
    #[inline]
    fn end(&mut self, failure: Option<&Failure<'_>>) {
        self.ended = true;
        let took = self.begun.elapsed();
        match failure {
            None => self.instruments.succeeded(self.operation, took),
            Some(failure) => self.instruments.failed(self.operation, took, failure),
        }
    }
}

impl Drop for Running {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            self.end(Some(&Failure { error: "canceled", status: None }));
        }
    }
}
