//! The body of an answer, as it arrives.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use crate::client::{Failure, Shared};
use crate::connection::Connection;
use crate::decode::Decoder;

/// A body without its framing. It holds the connection until it is whole; dropping it before hangs up.
#[derive(Debug)]
pub struct Incoming {
    client: Arc<Shared>,
    connection: Option<Box<Connection>>,
    decoder: Decoder,
    first: Bytes,
    persistent: bool,
    waiting: bool,
}

impl Incoming {
    pub(crate) fn new(
        client: Arc<Shared>,
        connection: Box<Connection>,
        decoder: Decoder,
        first: Bytes,
        persistent: bool,
    ) -> Self {
        let mut body =
            Self { client, connection: Some(connection), decoder, first, persistent, waiting: false };
        body.settle();
        body
    }

    /// Whether all of the body has come; what was not given out yet is the next piece.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.decoder.is_done()
    }

    /// Waits for the next piece, which is never empty: everything that came in one read, 32 KiB at most. After the end
    /// of the body there is `None`, and after an error too.
    ///
    /// # Errors
    ///
    /// [`Failure::Cut`], [`Failure::Framing`] and [`Failure::Silent`].
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        while let Some(connection) = &mut self.connection {
            let decoder = &mut self.decoder;
            let read = connection.poll_read(cx, |bytes| {
                if bytes.is_empty() {
                    return Ok(None);
                }
                let decoded = decoder.decode(bytes)?;
                Ok(Some((Bytes::copy_from_slice(&bytes[..decoded.body]), decoded.excess)))
            });
            let Poll::Ready(read) = read else {
                if !self.waiting {
                    // From when the reader begins to wait: that it was slow is not the server's fault.
                    connection.wait(self.client.patience.between());
                    self.waiting = true;
                }
                ready!(connection.poll_overdue(cx));
                self.connection = None;
                return Poll::Ready(Some(Err(Failure::Silent("between chunks"))));
            };
            self.waiting = false;
            let failure = match read {
                Ok(Ok(Some((piece, excess)))) => {
                    self.persistent &= excess == 0;
                    self.settle();
                    if piece.is_empty() {
                        continue;
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
                Ok(Ok(None)) if self.decoder.may_end() => {
                    self.connection = None;
                    break;
                }
                Ok(Ok(None)) => Failure::Cut(None),
                Ok(Err(why)) => Failure::Framing(why),
                Err(err) => Failure::Cut(Some(err)),
            };
            self.connection = None;
            return Poll::Ready(Some(Err(failure)));
        }
        Poll::Ready(None)
    }

    /// Lets go of the connection as soon as the body is whole, not when its reader is done with it.
    fn settle(&mut self) {
        if self.decoder.is_done()
            && let Some(connection) = self.connection.take()
            && self.persistent
        {
            self.client.pool.put(connection);
        }
    }
}
