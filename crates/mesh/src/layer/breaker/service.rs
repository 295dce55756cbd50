use std::task::{Context, Poll};

use maily_errors::Error;
use tokio::time::Instant;
use tower_service::Service;

use super::{Circuit, ResponseFuture};
use crate::model::{Completion, Prompt};

/// Leaves a node alone that fails too often.
#[derive(Clone, Debug)]
pub struct Breaker<S> {
    inner: S,
    circuit: Circuit,
}

impl<S> Breaker<S> {
    /// Wraps a node; whoever holds the circuit sees its state.
    pub const fn new(inner: S, circuit: Circuit) -> Self {
        Self { inner, circuit }
    }

    /// Returns the circuit.
    pub const fn circuit(&self) -> &Circuit {
        &self.circuit
    }
}

impl<S> Service<Prompt> for Breaker<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        match self.circuit.admit(Instant::now()) {
            Ok(call) => ResponseFuture::called(self.inner.call(prompt), call),
            Err(err) => ResponseFuture::refused(err),
        }
    }
}
