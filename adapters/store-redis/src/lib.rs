#![doc = include_str!("../README.md")]

mod blocking;
mod cluster;
mod error;
mod link;
mod node;
mod resp;
mod sentinel;
mod stream;
mod subscribe;
#[cfg(feature = "conformance")]
pub mod testing;
mod tls;
mod transport;
mod url;

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result, Secret};
use maily_redis::{ServerStore, StoreConfig};
use serde::Deserialize;

pub use self::subscribe::Subscription;
pub use self::transport::{Call, Connections, RedisTransport};
use crate::link::{Constant, LinkOptions};
use crate::sentinel::Sentinels;
use crate::stream::Connect;
use crate::url::{Place, Url};

/// The scheme of the URLs that this adapter takes; with TLS it is `rediss`.
pub const SCHEME: &str = "redis";

/// Settings of a store on a Redis or Valkey server.
///
/// # Examples
///
/// ```
/// use maily_store_redis::RedisConfig;
///
/// let config: RedisConfig = serde_json::from_str(r#"{"url": "redis://:hunter2@cache:6379/1"}"#)?;
/// assert!(!format!("{config:?}").contains("hunter2"));
/// assert_eq!(config.timeout_ms, 1000);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Where the server is: `redis[s]://[user][:password]@host:port/database`; `redis://127.0.0.1:6379` unless set.
    pub url: Secret<String>,
    /// What every key on the server begins with; empty unless set.
    pub prefix: String,
    /// How long one operation may take, in milliseconds, 1 to 60 000; 1000 unless set.
    pub timeout_ms: u64,
    /// How long one attempt to connect may take, in milliseconds, 1 to 60 000; 5000 unless set. A call that waits
    /// for it still ends at its own timeout.
    pub connect_timeout_ms: u64,
    /// After how long without a byte a connection counts as lost while a reply is due, in milliseconds, 100 to 60 000;
    /// 2000 unless set. A server that is busy for longer with one command needs more.
    pub silence_ms: u64,
    /// How long a connection waits for a reply without sleep, in microseconds, 0 to 1000; 200 unless set. It does so only
    /// while the last reply came in that time, that is with a server nearby: there a call alone takes half the time, for
    /// twice the processor time. 0 always sleeps, as a machine with one core does.
    pub busy_poll_us: u64,
    /// A PEM file with the authorities whose certificates are trusted instead of the public ones, for `rediss`.
    pub ca_file: Option<String>,
    /// A PEM file with our own certificate and those that lead from it to an authority, for servers that ask for one
    /// (`tls-auth-clients yes`); together with `key_file`.
    pub cert_file: Option<String>,
    /// A PEM file with the key of `cert_file`.
    pub key_file: Option<String>,
}

impl RedisConfig {
    /// Creates the settings for a server.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Secret::new(url.into()), ..Self::default() }
    }

    /// Returns the store on this server. Connects with the first operation, not here.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the URL cannot be read, a number is out of its range, or a file for TLS cannot be
    /// used or is set for a URL without TLS.
    pub fn build(&self) -> Result<ServerStore<RedisTransport>> {
        let mut store = StoreConfig::default();
        store.prefix.clone_from(&self.prefix);
        store.timeout_ms = self.timeout_ms;
        store.build(self.transport()?)
    }

    /// Returns only the transport to this server.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn transport(&self) -> Result<RedisTransport> {
        within("connect_timeout_ms", self.connect_timeout_ms, 1..=60_000)?;
        within("silence_ms", self.silence_ms, 100..=60_000)?;
        within("busy_poll_us", self.busy_poll_us, 0..=1000)?;
        let url = Url::parse(self.url.expose())?;
        // Who sets them wants TLS, and would never hear that it is missing.
        if !url.tls && [&self.ca_file, &self.cert_file, &self.key_file].iter().any(|file| file.is_some()) {
            return Err(error::config("there is a file for TLS, and the URL is one without"));
        }
        let database = url.seen();
        let connect = Connect {
            user: url.user,
            password: url.password,
            database: url.database,
            name: "maily".to_owned(),
            tls: if url.tls { Some(tls::client(self)?) } else { None },
            timeout: Duration::from_millis(self.connect_timeout_ms),
        };
        let of_sentinels = connect.clone();
        let silence = Duration::from_millis(self.silence_ms);
        let options = LinkOptions {
            connect: Arc::new(connect),
            silence: Some(silence),
            busy_poll: self.busy_poll(),
            listener: None,
            greeting: None,
        };
        let connections = match url.place {
            Place::Cluster(seeds) => Connections::cluster(seeds, options),
            Place::Server(address) => Connections::new(Arc::new(Constant(address)), options),
            Place::Sentinels { sentinels, master, user, password } => {
                let connect = Connect { user, password, database: 0, ..of_sentinels };
                Connections::new(Sentinels::new(master, sentinels, connect, silence), options)
            }
        };
        Ok(connections.observed(database))
    }

    fn busy_poll(&self) -> Duration {
        // On one core the server could not run meanwhile.
        let alone = available_parallelism().is_ok_and(|cores| cores.get() == 1);
        if alone { Duration::ZERO } else { Duration::from_micros(self.busy_poll_us) }
    }
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: Secret::new("redis://127.0.0.1:6379".to_owned()),
            prefix: String::new(),
            timeout_ms: 1000,
            connect_timeout_ms: 5000,
            silence_ms: 2000,
            busy_poll_us: 200,
            ca_file: None,
            cert_file: None,
            key_file: None,
        }
    }
}

fn within(name: &'static str, value: u64, range: RangeInclusive<u64>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::new(Code::ConfigInvalid, "a time of the connection is out of its range")
        .with_operation("store_redis::config")
        .with_context(name, Public(value)))
}
