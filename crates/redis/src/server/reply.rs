//! Replies become values; refusals become errors. The only place that maps what a server says.

use bytes::Bytes;
use maily_errors::{Code, Error, Result};

use crate::model::Reply;

/// Turns a refusal into the error that its first word means.
pub(crate) fn accepted(operation: &'static str, reply: Reply) -> Result<Reply> {
    let Reply::Refused { code, message } = reply else {
        return Ok(reply);
    };
    let (known, text) = match code.as_str() {
        "NOTANUMBER" => (Code::RedisNotANumber, "the value is not a counter, or its sum is too large"),
        "WRONGTYPE" => (Code::RedisWrongType, "the key holds another type"),
        "OOM" => (Code::RedisStoreFull, "the server has no memory left"),
        "NOAUTH" | "NOPERM" | "WRONGPASS" => {
            (Code::RedisPasswordRefused, "the server refused the password, or the user's rights")
        }
        "CROSSSLOT" => (Code::RedisCrossSlot, "the keys are on different nodes of the cluster"),
        "BUSY" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "MISCONF" | "NOREPLICAS" | "READONLY"
        | "TRYAGAIN" => (Code::RedisUnreachable, "the server does not take commands now"),
        _ => (Code::RedisReply, "the server refused the command"),
    };
    Err(Error::new(known, text)
        .with_operation(operation)
        .with_context("reply", code)
        .with_context("message", without_arguments(&message)))
}

/// The server quotes the arguments of a command that it does not know: keys and values stay out of errors.
fn without_arguments(message: &str) -> &str {
    message.split(", with args").next().unwrap_or_default()
}

/// Says whether the server does not have the script.
pub(crate) fn is_no_script(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused { code, .. } if code == "NOSCRIPT")
}

pub(super) fn value(operation: &'static str, reply: Reply) -> Result<Option<Bytes>> {
    match reply {
        Reply::Nil => Ok(None),
        Reply::Data(value) => Ok(Some(value)),
        other => Err(unexpected(operation, &other)),
    }
}

pub(crate) fn truth(operation: &'static str, reply: &Reply) -> Result<bool> {
    match reply {
        Reply::Integer(0) => Ok(false),
        Reply::Integer(1) => Ok(true),
        other => Err(unexpected(operation, other)),
    }
}

pub(super) fn count(operation: &'static str, reply: &Reply) -> Result<i64> {
    match reply {
        Reply::Integer(count) => Some(*count),
        Reply::Data(text) => std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()),
        _ => None,
    }
    .ok_or_else(|| unexpected(operation, reply))
}

pub(crate) fn unexpected(operation: &'static str, reply: &Reply) -> Error {
    let kind = match reply {
        Reply::Data(_) => "data",
        Reply::Integer(_) => "integer",
        Reply::List(_) => "list",
        Reply::Nil => "nil",
        Reply::Refused { .. } => "refused",
    };
    Error::new(Code::RedisReply, "the server answered with another type than the command has")
        .with_operation(operation)
        .with_context("reply", kind)
}
