//! A call, from the request to the head of the answer.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::future::BoxFuture;

use crate::client::{Failure, Shared};
use crate::connection::Connection;
use crate::decode::Decoder;
use crate::head::{self, Head, Headers};
use crate::incoming::Incoming;
use crate::request::Request;

/// The future of a call: the head of the answer, and its body. Dropping it hangs up.
pub struct Sending<H> {
    client: Arc<Shared>,
    request: Request,
    state: State,
    headers: PhantomData<fn() -> H>,
}

enum State {
    // Boxed, because it has no name; a connection is made once for many calls.
    Connecting(BoxFuture<'static, io::Result<Connection>>),
    Asking(Asking),
    Done,
}

/// A request on its way over a connection.
struct Asking {
    connection: Box<Connection>,
    /// Whether the connection had another request before: then the server may have hung up meanwhile.
    used: bool,
    /// How much of the request was written; the answer may come before all is.
    sent: usize,
    flushed: bool,
    /// The begin of a head that did not come in one read.
    begun: Vec<u8>,
    /// How long the interim heads were.
    interim: usize,
}

impl<H: Headers> Sending<H> {
    pub(crate) fn new(client: Arc<Shared>, request: Request) -> Self {
        let state = match client.pool.take() {
            Some(connection) => State::Asking(Asking::new(connection, true, &client)),
            None => State::connecting(&client),
        };
        Self { client, request, state, headers: PhantomData }
    }
}

impl State {
    fn connecting(client: &Arc<Shared>) -> Self {
        let client = client.clone();
        Self::Connecting(Box::pin(async move { client.target.connect(client.patience.connect()).await }))
    }
}

impl<H: Headers> Future for Sending<H> {
    type Output = Result<(Head<H>, Incoming), Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                    Ok(connection) => {
                        this.state = State::Asking(Asking::new(Box::new(connection), false, &this.client));
                    }
                    Err(err) => {
                        this.state = State::Done;
                        return Poll::Ready(Err(Failure::Unreachable(err)));
                    }
                },
                State::Asking(asking) => {
                    let answer = ready!(asking.poll(cx, &this.request));
                    let State::Asking(asking) = std::mem::replace(&mut this.state, State::Done) else {
                        unreachable!("it was just looked at")
                    };
                    match answer {
                        Ok(Begin { head, decoder, first, excess }) => {
                            // A request that is not all there would be read on as the next one.
                            let persistent = head.persistent && asking.flushed && !excess;
                            let incoming = Incoming::new(
                                this.client.clone(),
                                asking.connection,
                                decoder,
                                first,
                                persistent,
                            );
                            return Poll::Ready(Ok((head, incoming)));
                        }
                        // It hung up while it was idle, or just then. A server that took the request would have
                        // answered something: the request goes out again, once, over a fresh connection.
                        Err(Failure::HungUp(_)) if asking.used && asking.is_unheard() => {
                            this.state = State::connecting(&this.client);
                        }
                        Err(failure) => return Poll::Ready(Err(failure)),
                    }
                }
                State::Done => unreachable!("polled after it was ready"),
            }
        }
    }
}

impl<H> fmt::Debug for Sending<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Asking {
    /// Whether no byte of an answer came.
    const fn is_unheard(&self) -> bool {
        self.begun.is_empty() && self.interim == 0
    }

    fn new(mut connection: Box<Connection>, used: bool, client: &Shared) -> Self {
        connection.wait(client.patience.headers());
        Self { connection, used, sent: 0, flushed: false, begun: Vec::new(), interim: 0 }
    }

    fn poll<H: Headers>(
        &mut self,
        cx: &mut Context<'_>,
        request: &Request,
    ) -> Poll<Result<Begin<H>, Failure>> {
        // A server may refuse a request before it has read it all, and then stop to read: what it says still counts.
        let written = match self.poll_write(cx, request) {
            Poll::Ready(Err(err)) => Some(err),
            Poll::Ready(Ok(())) | Poll::Pending => None,
        };
        loop {
            let (begun, interim) = (&mut self.begun, &mut self.interim);
            let read = self
                .connection
                .poll_read(cx, |bytes| (!bytes.is_empty()).then(|| take(begun, interim, bytes)).ok_or(()));
            match read {
                Poll::Ready(Ok(Ok(Ok(None)))) => {}
                Poll::Ready(Ok(Ok(Ok(Some(begin))))) => return Poll::Ready(Ok(begin)),
                Poll::Ready(Ok(Ok(Err(failure)))) => return Poll::Ready(Err(failure)),
                Poll::Ready(Ok(Err(()))) => return Poll::Ready(Err(Failure::HungUp(written))),
                Poll::Ready(Err(err)) => return Poll::Ready(Err(Failure::HungUp(written.or(Some(err))))),
                Poll::Pending if written.is_some() => return Poll::Ready(Err(Failure::HungUp(written))),
                Poll::Pending => break,
            }
        }
        self.connection.poll_overdue(cx).map(|()| Err(Failure::Silent("headers")))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, request: &Request) -> Poll<io::Result<()>> {
        while self.sent < request.len() {
            let (pieces, count) = request.from(self.sent);
            match ready!(self.connection.poll_write(cx, &pieces[..count]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        if !self.flushed {
            ready!(self.connection.poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

/// The head of an answer, and what of its body came in the same read.
struct Begin<H> {
    head: Head<H>,
    decoder: Decoder,
    first: Bytes,
    excess: bool,
}

/// Takes what one read brought. If the head is not all there, the bytes are kept in `begun`.
fn take<H: Headers>(
    begun: &mut Vec<u8>,
    interim: &mut usize,
    bytes: &mut [u8],
) -> Result<Option<Begin<H>>, Failure> {
    let known = begun.len();
    let bytes = if known == 0 {
        bytes
    } else {
        begun.extend_from_slice(bytes);
        begun.as_mut_slice()
    };
    let (mut start, mut looked) = (0, known);
    while let Some(length) = head::end(&bytes[start..], looked) {
        *interim += length;
        if *interim > head::MAX_BYTES {
            return Err(Failure::Head(TOO_LONG));
        }
        let (head, body) = bytes[start..].split_at_mut(length);
        let head = head::read::<H>(head).map_err(Failure::Head)?;
        if !head.status.is_informational() {
            let mut decoder = Decoder::new(head.framing);
            let decoded = decoder.decode(body).map_err(Failure::Framing)?;
            let first = Bytes::copy_from_slice(&body[..decoded.body]);
            return Ok(Some(Begin { head, decoder, first, excess: decoded.excess > 0 }));
        }
        if head.status == http::StatusCode::SWITCHING_PROTOCOLS {
            return Err(Failure::Head("the server changes to a protocol that was not asked for"));
        }
        (start, looked) = (start + length, 0);
    }
    let rest = bytes[start..].to_vec();
    if *interim + rest.len() > head::MAX_BYTES {
        return Err(Failure::Head(TOO_LONG));
    }
    *begun = rest;
    Ok(None)
}

const TOO_LONG: &str = "the head is over 64 KiB";
