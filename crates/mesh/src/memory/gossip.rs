//! A gossip within one process.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use maily_errors::Result;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::membership::{Event, InstanceName, Peer, PeerStatus, Replica, Shared};
use crate::port::Gossip;

/// How many events may wait for one that reads them.
const EVENTS: usize = 256;

/// One of several instances in one process, which know each other at once.
///
/// # Examples
///
/// ```
/// use maily_mesh::Gossip;
/// use maily_mesh::memory::LocalGossip;
///
/// let [east, west] = LocalGossip::pair();
/// east.publish("lease/7", "until noon".into()).unwrap();
/// assert_eq!(west.view("lease/7")[0].value, "until noon");
/// ```
pub struct LocalGossip {
    name: InstanceName,
    hub: Arc<Mutex<BTreeMap<InstanceName, Member>>>,
}

struct Member {
    generation: u64,
    replica: Replica,
    events: broadcast::Sender<Event>,
}

impl LocalGossip {
    /// Creates an instance that is alone.
    pub fn new(name: impl Into<InstanceName>) -> Self {
        Self { name: String::new().into(), hub: Arc::default() }.join(name)
    }

    /// Creates two instances, `east` and `west`.
    #[must_use]
    pub fn pair() -> [Self; 2] {
        let east = Self::new("east");
        let west = east.join("west");
        [east, west]
    }

    /// Adds an instance. One of the same name begins a new life.
    #[must_use]
    pub fn join(&self, name: impl Into<InstanceName>) -> Self {
        let name = name.into();
        let generation = self.hub.lock().get(&name).map_or(1, |before| before.generation + 1);
        let member = Member { generation, replica: Replica::default(), events: broadcast::channel(EVENTS).0 };
        self.tell(&name, &Event::Joined(peer(&name, &member)));
        self.hub.lock().insert(name.clone(), member);
        Self { name, hub: self.hub.clone() }
    }

    /// Tells all but one.
    fn tell(&self, but: &InstanceName, event: &Event) {
        for (_, member) in self.hub.lock().iter().filter(|(name, _)| *name != but) {
            // Nobody need listen.
            let _ = member.events.send(event.clone());
        }
    }

    fn write(&self, key: &str, value: Option<Bytes>) -> Result<bool> {
        let changed = match self.hub.lock().get_mut(&self.name) {
            Some(member) => member.replica.write(key, value)?,
            None => false,
        };
        if changed {
            self.tell(&self.name, &Event::Changed { name: self.name.clone(), key: key.into() });
        }
        Ok(changed)
    }
}

impl Gossip for LocalGossip {
    fn name(&self) -> InstanceName {
        self.name.clone()
    }

    fn peers(&self) -> Vec<Peer> {
        let hub = self.hub.lock();
        let others = hub.iter().filter(|(name, _)| **name != self.name);
        others.map(|(name, member)| peer(name, member)).collect()
    }

    fn publish(&self, key: &str, value: Bytes) -> Result<()> {
        self.write(key, Some(value)).map(drop)
    }

    fn withdraw(&self, key: &str) -> bool {
        self.write(key, None).unwrap_or(false)
    }

    fn view(&self, key: &str) -> Vec<Shared> {
        let hub = self.hub.lock();
        let others = hub.iter().filter(|(name, _)| **name != self.name);
        hub.get_key_value(&self.name)
            .into_iter()
            .chain(others)
            .filter_map(|(name, member)| Shared::of(name, &member.replica, key))
            .collect()
    }

    fn scan(&self, prefix: &str) -> Vec<(Arc<str>, Shared)> {
        let hub = self.hub.lock();
        let others = hub.iter().filter(|(name, _)| **name != self.name);
        hub.get_key_value(&self.name)
            .into_iter()
            .chain(others)
            .flat_map(|(name, member)| Shared::scan(name, &member.replica, prefix))
            .collect()
    }

    fn events(&self) -> BoxStream<'static, Event> {
        let events = self.hub.lock().get(&self.name).map(|member| member.events.subscribe());
        stream::unfold(events, async |events| {
            let mut events = events?;
            loop {
                match events.recv().await {
                    Ok(event) => return Some((event, Some(events))),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}

impl fmt::Debug for LocalGossip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalGossip").field("name", &self.name).finish_non_exhaustive()
    }
}

fn peer(name: &InstanceName, member: &Member) -> Peer {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    Peer { name: name.clone(), address: nowhere, generation: member.generation, status: PeerStatus::Alive }
}
