//! Everything that goes to one server: shared, blocking, watched and subscribed connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_redis::{Command, Listener};

use crate::blocking::Blocking;
use crate::link::{Link, LinkOptions, Resolve, Said};
use crate::subscribe::{NodeSubscription, Subscriptions};
use crate::transport::Call;

/// One server, wherever its resolver says it is. Clones share the connections.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    // One pointer: a transport is cloned for each command, and two cores that count clones wait for each other.
    ways: Arc<Ways>,
}

#[derive(Debug)]
struct Ways {
    link: Link,
    shared: Arc<Shared>,
}

/// What a node has in common with the watched ones that were made of it.
#[derive(Debug)]
struct Shared {
    resolve: Arc<dyn Resolve>,
    options: LinkOptions,
    blocking: Arc<Blocking>,
    subscriptions: Subscriptions,
}

impl Node {
    /// Creates the connections to a server; they are made when they are needed.
    pub(crate) fn new(resolve: Arc<dyn Resolve>, options: LinkOptions) -> Self {
        let link = Link::new(Arc::clone(&resolve), options.clone());
        let blocking = Arc::new(Blocking::new(Arc::clone(&resolve), options.clone()));
        let subscriptions = Subscriptions::new(Arc::clone(&resolve), options.clone());
        Self::of(link, Arc::new(Shared { resolve, options, blocking, subscriptions }))
    }

    fn of(link: Link, shared: Arc<Shared>) -> Self {
        Self { ways: Arc::new(Ways { link, shared }) }
    }

    /// Sends a command, on a connection of its own if the server may wait.
    #[inline]
    pub(crate) fn call(&self, command: Command) -> Call {
        if command.blocking {
            let blocking = Arc::clone(&self.ways.shared.blocking);
            return Call::boxed(async move { blocking.call(command, false).await });
        }
        Call::from(self.ways.link.call(command))
    }

    /// Sends a command about a slot that is on its way to this node of a cluster.
    pub(crate) fn call_asking(&self, command: Command) -> Call {
        if command.blocking {
            let blocking = Arc::clone(&self.ways.shared.blocking);
            return Call::boxed(async move { blocking.call(command, true).await });
        }
        Call::from(self.ways.link.call_asking(command))
    }

    /// Returns the connection that calls share.
    pub(crate) fn link(&self) -> &Link {
        &self.ways.link
    }

    /// Returns the same server through a connection that says when values change that were read on it.
    pub(crate) fn watch(&self, listener: Listener) -> Self {
        let options = LinkOptions {
            listener: Some(Arc::new(move |said| {
                if let Said::Event(event) = said {
                    listener(event);
                }
            })),
            greeting: Some(Arc::new(|| {
                vec![["CLIENT", "TRACKING", "ON"].map(|word| Bytes::from_static(word.as_bytes())).to_vec()]
            })),
            ..self.ways.shared.options.clone()
        };
        let link = Link::new(Arc::clone(&self.ways.shared.resolve), options);
        Self::of(link, Arc::clone(&self.ways.shared))
    }

    /// Hears a channel until the subscription is dropped.
    pub(crate) fn subscribe(&self, channel: Bytes, listener: Listener) -> NodeSubscription {
        self.ways.shared.subscriptions.add(channel, listener)
    }

    /// Returns after how long without a byte a connection counts as lost.
    pub(crate) fn silence(&self) -> Duration {
        self.ways.shared.options.silence.unwrap_or_default()
    }
}
