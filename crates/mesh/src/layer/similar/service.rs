use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use super::ResponseFuture;
use super::store::Store;
use crate::model::{Completion, Prompt};

/// Answers similar prompts from memory.
#[derive(Clone, Debug)]
pub struct Similar<S> {
    inner: S,
    store: Option<Arc<Store>>,
}

impl<S> Similar<S> {
    pub(super) const fn new(inner: S, store: Option<Arc<Store>>) -> Self {
        Self { inner, store }
    }
}

impl<S> Service<Prompt> for Similar<S>
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

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let asked = self.store.as_ref().and_then(|store| Some((store, store.asked(&prompt)?)));
        match asked {
            None => ResponseFuture::call(self.inner.call(prompt)),
            Some((store, asked)) => {
                let next = self.inner.clone();
                let inner = mem::replace(&mut self.inner, next);
                ResponseFuture::look_up(inner, prompt, store, asked)
            }
        }
    }
}

#[cfg(test)]
impl<S> Similar<S> {
    pub(super) fn store(&self) -> &Store {
        self.store.as_ref().expect("the layer is on")
    }
}
