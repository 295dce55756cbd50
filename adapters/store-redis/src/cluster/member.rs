//! One node of a cluster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use futures_util::future::{BoxFuture, FutureExt as _, ready};
use maily_errors::Result;

use super::Shared;
use crate::link::{LinkOptions, Resolve, Target};
use crate::node::Node;
use crate::stream::Address;

/// A node and our connections to it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: Address,
    pub(super) node: Node,
    /// Whether it has missed a deadline or lost a connection, and has not answered since.
    suspected: AtomicBool,
}

impl Member {
    pub(super) fn new(address: Address, cluster: Weak<Shared>, options: LinkOptions) -> Self {
        let place = Place { address: address.clone(), cluster };
        Self { address, node: Node::new(Arc::new(place), options), suspected: AtomicBool::new(false) }
    }

    pub(super) fn is_suspected(&self) -> bool {
        self.suspected.load(Ordering::Relaxed)
    }

    /// Notes whether the node is well. Writes only news: every reply comes through here.
    pub(super) fn suspect(&self, suspected: bool) {
        if self.is_suspected() != suspected {
            self.suspected.store(suspected, Ordering::Relaxed);
        }
    }
}

/// Where a node is; a redirection is a reason to look at the map.
struct Place {
    address: Address,
    cluster: Weak<Shared>,
}

impl Resolve for Place {
    fn resolve(&self) -> BoxFuture<'_, Result<Target>> {
        // What a command carries as its epoch belongs to the slot: the router writes it.
        ready(Ok(Target { address: self.address.clone(), epoch: 0 })).boxed()
    }

    fn moves(&self) -> bool {
        false
    }

    fn is_misled(&self, code: &str) -> bool {
        if matches!(code, "CLUSTERDOWN" | "MOVED" | "READONLY")
            && let Some(cluster) = self.cluster.upgrade()
        {
            cluster.refresh();
        }
        // The connection is good: it is the map that misleads.
        false
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}
