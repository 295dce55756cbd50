//! What an instance says: packets to send, and what happened.

use std::net::SocketAddr;
use std::sync::Arc;

use super::peer::Peer;
use crate::model::InstanceName;

/// What the owner of a [`Membership`](super::Membership) does next.
#[derive(Debug)]
pub enum Output {
    /// A packet of at most 1,200 bytes to send.
    Send(SocketAddr, Vec<u8>),
    /// Something happened.
    Event(Event),
}

/// What happened to the others.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// An instance is there: new, back from the dead, or in a new life.
    Joined(Peer),
    /// An instance did not answer.
    Suspected(Peer),
    /// A suspected instance objected.
    Recovered(Peer),
    /// An instance is dead.
    Died(Peer),
    /// An instance said that it leaves.
    Left(Peer),
    /// An instance shares something new under a key, or nothing any more.
    Changed {
        /// The instance.
        name: InstanceName,
        /// The key.
        key: Arc<str>,
    },
}

/// What an instance counted since it began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets sent.
    pub sent: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Packets that came, of whomever.
    pub received: u64,
    /// Bytes that came, of whomever.
    pub received_bytes: u64,
    /// Packets that are not sealed with the key: of a stranger, damaged, or of another version.
    pub rejected: u64,
    /// Packets that came twice, or more than 960 packets late.
    pub replayed: u64,
    /// Packets with the right key that cannot be read, or come from an earlier life of their sender.
    pub ignored: u64,
    /// Instances that were not taken in, because 256 are known.
    pub refused: u64,
    /// How often this instance objected to being called suspect or dead.
    pub refuted: u64,
    /// How often another life with this instance's name was seen; it grows without end when two share a name.
    pub conflicts: u64,
}
