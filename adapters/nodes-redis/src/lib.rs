#![doc = include_str!("../README.md")]

mod list;
mod watch;

use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use maily_mesh::{NodeConfig, NodeSource};
use maily_redis::{Key, Store, Swap};

/// The largest value, in bytes: 1 MiB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The nodes of a mesh, in one value of a store.
#[derive(Clone, Debug)]
pub struct RedisNodes<S> {
    store: S,
    key: Key,
    every: Duration,
}

impl<S: Store> RedisNodes<S> {
    /// The key unless another one is set.
    pub const KEY: &'static str = "mesh:nodes";

    /// Creates the nodes under [`KEY`](Self::KEY), which are looked at once a second.
    ///
    /// # Panics
    ///
    /// Never: the key is one that a store takes.
    #[must_use]
    pub fn new(store: S) -> Self {
        let key = Key::new(Self::KEY).expect("a short key is one");
        Self { store, key, every: Duration::from_secs(1) }
    }

    /// Sets under which key they are.
    #[must_use]
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// Sets how often they are looked at, at most every ten milliseconds.
    #[must_use]
    pub fn with_interval(mut self, every: Duration) -> Self {
        self.every = every.max(Duration::from_millis(10));
        self
    }

    /// Adds a node, or replaces the one of the same name.
    ///
    /// # Errors
    ///
    /// - [`Code::ConfigInvalid`] for a number out of its range, or when the value is no list of nodes.
    /// - [`Code::TooLarge`] when the list would have more than 1 MiB.
    /// - [`Code::Conflict`] when others changed the list 16 times meanwhile.
    /// - Those of the store.
    pub async fn insert(&self, node: &NodeConfig) -> Result<()> {
        node.check()?;
        self.change(|nodes| match nodes.iter_mut().find(|known| known.name == node.name) {
            Some(known) => *known = node.clone(),
            None => nodes.push(node.clone()),
        })
        .await
    }

    /// Takes a node out; one that is not there is none to take out.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.change(|nodes| nodes.retain(|node| node.name.as_str() != name)).await
    }

    /// Watches the nodes. The source never ends.
    ///
    /// # Errors
    ///
    /// Its items are errors while nothing can be known, one for each reason:
    ///
    /// - [`Code::ConfigUnreadable`] when there is no value, or one of more than 1 MiB.
    /// - [`Code::ConfigInvalid`] when it is no list of nodes.
    /// - Those of the store, while it cannot be asked.
    #[must_use]
    pub fn watch(&self) -> impl NodeSource<NodeConfig> + use<S> {
        watch::watch(self.store.clone(), self.key.clone(), self.every)
    }

    async fn change(&self, change: impl Fn(&mut Vec<NodeConfig>)) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let expected = self.store.get(&self.key).await?;
            let mut nodes = expected.as_ref().map_or_else(|| Ok(Vec::new()), |value| list::read(value))?;
            change(&mut nodes);
            let value: Bytes = list::write(&nodes)?;
            if expected.as_ref() == Some(&value) {
                return Ok(());
            }
            let mut swap = Swap::default();
            (swap.expected, swap.value) = (expected, Some(value));
            if self.store.compare_and_set(&self.key, swap).await? {
                return Ok(());
            }
        }
        Err(Error::new(Code::Conflict, "others change the nodes without a pause")
            .with_operation("nodes_redis::change"))
    }
}

const ATTEMPTS: u32 = 16;
