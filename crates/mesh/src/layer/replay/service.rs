use std::mem;
use std::task::{Context, Poll};

use bytes::Bytes;
use maily_errors::{Error, Result};
use tower_service::Service;

use super::ResponseFuture;
use super::body::Numbered;
use super::future::Numbers;
use super::kept::Kept;
use super::shared::{Found, Writer};
use super::shelf::{Resumed, Shelf};
use crate::body::Body;
use crate::layer::limit::retold;
use crate::model::{Completion, EventId, Prompt};

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
    S: Service<Prompt, Response = Completion, Error = Error, Future: Send> + Clone + Send + 'static,
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
        let shared = self.shelf.shared.begin(&prompt);
        let Some(last) = prompt.head.last_event else {
            let numbered = match shared {
                Some(writer) => Numbers::Shared(Box::new(Kept::new(writer, Bytes::new()))),
                None => Numbers::Here(Numbered::new(self.shelf.begin(&prompt), 0, Bytes::new())),
            };
            return ResponseFuture::passing(self.inner.call(prompt), Some(numbered));
        };
        if let Some(writer) = shared {
            // The ready one is called, its clone is ready later.
            let next = self.inner.clone();
            let inner = mem::replace(&mut self.inner, next);
            return ResponseFuture::returning(Box::pin(come_back(inner, prompt, last, writer)));
        }
        match self.shelf.find(last, &prompt) {
            Err(err) => ResponseFuture::ready(Err(err)),
            Ok(Resumed { transcript, reader, events, ended }) => {
                let missed = events[last.number as usize..].concat();
                if ended {
                    return ResponseFuture::ready(Ok(Completion::told_again(prompt.head.format, missed)));
                }
                let retold = retold(prompt.head.format, &events, last.number as usize);
                if !events.is_empty() {
                    prompt.head.course.told = Some(events.into());
                }
                let numbered = Numbers::Here(Numbered::new(transcript, reader, missed.into()));
                ResponseFuture::passing(self.inner.call(prompt), Some(numbered)).with_retold(retold)
            }
        }
    }
}

/// Answers a reader who comes back to a stream that any instance may have begun.
async fn come_back<S>(mut inner: S, mut prompt: Prompt, last: EventId, writer: Writer) -> Result<Completion>
where
    S: Service<Prompt, Response = Completion, Error = Error>,
{
    let Found { told, writer } = writer.take_over(last).await?;
    let missed = told.events[last.number as usize..].concat();
    if told.ended {
        return Ok(Completion::told_again(prompt.head.format, missed));
    }
    let retold = retold(prompt.head.format, &told.events, last.number as usize);
    if !told.events.is_empty() {
        prompt.head.course.told = Some(told.events.into());
    }
    let Completion { mut head, body } = inner.call(prompt).await?;
    if !head.streamed {
        return Ok(Completion { head, body });
    }
    head.retold = retold;
    let body = Body::stream(Kept::new(writer, missed.into()).with_body(body));
    Ok(Completion { head, body })
}
