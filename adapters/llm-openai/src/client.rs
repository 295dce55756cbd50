//! The call: one request, one answer that is passed through.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use maily_errors::{Error, Result};
use maily_mesh::wire::Ending;
use maily_mesh::{Body, Completion, Format, Prompt};
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::body::Upstream;
use crate::codec::{self, Fields, Heads};
use crate::config::Settings;
use crate::error;
use crate::http1::{Client, Head, Incoming, Sending};

/// An OpenAI-compatible server as a node. Clones share the connections.
#[derive(Clone)]
pub struct OpenAi {
    client: Arc<Client>,
    heads: Arc<Heads>,
}

impl OpenAi {
    pub(crate) fn new(settings: Settings) -> Self {
        let Settings { target, patience, heads } = settings;
        Self { client: Client::new(target, patience), heads: Arc::new(heads) }
    }
}

impl Service<Prompt> for OpenAi {
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let request = codec::request(&self.heads, &prompt);
        ResponseFuture { format: prompt.head.format, state: State::Sent(self.client.send(request)) }
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the heads: the key is in them.
        f.debug_struct("OpenAi").field("client", &self.client).finish_non_exhaustive()
    }
}

/// The future of [`OpenAi`]. Dropping it closes the connection, which aborts the call.
pub struct ResponseFuture {
    format: Format,
    state: State,
}

enum State {
    Sent(Sending<Fields>),
    // The node refused: what it says why is read, up to a limit.
    Refused { head: Head<Fields>, body: Box<Incoming>, reason: Vec<u8>, patience: Pin<Box<Sleep>> },
}

impl Future for ResponseFuture {
    type Output = Result<Completion>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Sent(sending) => match ready!(Pin::new(sending).poll(cx)) {
                    Ok((head, body)) if head.status.is_success() => {
                        return Poll::Ready(pass(this.format, head, body, cx));
                    }
                    Ok((head, body)) => {
                        let (reason, patience) = (Vec::new(), Box::pin(sleep(REASON_TIME)));
                        this.state = State::Refused { head, body: Box::new(body), reason, patience };
                    }
                    Err(failure) => return Poll::Ready(Err(error::of(failure))),
                },
                State::Refused { head, body, reason, patience } => {
                    match body.poll_piece(cx) {
                        Poll::Ready(Some(Ok(piece))) => {
                            reason.extend_from_slice(&piece);
                            if reason.len() < codec::MAX_REASON_BYTES {
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

fn pass(format: Format, head: Head<Fields>, mut body: Incoming, cx: &mut Context<'_>) -> Result<Completion> {
    let fields = head.headers;
    let streamed = fields.is_stream()?;
    let mut ending = Ending::new(format, streamed);
    let body = if body.is_whole()
        && let Poll::Ready(Some(Ok(piece))) = body.poll_piece(cx)
    {
        // All of it came with its head: no more polls.
        if !ending.is_whole_with(&piece) {
            return Err(error::without_end());
        }
        Body::full(piece)
    } else {
        Body::stream(Upstream::new(body, ending))
    };
    let mut completion = Completion::new(streamed, body).with_format(format);
    completion.head.headers = fields.passed_on;
    Ok(completion)
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// How long the reason of a refusal is waited for.
const REASON_TIME: Duration = Duration::from_secs(2);
