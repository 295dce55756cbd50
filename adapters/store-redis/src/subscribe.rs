//! Channels that are heard, all on one connection.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use maily_redis::{Command, Event, Listener};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use crate::cluster::ChannelSubscription;
use crate::link::{Link, LinkOptions, Resolve, Said};

/// The channels of one server and the connection on which they are heard. There is none while nobody listens.
#[derive(Clone, Debug)]
pub(crate) struct Subscriptions {
    shared: Arc<Shared>,
}

struct Shared {
    resolve: Arc<dyn Resolve>,
    options: LinkOptions,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    channels: HashMap<Bytes, Channel>,
    next: u64,
}

#[derive(Default)]
struct Channel {
    /// Whether the server has said that it is heard.
    heard: bool,
    /// When the server last refused it, unless it was asked again since.
    refused: Option<Instant>,
    listeners: Vec<Ear>,
}

struct Ear {
    id: u64,
    listener: Listener,
    /// Whether the last it was told of the connection is that it is lost.
    lost: bool,
}

/// A channel that is heard until this is dropped.
#[derive(Debug)]
pub struct Subscription {
    _inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Cluster(#[expect(dead_code, reason = "dropping it is its use")] ChannelSubscription),
    Node(#[expect(dead_code, reason = "dropping it is its use")] NodeSubscription),
}

/// Ends the subscription at one node when it is dropped.
pub(crate) struct NodeSubscription {
    shared: Arc<Shared>,
    channel: Bytes,
    id: u64,
}

// === impl Subscriptions ===

impl Subscriptions {
    pub(crate) fn new(resolve: Arc<dyn Resolve>, options: LinkOptions) -> Self {
        Self { shared: Arc::new(Shared { resolve, options, state: Mutex::default() }) }
    }

    /// Adds a listener, and asks the server for the channel if nobody did before.
    pub(crate) fn add(&self, channel: Bytes, listener: Listener) -> NodeSubscription {
        let mut state = self.shared.state.lock();
        let id = state.next;
        state.next += 1;
        let link = state.link.get_or_insert_with(|| self.shared.connect()).clone();
        // Its task may have ended with another runtime.
        link.start();
        let lost = link.is_lost();
        let entry = state.channels.entry(channel.clone()).or_default();
        let (is_new, heard) = (entry.listeners.is_empty(), entry.heard);
        let tell = Arc::clone(&listener);
        entry.listeners.push(Ear { id, listener, lost: lost && !heard });
        let unasked = is_new || entry.refused.take().is_some();
        if unasked && !heard && !lost {
            // Under the lock, as the end is: the server hears both in the order in which they were meant.
            link.send(&command("SSUBSCRIBE", &channel));
        }
        drop(state);
        match (heard, lost) {
            (true, _) => tell(Event::Listening),
            (false, true) => tell(Event::Lost),
            (false, false) => {}
        }
        NodeSubscription { shared: Arc::clone(&self.shared), channel, id }
    }
}

// === impl Shared ===

impl Shared {
    fn connect(self: &Arc<Self>) -> Link {
        // Weak: the connection must not keep alive what keeps the connection.
        let (hearing, greeting) = (Arc::downgrade(self), Arc::downgrade(self));
        let options = LinkOptions {
            listener: Some(Arc::new(move |said| {
                if let Some(shared) = Weak::upgrade(&hearing) {
                    shared.hear(said);
                }
            })),
            greeting: Some(Arc::new(move || Weak::upgrade(&greeting).map_or(Vec::new(), |it| it.words()))),
            ..self.options.clone()
        };
        Link::new(Arc::clone(&self.resolve), options)
    }

    /// What a new connection is told first.
    fn words(&self) -> Vec<Vec<Bytes>> {
        let state = self.state.lock();
        state.channels.keys().map(|channel| command("SSUBSCRIBE", channel).arguments.to_vec()).collect()
    }

    fn hear(self: &Arc<Self>, said: Said) {
        match said {
            Said::Event(Event::Message { channel, payload }) => {
                for listener in self.listeners(&channel) {
                    listener(Event::Message { channel: channel.clone(), payload: payload.clone() });
                }
            }
            Said::Event(Event::Listening) => self.catch_up(),
            Said::Event(Event::Lost) => {
                for listener in self.lose(None) {
                    listener(Event::Lost);
                }
            }
            Said::Event(_) => {}
            Said::Subscribed(channel) => {
                for listener in self.find(&channel) {
                    listener(Event::Listening);
                }
            }
            Said::Unsubscribed(channel) => {
                let listeners = self.lose(Some(&channel));
                for listener in &listeners {
                    listener(Event::Lost);
                }
                // The server moved it elsewhere: look where.
                if !listeners.is_empty()
                    && let Some(link) = self.state.lock().link.clone()
                {
                    link.renew();
                }
            }
            Said::Refused { channel, code, message } => {
                for listener in self.refuse(&channel) {
                    listener(Event::Refused { code: code.clone(), message: message.clone() });
                }
            }
        }
    }

    /// Notes that a channel may not be heard, and asks for it again later: rights change. Returns who is to know.
    fn refuse(self: &Arc<Self>, channel: &Bytes) -> Vec<Listener> {
        let now = Instant::now();
        let told = {
            let mut state = self.state.lock();
            let Some(entry) = state.channels.get_mut(channel) else { return Vec::new() };
            entry.heard = false;
            entry.refused = Some(now);
            let told = entry.listeners.iter_mut().map(|ear| {
                ear.lost = true;
                Arc::clone(&ear.listener)
            });
            told.collect()
        };
        let (shared, channel) = (Arc::downgrade(self), channel.clone());
        tokio::spawn(async move {
            sleep(PAUSE).await;
            if let Some(shared) = Weak::upgrade(&shared) {
                shared.ask_again(&channel, now);
            }
        });
        told
    }

    /// Asks for a channel that was last refused at this moment.
    fn ask_again(&self, channel: &Bytes, refused: Instant) {
        let mut state = self.state.lock();
        let State { link: Some(link), channels, .. } = &mut *state else { return };
        if let Some(entry) = channels.get_mut(channel)
            && entry.refused == Some(refused)
            && !link.is_lost()
        {
            entry.refused = None;
            link.send(&command("SSUBSCRIBE", channel));
        }
    }

    /// Asks for the channels that were added while the connection was being made.
    fn catch_up(&self) {
        let state = self.state.lock();
        let Some(link) = state.link.clone() else { return };
        let missing =
            state.channels.iter().filter(|(_, channel)| !channel.heard && channel.refused.is_none());
        let missing: Vec<Command> = missing.map(|(name, _)| command("SSUBSCRIBE", name)).collect();
        drop(state);
        for command in missing {
            link.send(&command);
        }
    }

    fn listeners(&self, channel: &Bytes) -> Vec<Listener> {
        let state = self.state.lock();
        let channel = state.channels.get(channel);
        channel.map_or(Vec::new(), |it| it.listeners.iter().map(|ear| Arc::clone(&ear.listener)).collect())
    }

    /// Notes that a channel is heard; returns who does not know yet.
    fn find(&self, channel: &Bytes) -> Vec<Listener> {
        let mut state = self.state.lock();
        let Some(channel) = state.channels.get_mut(channel) else { return Vec::new() };
        channel.refused = None;
        if std::mem::replace(&mut channel.heard, true) {
            return Vec::new();
        }
        let told = channel.listeners.iter_mut().map(|ear| {
            ear.lost = false;
            Arc::clone(&ear.listener)
        });
        told.collect()
    }

    /// Notes that a channel is not heard any more, or all; returns who does not know yet.
    fn lose(&self, channel: Option<&Bytes>) -> Vec<Listener> {
        let mut told = Vec::new();
        for (name, entry) in &mut self.state.lock().channels {
            if channel.is_none_or(|channel| channel == name) {
                entry.heard = false;
                for ear in &mut entry.listeners {
                    if !std::mem::replace(&mut ear.lost, true) {
                        told.push(Arc::clone(&ear.listener));
                    }
                }
            }
        }
        told
    }

    fn remove(&self, channel: &Bytes, id: u64) {
        let mut state = self.state.lock();
        let Some(entry) = state.channels.get_mut(channel) else { return };
        entry.listeners.retain(|ear| ear.id != id);
        if !entry.listeners.is_empty() {
            return;
        }
        state.channels.remove(channel);
        let last = if state.channels.is_empty() { state.link.take() } else { None };
        if let Some(link) = &state.link {
            link.send(&command("SUNSUBSCRIBE", channel));
        }
        drop(state);
        drop(last);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions").field("resolve", &self.resolve).finish_non_exhaustive()
    }
}

// === impl Subscription ===

impl From<ChannelSubscription> for Subscription {
    fn from(subscription: ChannelSubscription) -> Self {
        Self { _inner: Inner::Cluster(subscription) }
    }
}

impl From<NodeSubscription> for Subscription {
    fn from(subscription: NodeSubscription) -> Self {
        Self { _inner: Inner::Node(subscription) }
    }
}

// === impl NodeSubscription ===

impl Drop for NodeSubscription {
    fn drop(&mut self) {
        self.shared.remove(&self.channel, self.id);
    }
}

impl fmt::Debug for NodeSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSubscription").finish_non_exhaustive()
    }
}

/// How long after a refusal a channel is asked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// Nobody waits for the reply, so the deadline means nothing.
fn command(name: &'static str, channel: &Bytes) -> Command {
    Command::new([Bytes::from_static(name.as_bytes()), channel.clone()], Instant::now())
}
