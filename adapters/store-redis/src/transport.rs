//! The port: one command, one reply, by its deadline.

use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::{Error, Result};
use maily_redis::{Command, Reply};
use tower_service::Service;

use crate::link::{Call, Link, LinkOptions, Resolve};

/// A way to one Redis or Valkey server. Clones share its connections.
#[derive(Clone, Debug)]
pub struct RedisTransport {
    link: Link,
}

impl RedisTransport {
    pub(crate) fn new(resolve: Arc<dyn Resolve>, options: LinkOptions) -> Self {
        Self { link: Link::new(resolve, options) }
    }
}

impl Service<Command> for RedisTransport {
    type Response = Reply;
    type Error = Error;
    type Future = Call;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> Call {
        self.link.call(command)
    }
}
