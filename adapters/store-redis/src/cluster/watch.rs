//! Watched reads on every node.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use maily_redis::{Event, Listener};
use parking_lot::Mutex;

use super::member::Member;
use super::{Follow, Shared};
use crate::node::Node;
use crate::stream::Address;

/// Ends the watching when the last who reads through it is gone.
pub(super) struct Watcher(Arc<Watch>);

/// One watched connection to each node that serves slots. For the listener they are one: it is lost when any of them
/// is, or when slots move, and back when all are.
pub(super) struct Watch {
    this: Weak<Self>,
    shared: Arc<Shared>,
    id: u64,
    listener: Listener,
    nodes: Mutex<HashMap<Address, Watched>>,
    /// Whether the last that the listener heard is that all is well. Held while it hears, so that news come in order.
    told: Mutex<Option<bool>>,
    /// Whether nobody wants to hear any more. Not behind a lock: the listener may be the one who says so.
    is_over: AtomicBool,
}

struct Watched {
    node: Node,
    is_up: bool,
}

// === impl Watcher ===

impl Watcher {
    pub(super) fn start(shared: &Arc<Shared>, listener: Listener) -> Arc<Self> {
        let watch = Arc::new_cyclic(|this: &Weak<Watch>| Watch {
            this: Weak::clone(this),
            shared: Arc::clone(shared),
            id: shared.admit(this.clone()),
            listener,
            nodes: Mutex::default(),
            told: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        // Whatever is known by now may be old; the look also connects.
        shared.refresh();
        Arc::new(Self(watch))
    }

    /// Returns the watched connection to a node.
    pub(super) fn node(&self, member: &Member) -> Node {
        self.0.node(member)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.shared.leave(self.0.id);
        self.0.is_over.store(true, Ordering::Release);
    }
}

// === impl Watch ===

impl Watch {
    fn node(&self, member: &Member) -> Node {
        let mut nodes = self.nodes.lock();
        let new = || Watched { node: member.node.watch(self.ear(&member.address)), is_up: false };
        nodes.entry(member.address.clone()).or_insert_with(new).node.clone()
    }

    fn ear(&self, address: &Address) -> Listener {
        let (this, address) = (Weak::clone(&self.this), address.clone());
        Arc::new(move |event| {
            let Some(watch) = Weak::upgrade(&this) else { return };
            match event {
                Event::Listening | Event::Lost => watch.note(&address, event == Event::Listening),
                event => (watch.listener)(event),
            }
        })
    }

    fn note(&self, address: &Address, is_up: bool) {
        let mut told = self.told.lock();
        if let Some(watched) = self.nodes.lock().get_mut(address) {
            watched.is_up = is_up;
        }
        if is_up {
            self.settle(&mut told);
        } else {
            self.tell(&mut told, false);
            self.shared.refresh();
        }
    }

    /// Says that all is well, or not any more; while the first connections are made there is nothing to say.
    fn settle(&self, told: &mut Option<bool>) -> bool {
        let nodes = self.nodes.lock();
        let (is_known, is_well) = (!nodes.is_empty(), nodes.values().all(|watched| watched.is_up));
        drop(nodes);
        if is_well || !is_known || told.is_some() {
            self.tell(told, is_known && is_well);
        }
        is_known && is_well
    }

    fn tell(&self, told: &mut Option<bool>, is_well: bool) {
        if *told != Some(is_well) && !self.is_over.load(Ordering::Acquire) {
            *told = Some(is_well);
            (self.listener)(if is_well { Event::Listening } else { Event::Lost });
        }
    }
}

impl Follow for Watch {
    fn follow(&self) -> bool {
        let map = self.shared.map.read();
        let owners: Vec<_> = map.owners().iter().map(|owner| Arc::clone(&owner.member)).collect();
        drop(map);
        let mut told = self.told.lock();
        if self.is_over.load(Ordering::Acquire) {
            return true;
        }
        for owner in &owners {
            self.node(owner);
        }
        let is_owner = |address: &Address| owners.iter().any(|owner| owner.address == *address);
        let gone: Vec<_> = self.nodes.lock().extract_if(|address, _| !is_owner(address)).collect();
        if !gone.is_empty() && *told == Some(true) {
            // What was read there is not watched any more.
            self.tell(&mut told, false);
        }
        drop(gone);
        self.settle(&mut told)
    }

    fn moved(&self) {
        let mut told = self.told.lock();
        if *told == Some(true) {
            self.tell(&mut told, false);
        }
    }
}
