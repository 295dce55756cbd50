//! The port: one command, one reply, by its deadline; and what a server says by itself.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use maily_errors::{Error, Result};
use maily_redis::layer::Database;
use maily_redis::layer::meter::{Meter, MeterLayer};
use maily_redis::layer::trace::{Trace, TraceLayer};
use maily_redis::{Command, Listen, Listener, Reply};
use tower_layer::Layer as _;
use tower_service::Service;

use crate::cluster::Cluster;
use crate::link::{self, LinkOptions, Resolve};
use crate::node::Node;
use crate::stream::Address;
use crate::subscribe::Subscription;

/// A way to a Redis or Valkey server: connections, each command measured and in a span. Clones share it.
pub type RedisTransport = Trace<Meter<Connections>>;

/// Connections to a Redis or Valkey server, or to a cluster of them. Clones share them.
#[derive(Clone, Debug)]
pub struct Connections {
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    /// To the node that serves each key.
    Cluster(Cluster),
    /// To the one server, wherever it is now.
    Node(Node),
}

/// The answer of [`Connections`].
///
/// Sends nothing before it is polled. Dropping it leaves its place in the connection's queue, so the reply is read and
/// thrown away, never given to another call; a command that waits on the server loses its connection, which ends the
/// wait.
pub struct Call {
    inner: Inner,
}

#[expect(clippy::large_enum_variant, reason = "a box would be one more allocation for each call")]
enum Inner {
    /// Where the future has no name.
    Boxed(BoxFuture<'static, Result<Reply>>),
    Shared(link::Call),
}

// === impl Connections ===

impl Connections {
    pub(crate) fn new(resolve: Arc<dyn Resolve>, options: LinkOptions) -> Self {
        Self { way: Way::Node(Node::new(resolve, options)) }
    }

    pub(crate) fn cluster(seeds: Vec<Address>, options: LinkOptions) -> Self {
        Self { way: Way::Cluster(Cluster::new(seeds, options)) }
    }

    /// Returns the connections under the layers that every command goes through.
    pub(crate) fn observed(self, database: Database) -> RedisTransport {
        // The span outermost, so that what is measured belongs to it.
        TraceLayer::new(database).layer(MeterLayer::new(database).layer(self))
    }
}

impl Service<Command> for Connections {
    type Response = Reply;
    type Error = Error;
    type Future = Call;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, command: Command) -> Call {
        match &self.way {
            Way::Cluster(cluster) => cluster.call(command),
            Way::Node(node) => node.call(command),
        }
    }
}

impl Listen for Connections {
    type Watched = Self;
    type Subscription = Subscription;

    fn watch(&self, listener: Listener) -> Self {
        let way = match &self.way {
            Way::Cluster(cluster) => Way::Cluster(cluster.watch(listener)),
            Way::Node(node) => Way::Node(node.watch(listener)),
        };
        Self { way }
    }

    fn subscribe(&self, channel: Bytes, listener: Listener) -> Subscription {
        match &self.way {
            Way::Cluster(cluster) => cluster.subscribe(channel, listener).into(),
            Way::Node(node) => node.subscribe(channel, listener).into(),
        }
    }

    fn silence(&self) -> Duration {
        match &self.way {
            Way::Cluster(cluster) => cluster.silence(),
            Way::Node(node) => node.silence(),
        }
    }
}

// === impl Call ===

impl Call {
    /// Takes a future without a name.
    pub(crate) fn boxed(future: impl Future<Output = Result<Reply>> + Send + 'static) -> Self {
        Self { inner: Inner::Boxed(Box::pin(future)) }
    }
}

impl From<link::Call> for Call {
    fn from(call: link::Call) -> Self {
        Self { inner: Inner::Shared(call) }
    }
}

impl Future for Call {
    type Output = Result<Reply>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.inner {
            Inner::Boxed(future) => future.as_mut().poll(cx),
            Inner::Shared(call) => Pin::new(call).poll(cx),
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
