//! A client for one HTTP/1.1 server, without a task and without a channel.
//!
//! Whoever asks polls the socket: first the future of the call owns the connection, then the body of the answer
//! does, and at its end the connection goes back into the pool. So a request costs no wake-up but the socket's own,
//! and dropping either of them closes the connection, which tells the server to stop.
//!
//! All chunks that one read brings leave as one piece. What a server may send is limited by numbers, and what is not
//! HTTP as RFC 9112 has it is an error: two parties that read one message differently are how requests are smuggled.
//!
//! | limit | number |
//! |---|---|
//! | head of an answer, all of 1xx before it included | 64 KiB, 100 fields |
//! | chunk | 4 GiB, with a line of 1 KiB before it |
//! | trailer section, which nobody reads | 8 KiB |
//! | idle connections, and their age | 512, 60 s |

mod connect;
mod connection;
mod decode;
mod head;
mod incoming;
mod pool;
mod sending;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use self::connect::Target;
pub(crate) use self::head::{Head, Headers};
pub(crate) use self::incoming::Incoming;
use self::pool::Pool;
pub(crate) use self::sending::Sending;

/// The way to one server, with the connections that are idle.
#[derive(Debug)]
pub(crate) struct Client {
    target: Target,
    pool: Pool,
    patience: Patience,
}

/// How long the server may be silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// To a connection, TLS included.
    pub(crate) connect: Duration,
    /// From the call to the head of the answer.
    pub(crate) headers: Duration,
    /// From one piece of the body to the next.
    pub(crate) between: Duration,
}

/// A request: what is the same for all, what is its own, and the body. One write takes the three.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) fixed: Bytes,
    pub(crate) own: Vec<u8>,
    pub(crate) body: Bytes,
}

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no connection: nothing was sent.
    Unreachable(io::Error),
    /// The connection ended before the head of the answer.
    HungUp(Option<io::Error>),
    /// The connection ended inside the body.
    Cut(Option<io::Error>),
    /// The head is not HTTP.
    Head(&'static str),
    /// The body is not framed as HTTP frames it.
    Framing(&'static str),
    /// The server is silent, in this phase.
    Silent(&'static str),
}

impl Client {
    pub(crate) fn new(target: Target, patience: Patience) -> Arc<Self> {
        Arc::new(Self { target, pool: Pool::default(), patience })
    }

    /// Sends a request. Dropping the future hangs up.
    pub(crate) fn send<H: Headers>(self: &Arc<Self>, request: Request) -> Sending<H> {
        Sending::new(self.clone(), request)
    }
}
