//! What goes wrong on a connection becomes our errors. The only place that maps.

mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Value};

pub(crate) use self::tls::{handshake, plain};
use crate::resp::Malformed;
use crate::stream::Address;

/// The operation of what fails on a connection: the command may have been sent.
const CALL: &str = "store_redis::call";
/// The operation of what fails before there is one.
const CONNECT: &str = "store_redis::connect";

/// An error that many calls get.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: Code,
    message: &'static str,
    operation: Option<&'static str>,
    context: Arc<[(&'static str, Value)]>,
}

impl Failure {
    pub(crate) fn of(err: &Error) -> Self {
        let context = err.context().map(|(key, value)| (key, value.clone())).collect();
        Self { code: err.code(), message: err.message(), operation: err.operation(), context }
    }

    /// Returns the failure of a call that came after it, and was not sent.
    pub(crate) fn unsent(mut self) -> Self {
        if self.operation == Some(CALL) {
            self.operation = Some(CONNECT);
        }
        self
    }

    /// Returns the error for one of the calls.
    pub(crate) fn error(&self) -> Error {
        let mut err = Error::new(self.code, self.message);
        if let Some(operation) = self.operation {
            err = err.with_operation(operation);
        }
        for (key, value) in self.context.iter() {
            err = err.with_context(key, value.clone());
        }
        err
    }
}

/// Nothing came before the deadline.
pub(crate) fn timeout() -> Error {
    Error::new(Code::Timeout, "the server did not answer in time").with_operation(CALL)
}

/// More commands wait than a connection takes.
pub(crate) fn full() -> Error {
    Error::new(Code::RedisBusy, "too many commands wait for the server").with_operation(CALL)
}

/// No connection could be made.
pub(crate) fn connect(err: &io::Error, address: &Address) -> Error {
    Error::new(Code::RedisUnreachable, "no connection could be made")
        .with_operation(CONNECT)
        .with_context("address", address.to_string())
        .with_context("because", err.to_string())
}

/// The attempt to connect took too long.
pub(crate) fn connect_timeout(limit: Duration) -> Error {
    Error::new(Code::RedisUnreachable, "no connection could be made in time")
        .with_operation(CONNECT)
        .with_context("limit_ms", Public(limit.as_millis() as u64))
}

/// The connection broke.
pub(crate) fn lost(err: &io::Error) -> Error {
    let known = tls::refused(err).map(|refused| refused.with_operation(CONNECT));
    known
        .unwrap_or_else(|| Error::new(Code::RedisUnreachable, "the connection broke").with_operation(CALL))
        .with_context("because", err.to_string())
}

/// The server closed the connection.
pub(crate) fn closed() -> Error {
    Error::new(Code::RedisUnreachable, "the connection was closed").with_operation(CALL)
}

/// The connection is replaced because it led to the wrong server.
pub(crate) fn renewed() -> Error {
    Error::new(Code::RedisUnreachable, "the connection led to a server that is not the one any more")
        .with_operation(CALL)
}

/// The server closed the connection, or broke it, before it said a word; any other error stays as it is.
pub(crate) fn before_a_word(err: Error) -> Error {
    if err.code() != Code::RedisUnreachable {
        return err;
    }
    let message = "the server hung up at our first word, as one that wants TLS (rediss) does";
    let told = Error::new(Code::RedisUnreachable, message).with_operation(CONNECT);
    err.context().fold(told, |told, (key, value)| told.with_context(key, value.clone()))
}

/// The server is a Redis that lacks what we need.
pub(crate) fn too_old(version: &str) -> Error {
    Error::new(Code::RedisProtocol, "the server is older than Redis 7.0")
        .with_operation(CONNECT)
        .with_context("version", version.to_owned())
}

/// A connection was being made that nobody wants any more; what waited for it was not sent.
pub(crate) fn unwanted() -> Error {
    renewed().with_operation(CONNECT)
}

/// A reply is due and nothing comes.
pub(crate) fn silent(limit: Duration) -> Error {
    Error::new(Code::RedisUnreachable, "the server says nothing")
        .with_operation(CALL)
        .with_context("silence_ms", Public(limit.as_millis() as u64))
}

/// What came is not what a Redis server says.
pub(crate) fn malformed(why: Malformed) -> Error {
    Error::new(Code::RedisProtocol, "the server does not speak RESP3, or says more than is taken")
        .with_operation(CALL)
        .with_context("because", why.as_str())
}

/// A reply came that nobody asked for.
pub(crate) fn unasked() -> Error {
    Error::new(Code::RedisProtocol, "the server answered without being asked").with_operation(CALL)
}

/// A sentinel or a node does not take a command that every one takes from who may give it.
pub(crate) fn refused(code: &str, message: &str) -> Error {
    let known = match code {
        "NOAUTH" | "NOPERM" | "WRONGPASS" => Code::RedisPasswordRefused,
        _ => Code::RedisReply,
    };
    Error::new(known, "the server refused a command about itself")
        .with_operation("store_redis::topology")
        .with_context("reply", code.to_owned())
        .with_context("message", message.to_owned())
}

/// No server is known that accepts writes.
pub(crate) fn no_master(message: &'static str) -> Error {
    Error::new(Code::RedisNoMaster, message).with_operation("store_redis::topology")
}

/// Says whether a command whose call failed with this error was never sent.
pub(crate) fn is_unsent(err: &Error) -> bool {
    err.operation() == Some(CONNECT)
}

/// Says whether a server could not be reached, or not in time: it has said nothing.
pub(crate) fn is_away(err: &Error) -> bool {
    matches!(err.code(), Code::RedisUnreachable | Code::Timeout)
}

/// A setting that cannot be.
pub(crate) fn config(message: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, message).with_operation("store_redis::config")
}
