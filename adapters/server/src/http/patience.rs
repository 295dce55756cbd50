//! Clients that do not read on: what is kept for them ends after a time.
//!
//! An answer that cannot be written holds a node, a place and a reservation, and its deadline is not looked at: whoever
//! would look is asked for more only when there is room. So the time is taken where the room is missing: of a
//! connection in the socket ([`Patient`]), of a stream that has no window on a connection that goes on in its body
//! ([`Streams`]).

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may take no byte of what there is for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A socket whose writes fail when the other side takes nothing for [`PATIENCE`].
#[derive(Debug)]
pub(super) struct Patient<T> {
    socket: T,
    /// Since the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Patient<T> {
    pub(super) const fn new(socket: T) -> Self {
        Self { socket, stalled: None }
    }
}

impl<T: AsyncWrite + Unpin> Patient<T> {
    fn progress<N>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<N>>) -> Poll<io::Result<N>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.progress(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.progress(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// The answers of one connection of HTTP/2.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<Weak<Mutex<Turn>>>>>);

/// Whose turn it is.
#[derive(Debug)]
struct Turn {
    body: Body,
    /// Since when the client has not come back for more; `None` while the answer is waited for.
    given: Option<Instant>,
}

impl Streams {
    /// Ends the answer if the client does not read on.
    pub(super) fn watch(&self, answer: Response) -> Response {
        answer.map(|body| {
            if body.is_end_stream() {
                return body;
            }
            let turn = Arc::new(Mutex::new(Turn { body, given: Some(Instant::now()) }));
            let mut turns = self.0.lock();
            if turns.len() == turns.capacity() {
                // Before it grows: most answers have ended long before somebody sweeps.
                turns.retain(|turn| turn.strong_count() > 0);
            }
            turns.push(Arc::downgrade(&turn));
            Body::new(Watched(turn))
        })
    }

    /// Ends what is not read, for as long as it is polled.
    pub(super) async fn sweep(&self) -> Infallible {
        loop {
            sleep(PATIENCE / 4).await;
            let mut left = Vec::new();
            self.0.lock().retain(|turn| match turn.upgrade() {
                Some(turn) => {
                    left.extend(turn.lock().leave());
                    true
                }
                None => false,
            });
            // Not within the lock: the end of an answer takes its time.
            drop(left);
        }
    }
}

impl Turn {
    /// Takes the body of an answer that is not read.
    fn leave(&mut self) -> Option<Body> {
        self.given.take_if(|given| given.elapsed() >= PATIENCE)?;
        Some(std::mem::replace(&mut self.body, Body::new(Ended)))
    }
}

/// A body that another one can take away.
struct Watched(Arc<Mutex<Turn>>);

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut turn = self.0.lock();
        turn.given = None;
        let frame = ready!(Pin::new(&mut turn.body).poll_frame(cx));
        turn.given = Some(Instant::now());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().body.size_hint()
    }
}

/// The rest of an answer that was not read: an error, so that it does not look complete.
struct Ended;

impl HttpBody for Ended {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::advance;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn write_fails_when_the_other_side_takes_nothing_for_a_time_and_not_while_it_reads_slowly() {
        let (mut client, server) = duplex(64);
        let mut server = Patient::new(server);
        let begun = Instant::now();

        // A byte in each half of the time: slow, but it reads.
        let reading = async {
            for _ in 0..8 {
                sleep(PATIENCE / 2).await;
                client.read_u8().await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[1; 72]), reading);
        written.unwrap();
        assert_eq!(begun.elapsed(), 4 * PATIENCE);

        let err = server.write_all(&[2; 72]).await.unwrap_err();
        assert_eq!((err.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, 5 * PATIENCE));
    }

    /// Returns an answer, and what is canceled when it is dropped.
    fn answer(
        pieces: impl futures_util::Stream<Item = Bytes> + Send + 'static,
    ) -> (Response, CancellationToken) {
        let gone = CancellationToken::new();
        let guard = gone.clone().drop_guard();
        let body = Body::from_stream(pieces.map(move |piece| {
            let _ = &guard;
            Ok::<_, Infallible>(piece)
        }));
        (Response::new(body), gone)
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_is_not_read_ends_and_does_not_look_complete() {
        let streams = Streams::default();
        let (endless, gone) = answer(stream::repeat(Bytes::from_static(b"more")));
        let mut body = streams.watch(endless).into_body();
        body.frame().await.unwrap().unwrap();

        let begun = Instant::now();
        tokio::select! {
            never = streams.sweep() => match never {},
            () = gone.cancelled() => {}
        }

        assert!(begun.elapsed() >= PATIENCE && begun.elapsed() <= PATIENCE * 2);
        assert!(body.frame().await.unwrap().is_err());
    }

    #[test]
    fn answers_that_have_ended_are_forgotten_before_there_are_many() {
        let streams = Streams::default();

        for _ in 0..10_000 {
            drop(streams.watch(answer(stream::pending()).0));
        }

        assert!(streams.0.lock().len() <= 8);
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_is_waited_for_is_left_alone_however_long_it_takes() {
        let streams = Streams::default();
        let (silent, gone) = answer(stream::once(async {
            sleep(PATIENCE * 10).await;
            Bytes::from_static(b"late")
        }));
        let mut body = streams.watch(silent).into_body();

        let piece = tokio::select! {
            never = streams.sweep() => match never {},
            piece = body.frame() => piece.unwrap().unwrap().into_data().unwrap(),
        };

        assert_eq!((&*piece, gone.is_cancelled()), (&b"late"[..], false));
        drop(body);
        advance(PATIENCE).await;
        assert!(gone.is_cancelled());
    }
}
