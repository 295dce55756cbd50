//! A queue: its name, and how it treats its jobs.

use std::sync::Arc;
use std::time::Duration;

use maily_errors::{Code, Error, Public, Result};
use serde::Deserialize;

/// Settings of a queue. All its producers and workers use the same.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::jobs::QueueConfig;
///
/// let config: QueueConfig = serde_json::from_str(r#"{"name": "mails", "idle_ms": 5000}"#)?;
/// assert_eq!(config.build()?.idle(), Duration::from_secs(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct QueueConfig {
    /// The name: 1 to 200 ASCII letters, digits, `-`, `_`, `.`, `:` or `/`; `jobs` unless set.
    pub name: String,
    /// How long a job belongs to a worker that says nothing, in milliseconds, 100 to 86 400 000; 30 000 unless set.
    pub idle_ms: u64,
    /// How often a job is handed out before it is a dead letter, 1 to 1000; 5 unless set.
    pub max_deliveries: u32,
    /// How long the key of a job keeps a second one away, in milliseconds, 1 to 604 800 000; 3 600 000 unless set.
    pub window_ms: u64,
    /// How late a delayed job may be seen, in milliseconds, 10 to 10 000; 100 unless set. A worker without work asks
    /// the server this often.
    pub precision_ms: u64,
    /// How many dead letters are kept, 1 to 1 000 000; 10 000 unless set. A server may keep up to a hundred more.
    pub max_dead: u64,
}

impl QueueConfig {
    /// Returns the queue with these settings.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the name is none or a number is out of its range.
    pub fn build(&self) -> Result<Queue> {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
        if self.name.is_empty() || self.name.len() > 200 || !self.name.bytes().all(named) {
            let message = "the name of the queue is not 1 to 200 letters, digits, `-`, `_`, `.`, `:` or `/`";
            return Err(Error::new(Code::ConfigInvalid, message).with_operation("redis::queue"));
        }
        for (field, value, range) in [
            ("idle_ms", self.idle_ms, 100..=86_400_000),
            ("max_deliveries", u64::from(self.max_deliveries), 1..=1000),
            ("window_ms", self.window_ms, 1..=604_800_000),
            ("precision_ms", self.precision_ms, 10..=10_000),
            ("max_dead", self.max_dead, 1..=1_000_000),
        ] {
            if !range.contains(&value) {
                return Err(Error::new(Code::ConfigInvalid, "a number of the queue is out of its range")
                    .with_operation("redis::queue")
                    .with_context("field", field)
                    .with_context("value", Public(value))
                    .with_context("least", Public(*range.start()))
                    .with_context("most", Public(*range.end())));
            }
        }
        Ok(Queue {
            name: self.name.as_str().into(),
            idle: Duration::from_millis(self.idle_ms),
            max_deliveries: self.max_deliveries,
            window: Duration::from_millis(self.window_ms),
            precision: Duration::from_millis(self.precision_ms),
            max_dead: self.max_dead,
        })
    }
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            name: "jobs".to_owned(),
            idle_ms: 30_000,
            max_deliveries: 5,
            window_ms: 3_600_000,
            precision_ms: 100,
            max_dead: 10_000,
        }
    }
}

/// The name of a queue and how it treats its jobs; a [`QueueConfig`] that was checked.
///
/// # Examples
///
/// ```
/// use maily_redis::jobs::Queue;
///
/// let queue = Queue::new("mails")?;
/// assert_eq!(queue.max_deliveries(), 5);
/// assert!(Queue::new("{mails}").is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Queue {
    name: Arc<str>,
    idle: Duration,
    max_deliveries: u32,
    window: Duration,
    precision: Duration,
    max_dead: u64,
}

impl Queue {
    /// Creates a queue with the settings of [`QueueConfig::default`].
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] when the name is none.
    pub fn new(name: &str) -> Result<Self> {
        QueueConfig { name: name.to_owned(), ..QueueConfig::default() }.build()
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name, to be kept.
    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Returns how long a job belongs to a worker that says nothing.
    #[must_use]
    pub const fn idle(&self) -> Duration {
        self.idle
    }

    /// Returns how often a job is handed out before it is a dead letter.
    #[must_use]
    pub const fn max_deliveries(&self) -> u32 {
        self.max_deliveries
    }

    /// Returns how long the key of a job keeps a second one away.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// Returns how late a delayed job may be seen.
    #[must_use]
    pub const fn precision(&self) -> Duration {
        self.precision
    }

    /// Returns how many dead letters are kept.
    #[must_use]
    pub const fn max_dead(&self) -> u64 {
        self.max_dead
    }
}
