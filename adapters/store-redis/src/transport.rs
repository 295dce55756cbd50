//! The port: one command, one reply, by its deadline.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use maily_errors::{Error, Result};
use maily_redis::{Command, Reply};
use redis::Client;
use tokio::time::{Instant, timeout_at};
use tower_service::Service;

use crate::connection::Connector;
use crate::{codec, error};

/// A way to one Redis or Valkey server. Clones share one multiplexed connection.
#[derive(Clone, Debug)]
pub struct RedisTransport {
    connector: Arc<Connector>,
}

impl RedisTransport {
    pub(crate) fn new(client: Client, connect_timeout: Duration) -> Self {
        Self { connector: Arc::new(Connector::new(client, connect_timeout)) }
    }
}

impl Service<Command> for RedisTransport {
    type Response = Reply;
    type Error = Error;
    type Future = Call;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, command: Command) -> Call {
        let connector = Arc::clone(&self.connector);
        Call { inner: Box::pin(async move { call(&connector, &command).await }) }
    }
}

/// The answer of a [`RedisTransport`].
///
/// Boxed: the futures of redis-rs have no names. Dropping it leaves its place in the connection's queue, so the
/// reply is read and thrown away, never given to another call.
pub struct Call {
    inner: Pin<Box<dyn Future<Output = Result<Reply>> + Send>>,
}

impl Future for Call {
    type Output = Result<Reply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

async fn call(connector: &Connector, command: &Command) -> Result<Reply> {
    let deadline = command.deadline;
    if deadline <= Instant::now() {
        return Err(error::timeout());
    }
    let connection = timeout_at(deadline, connector.connection()).await.map_err(|_| error::timeout())?;
    let (link, mut connection) = connection.map_err(error::connect)?;
    let cmd = codec::command(command);
    match timeout_at(deadline, connection.send_packed_command(&cmd)).await {
        Err(_) => {
            connector.missed(&link);
            Err(error::timeout())
        }
        Ok(Err(err)) => {
            if err.code().is_none() {
                connector.lost(&link);
            }
            error::answer(err)
        }
        Ok(Ok(value)) => {
            link.answered();
            Ok(codec::reply(value))
        }
    }
}
