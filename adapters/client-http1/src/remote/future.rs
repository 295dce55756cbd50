//! The call: one request, one answer that is passed through.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maily_errors::{Error, Result};
use maily_mesh::wire::Ending;
use maily_mesh::{Body, Completion, Format};
use tokio::time::{Sleep, sleep};

use super::body::Upstream;
use super::fields::Fields;
use super::{Dialect, error, reason};
use crate::head::Head;
use crate::incoming::Incoming;
use crate::sending::Sending;

/// The future of [`Remote`](super::Remote). Dropping it closes the connection, which aborts the call.
pub struct ResponseFuture<D> {
    format: Format,
    state: State<D>,
}

enum State<D> {
    // Nothing was sent.
    Failed(Option<Error>),
    Sent(Sending<Fields<D>>),
    // The node refused: what it says why is read, up to a limit.
    Refused { head: Head<Fields<D>>, body: Box<Incoming>, reason: Vec<u8>, patience: Pin<Box<Sleep>> },
}

impl<D> ResponseFuture<D> {
    pub(super) const fn sent(format: Format, sending: Sending<Fields<D>>) -> Self {
        Self { format, state: State::Sent(sending) }
    }

    pub(super) const fn failed(format: Format, err: Error) -> Self {
        Self { format, state: State::Failed(Some(err)) }
    }
}

impl<D: Dialect> Future for ResponseFuture<D> {
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Failed(err) => {
                    return Poll::Ready(Err(err.take().expect("polled after it was ready")));
                }
                State::Sent(sending) => match ready!(Pin::new(sending).poll(cx)) {
                    Ok((head, body)) if head.status.is_success() => {
                        return Poll::Ready(pass(this.format, head, body, cx));
                    }
                    Ok((head, body)) => {
                        let (reason, patience) = (Vec::new(), Box::pin(sleep(REASON_TIME)));
                        this.state = State::Refused { head, body: Box::new(body), reason, patience };
                    }
                    Err(failure) => return Poll::Ready(Err(error::of::<D>(failure))),
                },
                State::Refused { head, body, reason, patience } => {
                    match body.poll_piece(cx) {
                        Poll::Ready(Some(Ok(piece))) => {
                            reason.extend_from_slice(&piece);
                            if reason.len() < reason::MAX_BYTES {
                                continue;
                            }
                        }
                        Poll::Ready(Some(Err(_)) | None) => {}
                        Poll::Pending => ready!(patience.as_mut().poll(cx)),
                    }
                    return Poll::Ready(Err(error::refused(head.status, &head.headers, reason)));
                }
            }
        }
    }
}

fn pass<D: Dialect>(
    format: Format,
    head: Head<Fields<D>>,
    mut body: Incoming,
    cx: &mut Context<'_>,
) -> Result<Completion> {
    let fields = head.headers;
    let streamed = fields.is_stream()?;
    let mut ending = Ending::new(format, streamed);
    let body = if body.is_whole()
        && let Poll::Ready(Some(Ok(piece))) = body.poll_piece(cx)
    {
        // All of it came with its head: no more polls.
        if !ending.is_whole_with(&piece) {
            return Err(error::without_end::<D>());
        }
        Body::full(piece)
    } else {
        Body::stream(Upstream::<D>::new(body, ending))
    };
    let mut completion = Completion::new(streamed, body).with_format(format);
    completion.head.headers = fields.passed_on;
    Ok(completion)
}

impl<D> fmt::Debug for ResponseFuture<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// How long the reason of a refusal is waited for.
const REASON_TIME: Duration = Duration::from_secs(2);
