//! The store on a Redis or Valkey server, over any [`Transport`].
//!
//! Needs Redis 7.0 or Valkey. What one command cannot do atomically is a script, called by its hash: one round trip
//! per operation. A server that lost its scripts (`SCRIPT FLUSH`, a restart, a failover) is sent the text again.

pub(crate) mod reply;
pub(crate) mod script;
#[cfg(test)]
mod tests;
mod watch;

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Result;
use smallvec::smallvec;
use tokio::time::Instant;

pub(crate) use self::script::Script;
use self::script::{COMPARE_AND_SET, INCREMENT, PERSIST};
use crate::model::{self, Arguments, Command, Key, MAX_KEY_BYTES, MAX_VALUE_BYTES, Reply, Swap};
use crate::port::{Store, Transport};

/// Values on a server. Clones share the transport.
///
/// Made by [`StoreConfig::build`](crate::StoreConfig::build). Every operation ends within the timeout of the
/// configuration, a script that must be sent again included.
#[derive(Clone, Debug)]
pub struct ServerStore<T> {
    transport: T,
    prefix: Bytes,
    timeout: Duration,
}

impl<T: Transport> ServerStore<T> {
    pub(crate) fn new(transport: T, prefix: &str, timeout: Duration) -> Self {
        Self { transport, prefix: Bytes::copy_from_slice(prefix.as_bytes()), timeout }
    }

    /// Asks whether the server answers.
    ///
    /// # Errors
    ///
    /// What the transport says; a temporary error means that the server is away.
    pub async fn ping(&self) -> Result<()> {
        self.command("redis::ping", smallvec![Bytes::from_static(b"PING")] as Arguments).await.map(drop)
    }

    pub(crate) const fn transport(&self) -> &T {
        &self.transport
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns the key as the server knows it, in one allocation at most.
    pub(crate) fn key(&self, key: &Key) -> Result<Bytes> {
        if self.prefix.is_empty() {
            return Ok(key.bytes());
        }
        let bytes = self.prefix.len() + key.as_bytes().len();
        model::at_most("redis::key", bytes, MAX_KEY_BYTES)?;
        let mut full = Vec::with_capacity(bytes);
        full.extend_from_slice(&self.prefix);
        full.extend_from_slice(key.as_bytes());
        Ok(full.into())
    }

    /// Returns the key of what a topic keeps apart from the values of the store.
    pub(crate) fn key_in(&self, topic: &'static str, name: &Key) -> Result<Bytes> {
        self.key(&Key::new([topic.as_bytes(), name.as_bytes()].concat())?)
    }

    pub(crate) async fn command(
        &self,
        operation: &'static str,
        arguments: impl Into<Arguments> + Send,
    ) -> Result<Reply> {
        let begun = Instant::now();
        // Before the command, so that it is made where it goes: it is large, and there are many.
        let mut transport = self.ready().await?;
        let arguments = arguments.into();
        let call = transport.call(Command {
            // Every command of the store has its key behind its name; one without arguments has none.
            key: (arguments.len() > 1).then_some(1),
            arguments,
            begun,
            deadline: begun + self.timeout,
            blocking: false,
            epoch: None,
        });
        // Counted out by the core that counted it in, not by the one that hears the reply.
        drop(transport);
        reply::accepted(operation, call.await?)
    }

    /// Runs a script by its hash, and by its text if the server does not have it.
    pub(crate) async fn script(
        &self,
        operation: &'static str,
        script: &Script,
        keys: &[Bytes],
        arguments: &[Bytes],
    ) -> Result<Reply> {
        let deadline = Instant::now() + self.timeout;
        let epoch = script.epoch.map(|index| 3 + keys.len() + index);
        let command = |name: &'static str, script: &'static str| {
            let mut all = Vec::with_capacity(3 + keys.len() + arguments.len());
            all.extend(
                [name, script, KEY_COUNTS[keys.len()]].map(|text| Bytes::from_static(text.as_bytes())),
            );
            all.extend_from_slice(keys);
            all.extend_from_slice(arguments);
            let mut command = Command::new(all, deadline).with_key(3);
            command.epoch = epoch;
            command
        };
        let mut reply = self.call(command("EVALSHA", script.sha)).await?;
        if reply::is_no_script(&reply) {
            reply = self.call(command("EVAL", script.text)).await?;
        }
        reply::accepted(operation, reply)
    }

    pub(crate) async fn call(&self, command: Command) -> Result<Reply> {
        let call = self.ready().await?.call(command);
        call.await
    }

    async fn ready(&self) -> Result<T> {
        let mut transport = self.transport.clone();
        poll_fn(|cx| transport.poll_ready(cx)).await?;
        Ok(transport)
    }
}

impl<T: Transport> Store for ServerStore<T> {
    async fn get(&self, key: &Key) -> Result<Option<Bytes>> {
        let arguments: Arguments = smallvec![Bytes::from_static(b"GET"), self.key(key)?];
        reply::value("redis::get", self.command("redis::get", arguments).await?)
    }

    async fn set(&self, key: &Key, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        model::at_most("redis::set", value.len(), MAX_VALUE_BYTES)?;
        let mut arguments: Arguments = smallvec![Bytes::from_static(b"SET"), self.key(key)?, value];
        if let Some(ttl) = model::ttl("redis::set", ttl)? {
            arguments.extend([Bytes::from_static(b"PX"), milliseconds(ttl)]);
        }
        self.command("redis::set", arguments).await.map(drop)
    }

    async fn compare_and_set(&self, key: &Key, swap: Swap) -> Result<bool> {
        let operation = "redis::compare_and_set";
        let bytes = swap.value.as_ref().map_or(0, Bytes::len);
        model::at_most(operation, bytes, MAX_VALUE_BYTES)?;
        let ttl = model::ttl(operation, swap.ttl)?;
        let arguments = [
            flag(swap.expected.is_some()),
            swap.expected.unwrap_or_default(),
            flag(swap.value.is_some()),
            swap.value.unwrap_or_default(),
            ttl.map_or(Bytes::new(), milliseconds),
        ];
        let reply = self.script(operation, &COMPARE_AND_SET, &[self.key(key)?], &arguments).await?;
        reply::truth(operation, &reply)
    }

    async fn increment(&self, key: &Key, by: i64, ttl: Option<Duration>) -> Result<i64> {
        let operation = "redis::increment";
        let ttl = model::ttl(operation, ttl)?;
        let arguments = [by.to_string().into(), ttl.map_or(Bytes::new(), milliseconds)];
        let reply = self.script(operation, &INCREMENT, &[self.key(key)?], &arguments).await?;
        reply::count(operation, &reply)
    }

    async fn expire(&self, key: &Key, ttl: Option<Duration>) -> Result<bool> {
        let operation = "redis::expire";
        let key = self.key(key)?;
        let reply = match model::ttl(operation, ttl)? {
            Some(ttl) => {
                let arguments: Arguments = smallvec![Bytes::from_static(b"PEXPIRE"), key, milliseconds(ttl)];
                self.command(operation, arguments).await?
            }
            None => self.script(operation, &PERSIST, &[key], &[]).await?,
        };
        reply::truth(operation, &reply)
    }

    async fn remove(&self, key: &Key) -> Result<bool> {
        let arguments: Arguments = smallvec![Bytes::from_static(b"UNLINK"), self.key(key)?];
        reply::truth("redis::remove", &self.command("redis::remove", arguments).await?)
    }
}

fn flag(set: bool) -> Bytes {
    Bytes::from_static(if set { b"1" } else { b"0" })
}

/// Whole milliseconds, rounded up: nothing ends or begins before its time.
pub(crate) fn milliseconds(time: Duration) -> Bytes {
    time.as_nanos().div_ceil(1_000_000).to_string().into()
}

/// How many keys a script has, as the server reads it: without an allocation.
const KEY_COUNTS: [&str; 7] = ["0", "1", "2", "3", "4", "5", "6"];
