//! Errors of redis-rs become ours. The only place that maps.

use maily_errors::{Code, Error, Result};
use maily_redis::Reply;
use redis::{ErrorKind, RedisError};

/// The URL cannot be used. The error of redis-rs is not kept: it may quote the URL, which has the password.
pub(crate) fn config(err: &RedisError) -> Error {
    Error::new(Code::ConfigInvalid, "the Redis URL cannot be read")
        .with_operation("store_redis::config")
        .with_context("because", err.category())
}

/// The server refused, which is a reply, or the connection failed, which is an error.
pub(crate) fn answer(err: RedisError) -> Result<Reply> {
    match err.code() {
        Some(code) => Ok(refused(code, err.detail())),
        None => Err(unreachable(err)),
    }
}

/// No connection could be made.
pub(crate) fn connect(err: RedisError) -> Error {
    let by_server = matches!(err.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"));
    if by_server || err.kind() == ErrorKind::AuthenticationFailed {
        return Error::new(Code::RedisPasswordRefused, "the server refused the password")
            .with_operation("store_redis::connect")
            .with_source(err);
    }
    unreachable(err).with_operation("store_redis::connect")
}

/// Nothing came before the deadline.
pub(crate) fn timeout() -> Error {
    Error::new(Code::Timeout, "the server did not answer in time").with_operation("store_redis::call")
}

pub(crate) fn refused(code: &str, message: Option<&str>) -> Reply {
    Reply::refused(code, message.unwrap_or_default())
}

fn unreachable(err: RedisError) -> Error {
    Error::new(Code::RedisUnreachable, "the connection failed")
        .with_operation("store_redis::call")
        .with_source(err)
}
