//! What these tests share: settings, commands, events, faults and servers that lie.

mod command;
mod event;
mod liar;
mod outage;

use std::time::{Duration, Instant};

use maily_redis::{Key, ServerStore, Store as _, Transport};
use maily_store_redis::{RedisConfig, RedisTransport};

pub(crate) use self::command::{call, epoch};
pub(crate) use self::event::{ear, until};
pub(crate) use self::liar::liar;
pub(crate) use self::outage::{Outage, outage};

/// How long each call may take.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(500);

/// What a machine with much else to do may add.
pub(crate) const SLACK: Duration = Duration::from_secs(4);

/// Returns the settings of a store whose calls end after [`TIMEOUT`].
pub(crate) fn config(url: String) -> RedisConfig {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = TIMEOUT.as_millis() as u64;
    config
}

/// Returns a store for what must work however loaded the machine is.
pub(crate) fn patient(config: &RedisConfig) -> ServerStore<RedisTransport> {
    let mut config = config.clone();
    config.timeout_ms = 20_000;
    config.silence_ms = 10_000;
    config.build().unwrap()
}

/// Writes until it works again, at most twenty seconds.
pub(crate) async fn recovers(store: &ServerStore<impl Transport>) {
    let start = Instant::now();
    while let Err(err) = store.set(&Key::new("k").unwrap(), "v".into(), None).await {
        assert!(err.is_temporary(), "{err:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{err:?}");
    }
}
