//! A channel, on whichever node has its slot.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use maily_redis::{Event, Listener};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::slot::slot;
use super::{Follow, Shared};
use crate::stream::Address;
use crate::subscribe::NodeSubscription;

/// Ends the subscription when it is dropped.
pub(crate) struct ChannelSubscription {
    channel: Arc<Channel>,
    id: u64,
}

struct Channel {
    this: Weak<Self>,
    shared: Arc<Shared>,
    name: Bytes,
    slot: u16,
    listener: Listener,
    place: Mutex<Option<Place>>,
    told: Mutex<Told>,
    /// Whether nobody wants to hear any more. Not behind a lock: the listener may be the one who says so.
    is_over: AtomicBool,
}

/// Where the channel is heard, or about to be.
struct Place {
    address: Address,
    since: Instant,
    _subscription: NodeSubscription,
}

/// What the listener heard last. Held while it hears, so that news come in order.
#[derive(Default)]
struct Told {
    is_heard: Option<bool>,
    /// Whether the node does not let us hear the channel. It is the right one nevertheless, and is asked again.
    is_refused: bool,
    /// Counts the places: what an old one still says is of no interest.
    place: u64,
}

impl ChannelSubscription {
    pub(super) fn start(shared: &Arc<Shared>, name: Bytes, listener: Listener) -> Self {
        let channel = Arc::new_cyclic(|this| Channel {
            this: Weak::clone(this),
            shared: Arc::clone(shared),
            slot: slot(&name),
            name,
            listener,
            place: Mutex::default(),
            told: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let follower: Weak<Channel> = Arc::downgrade(&channel);
        let id = shared.admit(follower);
        if shared.map.read().is_empty() || !channel.follow() {
            // Whatever is known by now may be old.
            shared.refresh();
        }
        Self { channel, id }
    }
}

impl Drop for ChannelSubscription {
    fn drop(&mut self) {
        self.channel.shared.leave(self.id);
        self.channel.is_over.store(true, Ordering::Release);
    }
}

impl fmt::Debug for ChannelSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSubscription").field("slot", &self.channel.slot).finish_non_exhaustive()
    }
}

impl Channel {
    fn ear(&self, place: u64) -> Listener {
        let this = Weak::clone(&self.this);
        Arc::new(move |event| {
            if let Some(channel) = Weak::upgrade(&this) {
                channel.hear(place, event);
            }
        })
    }

    fn hear(&self, place: u64, event: Event) {
        let mut told = self.told.lock();
        if told.place != place || self.is_over() {
            return;
        }
        match event {
            Event::Listening => self.tell(&mut told, true),
            Event::Lost => {
                self.tell(&mut told, false);
                self.shared.refresh();
            }
            event => {
                if matches!(event, Event::Refused { .. }) {
                    told.is_heard = Some(false);
                    told.is_refused = true;
                }
                (self.listener)(event);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn tell(&self, told: &mut Told, is_heard: bool) {
        told.is_refused = false;
        if told.is_heard != Some(is_heard) {
            told.is_heard = Some(is_heard);
            (self.listener)(if is_heard { Event::Listening } else { Event::Lost });
        }
    }
}

impl Follow for Channel {
    fn follow(&self) -> bool {
        let owner = self.shared.map.read().owner(self.slot).cloned();
        let mut place = self.place.lock();
        let mut told = self.told.lock();
        if self.is_over() {
            return true;
        }
        let is_heard = told.is_heard == Some(true);
        let is_settled = is_heard || told.is_refused;
        let Some(owner) = owner else {
            told.place += 1;
            self.tell(&mut told, false);
            drop(told);
            *place = None;
            return false;
        };
        // A node that was asked too early did not take the channel, and nobody hears of it.
        let is_stuck = |place: &Place| !is_settled && place.since.elapsed() > PATIENCE;
        if place.as_ref().is_some_and(|at| at.address == owner.member.address && !is_stuck(at)) {
            return is_settled;
        }
        told.place += 1;
        told.is_refused = false;
        let number = told.place;
        if is_heard {
            self.tell(&mut told, false);
        }
        // The node may speak to us at once.
        drop(told);
        *place = None;
        let subscription = owner.member.node.subscribe(self.name.clone(), self.ear(number));
        let address = owner.member.address.clone();
        *place = Some(Place { address, since: Instant::now(), _subscription: subscription });
        false
    }
}

/// How long a node may take to say that the channel is heard.
const PATIENCE: Duration = Duration::from_secs(1);
