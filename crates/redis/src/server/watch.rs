//! Reads of a server that are watched.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};

use super::{ServerStore, reply};
use crate::model::{Event, Held, Key};
use crate::port::{Listen, Listener, Transport, Watch, Watched};

impl<T: Listen + Transport> Watch for ServerStore<T> {
    type Watched = ServerStore<T::Watched>;

    fn watch(&self, listener: Listener) -> Self::Watched {
        let listener = without_prefix(self.prefix.clone(), listener);
        ServerStore {
            transport: self.transport.watch(listener),
            prefix: self.prefix.clone(),
            timeout: self.timeout,
        }
    }

    fn silence(&self) -> Duration {
        self.transport.silence()
    }
}

impl<T: Transport> Watched for ServerStore<T> {
    async fn read(&self, key: &Key) -> Result<Option<Held>> {
        let operation = "redis::read";
        let key = self.key(key)?;
        let ask = |name: &'static str| {
            self.command(operation, vec![Bytes::from_static(name.as_bytes()), key.clone()])
        };
        // Together on the way, so one round trip. A change between them is heard like any other: the server notes
        // the key with the first of them.
        let (value, left) = tokio::try_join!(ask("GET"), ask("PTTL"))?;
        let Some(value) = reply::value(operation, value)? else { return Ok(None) };
        match reply::count(operation, &left)? {
            // It ended between the two.
            -2 => Ok(None),
            -1 => Ok(Some(Held { value, left: None })),
            left => {
                let left = u64::try_from(left).map_err(|_| {
                    Error::new(Code::RedisReply, "the server answered a negative time")
                        .with_operation(operation)
                })?;
                Ok(Some(Held { value, left: Some(Duration::from_millis(left)) }))
            }
        }
    }
}

/// Names keys as the store does, not as the server does.
fn without_prefix(prefix: Bytes, listener: Listener) -> Listener {
    if prefix.is_empty() {
        return listener;
    }
    Arc::new(move |event| match event {
        Event::Changed(Some(keys)) => {
            let own = keys.into_iter().filter(|key| key.starts_with(&prefix));
            listener(Event::Changed(Some(own.map(|key| key.slice(prefix.len()..)).collect())));
        }
        event => listener(event),
    })
}
