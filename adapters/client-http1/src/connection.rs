//! One socket, plain or under TLS, and the clock that watches it.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::client::TlsStream;

thread_local! {
    /// Where every read of this thread lands: a connection that waits holds no buffer.
    static SPACE: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// The most bytes of one read; a TLS record has half of it.
const READ_BYTES: usize = 32 * 1024;

/// A connection to the server.
#[derive(Debug)]
pub(crate) struct Connection {
    io: Io,
    runtime: Id,
    // Set to the time that was right once. When it fires too early it is set again, so that an answer that comes
    // in time costs no look into the wheel of timers.
    clock: Pin<Box<Sleep>>,
    until: Instant,
}

#[derive(Debug)]
pub(crate) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Wraps a socket of the runtime that this is called in.
    pub(crate) fn new(io: Io) -> Self {
        let until = Instant::now();
        Self { io, runtime: Handle::current().id(), clock: Box::pin(sleep_until(until + FAR)), until }
    }

    /// The runtime whose driver watches the socket.
    pub(crate) const fn runtime(&self) -> Id {
        self.runtime
    }

    /// Whether the server neither hung up nor said anything since its last answer. Asks the system only if something
    /// happened to the socket.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        self.io.poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Reads, and shows what came; nothing is the end of the connection.
    pub(crate) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        see: impl FnOnce(&mut [u8]) -> T,
    ) -> Poll<io::Result<T>> {
        SPACE.with_borrow_mut(|space| {
            let mut buffer = ReadBuf::new(space);
            ready!(self.io.poll_read(cx, &mut buffer))?;
            Poll::Ready(Ok(see(buffer.filled_mut())))
        })
    }

    /// Writes some of these pieces.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(socket) => Pin::new(socket).poll_write_vectored(cx, pieces),
            Io::Tls(socket) => Pin::new(socket).poll_write_vectored(cx, pieces),
        }
    }

    /// Sends what TLS still holds.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(_) => Poll::Ready(Ok(())),
            Io::Tls(socket) => Pin::new(socket).poll_flush(cx),
        }
    }

    /// Begins to wait for something that may take so long.
    pub(crate) fn wait(&mut self, limit: Duration) {
        self.until = Instant::now() + limit;
        if self.until < self.clock.deadline() {
            self.clock.as_mut().reset(self.until);
        }
    }

    /// Is ready when the wait is over.
    pub(crate) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.clock.as_mut().poll(cx));
            if self.until <= Instant::now() {
                return Poll::Ready(());
            }
            self.clock.as_mut().reset(self.until);
        }
    }
}

impl Io {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }
}

/// Later than any wait.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);
