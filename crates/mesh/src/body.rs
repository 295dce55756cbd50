//! The bytes of an answer, as they arrive.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use futures_core::stream::BoxStream;
use maily_errors::{Error, Result};
use smallvec::SmallVec;

use crate::wire;

/// The body of an answer: a stream of raw bytes, in the OpenAI wire format.
///
/// There is no task and no channel behind it: polling the body polls the node. Dropping it drops
/// everything down to the connection, which cancels the work. After an error it ends.
///
/// # Examples
///
/// ```
/// use futures_util::TryStreamExt;
/// use maily_mesh::Body;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let body = Body::full("{}");
/// let chunks: Vec<_> = body.try_collect().await?;
/// assert_eq!(chunks, ["{}"]);
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
pub struct Body(Box<Inner>);

// In a box, because an answer is handed from layer to layer a dozen times.
struct Inner {
    source: Source,
    // What was looked at and not yet taken, and whether that is the beginning of the answer.
    held: SmallVec<[Bytes; 2]>,
    begun: bool,
    watchers: Vec<Box<dyn Watch>>,
}

enum Source {
    Ended,
    Full(Bytes),
    Stream(BoxStream<'static, Result<Bytes>>),
}

/// Somebody who sees a body pass, and changes nothing.
///
/// Dropped with the body: a watcher that was dropped before [`end`](Self::end) saw a cancellation.
pub trait Watch: Send {
    /// Sees a chunk before the reader gets it.
    fn chunk(&mut self, chunk: &Bytes);

    /// Sees the end: cleanly, or with the error that the reader gets.
    fn end(&mut self, error: Option<&Error>);
}

impl Body {
    /// The most bytes that are held back until an answer has begun: 1 MiB.
    pub const MAX_HELD_BYTES: usize = 1024 * 1024;

    /// Creates a body that is already there.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::of(Source::Full(bytes.into()))
    }

    /// Creates a body of a stream. Allocates once.
    pub fn stream(stream: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Self {
        Self::of(Source::Stream(Box::pin(stream)))
    }

    /// Creates a body of a stream that is in a box already.
    #[must_use]
    pub fn boxed(stream: BoxStream<'static, Result<Bytes>>) -> Self {
        Self::of(Source::Stream(stream))
    }

    fn of(source: Source) -> Self {
        Self(Box::new(Inner { source, held: SmallVec::new(), begun: false, watchers: Vec::new() }))
    }

    /// Adds somebody who sees the body pass. One that is all here has passed: it is seen now, which costs no box.
    #[must_use]
    pub fn watched(mut self, mut watcher: impl Watch + 'static) -> Self {
        let inner = &mut *self.0;
        let rest = match &inner.source {
            Source::Ended => None,
            Source::Full(bytes) => Some(bytes),
            Source::Stream(_) => {
                inner.watchers.push(Box::new(watcher));
                return self;
            }
        };
        let chunks = inner.held.iter().chain(rest).filter(|chunk| !chunk.is_empty());
        chunks.for_each(|chunk| watcher.chunk(chunk));
        watcher.end(None);
        self
    }

    /// Waits for the beginning of the answer without taking it: an error before it is still one before the answer.
    ///
    /// A stream has begun with the first chunk that says something; a role, a comment or a ping does
    /// not. An answer of one object has begun when it is there, so it comes whole or not at all. Both hold
    /// back at most [`MAX_HELD_BYTES`](Self::MAX_HELD_BYTES).
    ///
    /// # Errors
    ///
    /// Whatever the source fails with. Then the body has ended.
    pub fn poll_begin(&mut self, streamed: bool, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let inner = &mut *self.0;
        inner.begun |= matches!(inner.source, Source::Full(_));
        while !inner.begun {
            match ready!(inner.poll_source(cx)) {
                Some(Ok(chunk)) => {
                    inner.held.push(chunk);
                    let said = streamed && inner.says_something();
                    inner.begun = said || inner.held_bytes() > Self::MAX_HELD_BYTES;
                }
                Some(Err(err)) => {
                    inner.held.clear();
                    inner.finish(Some(&err));
                    return Poll::Ready(Err(err));
                }
                None => {
                    inner.begun = true;
                    if inner.held.is_empty() {
                        inner.finish(None);
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends it with an error that its source does not know of, and tells whoever watches.
    pub(crate) fn fail(mut self, error: &Error) {
        self.0.finish(Some(error));
    }

    /// How many bytes are still to be read, if all of them are here.
    ///
    /// So it is with an answer of one object of at most [`MAX_HELD_BYTES`](Self::MAX_HELD_BYTES) that
    /// [has begun](Self::poll_begin), and with a [full](Self::full) body.
    #[must_use]
    pub fn remaining(&self) -> Option<usize> {
        match &self.0.source {
            Source::Ended => Some(self.0.held_bytes()),
            Source::Full(bytes) => Some(self.0.held_bytes() + bytes.len()),
            Source::Stream(_) => None,
        }
    }
}

impl Inner {
    fn held_bytes(&self) -> usize {
        self.held.iter().map(Bytes::len).sum()
    }

    /// Whether the whole events that are held say something.
    fn says_something(&self) -> bool {
        match self.held.as_slice() {
            [only] => wire::says_something(only),
            // An event that came in pieces, or a role before it: there are never many.
            held => wire::says_something(&held.concat()),
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match &mut self.source {
            Source::Ended => Poll::Ready(None),
            Source::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = Source::Ended;
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Source::Stream(stream) => {
                let item = ready!(stream.as_mut().poll_next(cx));
                if !matches!(item, Some(Ok(_))) {
                    // The connection goes back, or away, now; not when the reader drops the body.
                    self.source = Source::Ended;
                }
                Poll::Ready(item)
            }
        }
    }

    fn finish(&mut self, error: Option<&Error>) {
        for mut watcher in self.watchers.drain(..) {
            watcher.end(error);
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self.get_mut().0;
        let item =
            if this.held.is_empty() { ready!(this.poll_source(cx)) } else { Some(Ok(this.held.remove(0))) };
        match &item {
            Some(Ok(chunk)) => {
                this.watchers.iter_mut().for_each(|watcher| watcher.chunk(chunk));
                // Who knows the length does not ask for more.
                if this.held.is_empty() && matches!(this.source, Source::Ended) {
                    this.finish(None);
                }
            }
            Some(Err(err)) => this.finish(Some(err)),
            None => this.finish(None),
        }
        Poll::Ready(item)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("watchers", &self.0.watchers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::{FutureExt, StreamExt, stream};
    use parking_lot::Mutex;

    use super::*;

    /// Notes the chunks that it sees, and an end as an empty one.
    struct Eye(Arc<Mutex<Vec<Bytes>>>);

    impl Watch for Eye {
        fn chunk(&mut self, chunk: &Bytes) {
            self.0.lock().push(chunk.clone());
        }

        fn end(&mut self, _: Option<&Error>) {
            self.0.lock().push(Bytes::new());
        }
    }

    #[test]
    fn body_that_is_all_here_is_seen_at_once_and_not_again() {
        let seen = Arc::default();
        let body = Body::full("{}").watched(Eye(Arc::clone(&seen)));

        assert_eq!(*seen.lock(), ["{}", ""]);
        assert_eq!(body.collect::<Vec<_>>().now_or_never().unwrap().len(), 1);
        assert_eq!(seen.lock().len(), 2);
    }

    #[test]
    fn body_that_comes_is_seen_as_it_is_read() {
        let seen = Arc::default();
        let chunks = stream::iter([Ok(Bytes::from("1")), Ok(Bytes::from("2"))]);
        let body = Body::stream(chunks).watched(Eye(Arc::clone(&seen)));

        assert!(seen.lock().is_empty());
        assert_eq!(body.collect::<Vec<_>>().now_or_never().unwrap().len(), 2);
        assert_eq!(*seen.lock(), ["1", "2", ""]);
    }
}
