//! A cluster: each command goes to the node that serves its key.
//!
//! The map of slots comes from several nodes at once and is put together by the votes from which each claim stems, as
//! the nodes do among themselves; so a node that was cut off cannot lead back to an old master. One task keeps it: it
//! looks when a node redirects, fails or misses one deadline, every 50 ms while something is wrong, and every ten
//! seconds otherwise.
//!
//! Source: the cluster specification, <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.

mod channel;
mod map;
mod member;
mod plan;
mod redirect;
mod refresh;
mod route;
mod slot;
mod view;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use maily_redis::{Command, Listener};
use parking_lot::{Mutex, RwLock};

pub(crate) use self::channel::ChannelSubscription;
use self::map::Map;
use self::refresh::Rounds;
use self::watch::Watcher;
use crate::link::LinkOptions;
use crate::stream::Address;
use crate::transport::Call;

/// A way to a whole cluster. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Cluster {
    shared: Arc<Shared>,
    watch: Option<Arc<Watcher>>,
}

struct Shared {
    /// This, for what must not keep it alive.
    this: Weak<Self>,
    seeds: Vec<Address>,
    options: LinkOptions,
    map: RwLock<Map>,
    rounds: Rounds,
    followers: Mutex<Followers>,
}

/// Who wants to know when the map may have changed.
#[derive(Default)]
struct Followers {
    all: HashMap<u64, Weak<dyn Follow>>,
    next: u64,
}

/// Something that is bound to the nodes of the moment.
trait Follow: Send + Sync {
    /// Goes where the map says; returns whether it has what it needs there.
    fn follow(&self) -> bool;

    /// Gives up what it has on nodes that have lost slots.
    fn moved(&self) {}
}

impl Cluster {
    /// Creates the way to a cluster of which these nodes are known; asks nobody yet.
    pub(crate) fn new(seeds: Vec<Address>, options: LinkOptions) -> Self {
        let shared = Arc::new_cyclic(|this| Shared {
            this: Weak::clone(this),
            seeds,
            options,
            map: RwLock::default(),
            rounds: Rounds::default(),
            followers: Mutex::default(),
        });
        Self { shared, watch: None }
    }

    /// Sends a command to the node that serves its key, or to any node if it has none.
    pub(crate) fn call(&self, command: Command) -> Call {
        Call::boxed(route::route(Arc::clone(&self.shared), self.watch.clone(), command))
    }

    /// Returns the same cluster through connections that say when values change that were read on them.
    pub(crate) fn watch(&self, listener: Listener) -> Self {
        Self { shared: Arc::clone(&self.shared), watch: Some(Watcher::start(&self.shared, listener)) }
    }

    /// Hears a channel, from whichever node has its slot, until the subscription is dropped.
    pub(crate) fn subscribe(&self, channel: Bytes, listener: Listener) -> ChannelSubscription {
        ChannelSubscription::start(&self.shared, channel, listener)
    }

    /// Returns after how long without a byte a connection counts as lost.
    pub(crate) fn silence(&self) -> Duration {
        self.shared.options.silence.unwrap_or_default()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("seeds", &self.shared.seeds).finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// Lets somebody follow the map until it is gone; returns the number under which to leave.
    fn admit(&self, follower: Weak<dyn Follow>) -> u64 {
        let mut followers = self.followers.lock();
        let id = followers.next;
        followers.next += 1;
        followers.all.insert(id, follower);
        id
    }

    fn leave(&self, id: u64) {
        self.followers.lock().all.remove(&id);
    }

    /// Returns who follows the map now. Not called under the lock: they may come and go meanwhile.
    fn followers(&self) -> Vec<Arc<dyn Follow>> {
        self.followers.lock().all.values().filter_map(Weak::upgrade).collect()
    }
}
