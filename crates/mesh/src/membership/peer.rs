//! Other instances, as one instance knows them.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;

use super::replica::Replica;
use super::window::Window;
use crate::model::InstanceName;

/// How an instance is.
///
/// The order is that of strength: of two claims about one incarnation the greater one holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum PeerStatus {
    /// It answers.
    Alive,
    /// It did not answer; it is dead soon unless it objects.
    Suspect,
    /// It does not answer any more. It is called from time to time, and may come back.
    Dead,
    /// It said that it leaves.
    Left,
}

impl PeerStatus {
    /// Returns whether the instance counts as there: alive, or only suspected.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

/// Another instance.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Peer {
    /// Its name.
    pub name: InstanceName,
    /// Where it takes packets.
    pub address: SocketAddr,
    /// Which life of it this is: grows when it starts again.
    pub generation: u64,
    /// How it is.
    pub status: PeerStatus,
}

/// What is said of an instance. The greater claim holds: a later life, then a later objection, then the worse.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Claim {
    pub(super) generation: u64,
    pub(super) incarnation: u32,
    pub(super) status: PeerStatus,
}

impl Claim {
    /// Nothing: less than any claim, as a generation is 1 or more.
    pub(super) const NONE: Self = Self { generation: 0, incarnation: 0, status: PeerStatus::Alive };
}

/// All that is known of an instance.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) claim: Claim,
    pub(super) address: SocketAddr,
    /// When it was last heard itself, or by a helper.
    pub(super) heard_at: Duration,
    pub(super) changed_at: Duration,
    pub(super) suspicion: Option<Suspicion>,
    pub(super) window: Window,
    pub(super) replica: Replica,
}

impl Record {
    pub(super) fn new(claim: Claim, address: SocketAddr, now: Duration) -> Self {
        Self {
            claim,
            address,
            heard_at: now,
            changed_at: now,
            suspicion: None,
            window: Window::default(),
            replica: Replica::default(),
        }
    }

    pub(super) fn to_peer(&self, name: &InstanceName) -> Peer {
        Peer {
            name: name.clone(),
            address: self.address,
            generation: self.claim.generation,
            status: self.claim.status,
        }
    }
}

/// Since when and by whom an instance is suspected.
#[derive(Debug)]
pub(super) struct Suspicion {
    pub(super) since: Duration,
    /// Whether this instance saw it by itself.
    pub(super) own_eyes: bool,
    /// The others who say that they saw it themselves, at most [`Self::WITNESSES`].
    pub(super) witnesses: Vec<InstanceName>,
}

impl Suspicion {
    /// How many witnesses make a suspicion as short as it gets.
    const WITNESSES: usize = 3;
    /// The longest suspicion, in shortest ones.
    const LONGEST: f64 = 3.0;

    pub(super) fn new(now: Duration) -> Self {
        Self { since: now, own_eyes: false, witnesses: Vec::new() }
    }

    pub(super) fn witness(&mut self, name: &InstanceName) {
        if self.witnesses.len() < Self::WITNESSES && !self.witnesses.contains(name) {
            self.witnesses.push(name.clone());
        }
    }

    /// Returns how long the suspicion lasts in a mesh of `live` instances, this one included.
    ///
    /// Alone against all, an instance is slow to condemn: it may be the one that is cut off. Each witness
    /// shortens the time. A mesh that is too small for witnesses condemns in the shortest time.
    ///
    /// Source: Dadgar et al., "Lifeguard: Local Health Awareness for More Accurate Failure Detection", 2018,
    /// section IV-B.
    pub(super) fn lasts(&self, shortest: Duration, live: usize) -> Duration {
        let shortest = shortest.mul_f64((live.max(10) as f64).log10());
        if live < Self::WITNESSES + 2 {
            return shortest;
        }
        let longest = shortest.mul_f64(Self::LONGEST);
        let seen = (self.witnesses.len() + 1) as f64;
        let share = seen.ln() / (Self::WITNESSES as f64 + 1.0).ln();
        longest - (longest - shortest).mul_f64(share.min(1.0))
    }
}
