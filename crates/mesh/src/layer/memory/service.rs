use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, mem};

use maily_errors::Error;
use tower_service::Service;

use super::{ResponseFuture, Rules};
use crate::model::{Completion, Format, Prompt};
use crate::port::Recall;

/// Recalls what fits into each prompt.
#[derive(Clone)]
pub struct Remember<S> {
    inner: S,
    recall: Option<Arc<dyn Recall>>,
    rules: Rules,
}

impl<S> Remember<S> {
    pub(super) const fn new(inner: S, recall: Option<Arc<dyn Recall>>, rules: Rules) -> Self {
        Self { inner, recall, rules }
    }
}

impl<S> Service<Prompt> for Remember<S>
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
        let speaks = prompt.head.format != Format::Embeddings;
        let recall = self.recall.as_ref().filter(|recall| speaks && recall.holds(&prompt.head.tenant));
        let asked = recall.and_then(|recall| Some((recall, prompt.last_user_text()?)));
        match asked {
            None => ResponseFuture::call(self.inner.call(prompt)),
            Some((recall, text)) => {
                let search = super::future::search(recall.clone(), &prompt, &text, self.rules);
                let next = self.inner.clone();
                let inner = mem::replace(&mut self.inner, next);
                ResponseFuture::recall(inner, prompt, search)
            }
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Remember<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remember")
            .field("inner", &self.inner)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
