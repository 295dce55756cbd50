use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::ResponseFuture;
use super::store::{Joined, Store};
use crate::model::{Caching, Completion, Prompt};

/// Answers from memory, and lets equal prompts share one call.
#[derive(Clone, Debug)]
pub struct Cache<S> {
    inner: S,
    store: Option<Arc<Store>>,
}

impl<S> Cache<S> {
    pub(super) const fn new(inner: S, store: Option<Arc<Store>>) -> Self {
        Self { inner, store }
    }
}

impl<S> Service<Prompt> for Cache<S>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
    S::Future: Send + 'static,
{
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let found = self.store.as_ref().and_then(|store| Some((store, store.key(&prompt)?)));
        let Some((store, key)) = found else { return ResponseFuture::passing(self.inner.call(prompt)) };
        let fresh = prompt.head.caching == Caching::Refresh;
        if let Some(answer) = (!fresh).then(|| store.hit(&key)).flatten() {
            return ResponseFuture::ready(answer);
        }
        match store.join(key, fresh, prompt.head.deadline) {
            Joined::Answer(answer) => ResponseFuture::ready(answer),
            Joined::Flight(reader) => ResponseFuture::flying(reader),
            Joined::First(reader) => {
                // Boxed, because the call goes on when the prompt that began it leaves: it is nobody's future.
                reader.begin(Box::pin(self.inner.call(prompt)));
                ResponseFuture::flying(reader)
            }
        }
    }
}
