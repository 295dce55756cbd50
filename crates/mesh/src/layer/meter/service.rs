use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::ResponseFuture;
use super::instruments::Instruments;
use crate::model::{Completion, Prompt};

/// Counts prompts and measures their answers.
#[derive(Clone, Debug)]
pub struct Meter<S> {
    inner: S,
    instruments: Instruments,
}

impl<S> Meter<S> {
    pub(super) const fn new(inner: S, instruments: Instruments) -> Self {
        Self { inner, instruments }
    }
}

impl<S> Service<Prompt> for Meter<S>
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
        let (model, format) = (prompt.head.model.clone(), prompt.head.format);
        ResponseFuture::new(self.inner.call(prompt), model, format, self.instruments.clone())
    }
}
