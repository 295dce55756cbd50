use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::{Error, Result};
use tower_service::Service;

use super::bill::{Bill, Estimate};
use super::purse::{Outcome, Purse};
use super::{Keys, ResponseFuture};
use crate::model::{Completion, Prompt};

/// Lets each key spend what it may, and no more.
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    keys: Keys,
}

impl<S> Limit<S> {
    pub(super) const fn new(inner: S, keys: Keys) -> Self {
        Self { inner, keys }
    }

    /// Finds whose the prompt is, puts it into its class, and estimates what it takes.
    fn admit(&self, prompt: &mut Prompt) -> Result<Option<(Arc<Purse>, Estimate)>> {
        let Some(key) = &prompt.head.key else { return Ok(None) };
        let head = &prompt.head;
        let purse = self.keys.admit(key, Some(&head.model), head.format)?;
        let bytes = prompt.body().len();
        let estimate = Estimate::new(head, bytes, self.keys.price_of(&head.model), &purse);
        // Bytes of pictures are no text: what is that large is looked at.
        let estimate = if bytes > LARGE_BYTES {
            estimate.with_prompt(prompt.estimate_tokens().into())
        } else {
            estimate
        };
        prompt.head.priority = prompt.head.priority.max(purse.config.priority);
        Ok(Some((purse, estimate)))
    }
}

impl<S> Service<Prompt> for Limit<S>
where
    S: Service<Prompt, Response = Completion, Error = Error> + Clone,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut prompt: Prompt) -> Self::Future {
        let (purse, estimate) = match self.admit(&mut prompt) {
            Ok(Some(admitted)) => admitted,
            Ok(None) => return ResponseFuture::free(self.inner.call(prompt)),
            Err(err) => return ResponseFuture::refused(err),
        };
        let need = estimate.amounts();
        match purse.reserve(need, estimate.format) {
            Ok(Outcome::Held(held)) => {
                ResponseFuture::called(self.inner.call(prompt), Bill::new(estimate, held))
            }
            Ok(Outcome::Short(drawing)) => {
                let next = self.inner.clone();
                let inner = mem::replace(&mut self.inner, next);
                let held = purse.wait(need, estimate.format, drawing);
                ResponseFuture::waiting(inner, prompt, estimate, Box::pin(held))
            }
            Err(err) => ResponseFuture::refused(err),
        }
    }
}

/// From how many bytes on a prompt is looked at to estimate its tokens.
const LARGE_BYTES: usize = 64 * 1024;
