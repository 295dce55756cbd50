//! One multiplexed connection, made when it is needed and again when it is lost.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};

/// How many replies in a row may be missing before the connection itself is suspected: a network that swallows
/// everything reports no error for minutes.
const MAX_MISSES: u32 = 3;

/// An attempt to connect that all callers share, and then the connection.
type Attempt = Shared<BoxFuture<'static, Result<MultiplexedConnection, RedisError>>>;

/// Holds the current connection. A call takes it, and says if it was no good.
#[derive(Debug)]
pub(crate) struct Connector {
    client: Client,
    config: AsyncConnectionConfig,
    current: Mutex<Option<Arc<Link>>>,
}

/// One connection from its attempt to its end.
#[derive(Debug)]
pub(crate) struct Link {
    attempt: Attempt,
    misses: AtomicU32,
}

impl Connector {
    pub(crate) fn new(client: Client, connect_timeout: Duration) -> Self {
        // Each call has its own deadline; the response timeout of redis-rs would cut blocking commands.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            .set_response_timeout(None);
        Self { client, config, current: Mutex::new(None) }
    }

    /// Returns the connection, after connecting if there is none.
    pub(crate) async fn connection(&self) -> Result<(Arc<Link>, MultiplexedConnection), RedisError> {
        let (link, began_here) = self.link();
        match self.finish(link).await {
            // The attempt is older than this call and may have failed before the server came up: once more.
            Err(_) if !began_here => self.finish(self.link().0).await,
            result => result,
        }
    }

    /// Notes that the connection is lost.
    pub(crate) fn lost(&self, link: &Arc<Link>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Another call may have connected again meanwhile.
        if current.as_ref().is_some_and(|held| Arc::ptr_eq(held, link)) {
            *current = None;
        }
    }

    /// Notes that a reply did not come in time.
    pub(crate) fn missed(&self, link: &Arc<Link>) {
        if link.misses.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_MISSES {
            self.lost(link);
        }
    }

    async fn finish(&self, link: Arc<Link>) -> Result<(Arc<Link>, MultiplexedConnection), RedisError> {
        match link.attempt.clone().await {
            Ok(connection) => Ok((link, connection)),
            Err(err) => {
                self.lost(&link);
                Err(err)
            }
        }
    }

    /// Returns the current link, and whether it began with this call.
    fn link(&self) -> (Arc<Link>, bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = current.as_ref() {
            return (Arc::clone(link), false);
        }
        let (client, config) = (self.client.clone(), self.config.clone());
        let attempt = async move { client.get_multiplexed_async_connection_with_config(&config).await };
        let link = Arc::new(Link { attempt: attempt.boxed().shared(), misses: AtomicU32::new(0) });
        *current = Some(Arc::clone(&link));
        (link, true)
    }
}

impl Link {
    /// Notes that a reply came, whatever it says.
    pub(crate) fn answered(&self) {
        self.misses.store(0, Ordering::Relaxed);
    }
}
