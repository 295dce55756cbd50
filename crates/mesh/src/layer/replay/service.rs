use std::task::{Context, Poll};

use bytes::Bytes;
use maily_errors::Error;
use tower_service::Service;

use super::ResponseFuture;
use super::body::Numbered;
use super::shelf::Shelf;
use crate::body::Body;
use crate::model::{Completion, Prompt};

/// Numbers the events of streams, and replays them for readers who come back.
#[derive(Clone, Debug)]
pub struct Replay<S> {
    inner: S,
    shelf: Shelf,
}

impl<S> Replay<S> {
    pub(super) const fn new(inner: S, shelf: Shelf) -> Self {
        Self { inner, shelf }
    }
}

impl<S> Service<Prompt> for Replay<S>
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

    fn call(&mut self, mut prompt: Prompt) -> Self::Future {
        if !prompt.head.resumable || !prompt.head.stream {
            return ResponseFuture::passing(self.inner.call(prompt), None);
        }
        let Some(last) = prompt.head.last_event else {
            let transcript = self.shelf.begin(&prompt);
            return ResponseFuture::passing(
                self.inner.call(prompt),
                Some(Numbered::new(transcript, Bytes::new())),
            );
        };
        match self.shelf.find(last, &prompt) {
            Err(err) => ResponseFuture::ready(Err(err)),
            Ok(transcript) => {
                let (events, ended) = transcript.events();
                let missed = events[last.number as usize..].concat();
                if ended {
                    return ResponseFuture::ready(Ok(Completion::new(true, Body::full(missed))));
                }
                if !events.is_empty() {
                    prompt.head.course.told = Some(events.into());
                }
                let numbered = Numbered::new(transcript, missed.into());
                ResponseFuture::passing(self.inner.call(prompt), Some(numbered))
            }
        }
    }
}
