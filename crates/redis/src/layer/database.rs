//! What spans and metrics say about a command: which database, which operation. Never keys, never values.

use std::collections::BTreeSet;

use maily_errors::Error;
use parking_lot::Mutex;

use crate::model::{Command, Reply};

/// The database of a transport, in the words of the OpenTelemetry conventions.
///
/// Each address is kept for as long as the program runs, once: so this is a copy of a pointer, for every command.
///
/// # Examples
///
/// ```
/// use maily_redis::layer::Database;
///
/// let database = Database::new("redis", "cache.internal", 6379);
/// assert_eq!(database.address(), "cache.internal");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Database {
    system: &'static str,
    address: &'static str,
    port: u16,
}

impl Database {
    /// Creates the description: `db.system.name`, which is `redis` or `valkey`, `server.address` and `server.port`.
    #[must_use]
    pub fn new(system: &'static str, address: &str, port: u16) -> Self {
        static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut known = KNOWN.lock();
        let address = known.get(address).copied().unwrap_or_else(|| {
            let address: &'static str = Box::leak(address.into());
            known.insert(address);
            address
        });
        Self { system, address, port }
    }

    /// Returns `db.system.name`.
    #[must_use]
    pub const fn system(&self) -> &'static str {
        self.system
    }

    /// Returns `server.address`.
    #[must_use]
    pub const fn address(&self) -> &'static str {
        self.address
    }

    /// Returns `server.port`.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// The place of a command in [`OPERATIONS`]; the last one stands for every other command, so that no program makes
/// labels up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Operation(usize);

impl Operation {
    #[inline]
    pub(super) fn of(command: &Command) -> Self {
        let name = command.arguments.first().map_or(&[] as &[u8], AsRef::as_ref);
        let known = OPERATIONS.iter().position(|known| known.as_bytes() == name);
        Self(known.unwrap_or(OPERATIONS.len() - 1))
    }

    pub(super) const fn index(self) -> usize {
        self.0
    }

    /// Returns `db.operation.name`.
    pub(super) const fn name(self) -> &'static str {
        OPERATIONS[self.0]
    }
}

/// How a command ended, as far as it ended badly.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    /// `error.type`: the name of our code, or `refused`.
    pub(super) error: &'static str,
    /// `db.response.status_code`: the first word of a refusal.
    pub(super) status: Option<&'a str>,
}

impl<'a> Failure<'a> {
    pub(super) fn of(outcome: &'a Result<Reply, Error>) -> Option<Self> {
        match outcome {
            Ok(Reply::Refused { code, .. }) => Some(Self { error: "refused", status: Some(word(code)) }),
            Ok(_) => None,
            Err(err) => Some(Self { error: err.code().name(), status: None }),
        }
    }
}

/// A script may refuse with any word: only what looks like one of the server's is shown.
fn word(code: &str) -> &str {
    let is_word = code.len() <= 16 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_word { code } else { "other" }
}

/// The commands that have a name of their own in spans and metrics, the frequent ones first.
pub(super) const OPERATIONS: [&str; 62] = [
    "GET",
    "SET",
    "EVALSHA",
    "PTTL",
    "UNLINK",
    "PEXPIRE",
    "XADD",
    "XREADGROUP",
    "XACK",
    "SPUBLISH",
    "MGET",
    "MSET",
    "INCR",
    "INCRBY",
    "DECR",
    "DEL",
    "EXISTS",
    "EXPIRE",
    "PERSIST",
    "TTL",
    "GETDEL",
    "GETEX",
    "APPEND",
    "STRLEN",
    "HGET",
    "HSET",
    "HDEL",
    "HGETALL",
    "HMGET",
    "HINCRBY",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "LRANGE",
    "LLEN",
    "BLPOP",
    "BRPOP",
    "BLMOVE",
    "SADD",
    "SREM",
    "SMEMBERS",
    "ZADD",
    "ZREM",
    "ZRANGE",
    "ZSCORE",
    "XAUTOCLAIM",
    "XCLAIM",
    "XDEL",
    "XGROUP",
    "XINFO",
    "XLEN",
    "XPENDING",
    "XRANGE",
    "XTRIM",
    "PUBLISH",
    "EVAL",
    "FCALL",
    "SCAN",
    "TIME",
    "PING",
    "other",
];
