//! Numbers that add up.

use serde::{Deserialize, Serialize};

use crate::model::EventKind;

/// Exact counts of events by kind.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// Messages that the platform took.
    pub sent: u64,
    /// Messages that the receiving server took.
    pub delivered: u64,
    /// Messages that came back.
    pub bounces: u64,
    /// Reports as spam.
    pub complaints: u64,
    /// Recipients that want no more.
    pub unsubscribes: u64,
    /// Recipients that did what the campaign is for.
    pub conversions: u64,
    /// Opens, every one.
    pub opens: Reaction,
    /// Clicks, every one.
    pub clicks: Reaction,
    /// Events of a kind that we do not know.
    pub unknown: u64,
}

/// What people did, and what machines did in their name.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Reaction {
    /// By people, as far as the platform can tell.
    pub human: u64,
    /// By privacy proxies and link scanners.
    pub machine: u64,
}

/// The messages delivered in a window and what became of them, each message counted once.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cohort {
    /// Delivered.
    pub delivered: u64,
    /// Of these, opened by a human, whenever that was.
    pub opened: u64,
    /// Of these, clicked by a human, whenever that was.
    pub clicked: u64,
}

impl Counts {
    pub(super) fn add(&mut self, kind: &EventKind, machine: bool) {
        let reaction = |reaction: &mut Reaction| {
            *(if machine { &mut reaction.machine } else { &mut reaction.human }) += 1;
        };
        match kind {
            EventKind::Sent => self.sent += 1,
            EventKind::Delivered => self.delivered += 1,
            EventKind::Bounce => self.bounces += 1,
            EventKind::Complaint => self.complaints += 1,
            EventKind::Unsubscribe => self.unsubscribes += 1,
            EventKind::Conversion => self.conversions += 1,
            EventKind::Open => reaction(&mut self.opens),
            EventKind::Click => reaction(&mut self.clicks),
            EventKind::Unknown(_) => self.unknown += 1,
        }
    }

    /// Returns how many events were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.sent
            + self.delivered
            + self.bounces
            + self.complaints
            + self.unsubscribes
            + self.conversions
            + self.opens.human
            + self.opens.machine
            + self.clicks.human
            + self.clicks.machine
            + self.unknown
    }

    /// Returns the sums of both.
    #[must_use]
    pub const fn merge(&self, other: &Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            delivered: self.delivered + other.delivered,
            bounces: self.bounces + other.bounces,
            complaints: self.complaints + other.complaints,
            unsubscribes: self.unsubscribes + other.unsubscribes,
            conversions: self.conversions + other.conversions,
            opens: self.opens.merge(other.opens),
            clicks: self.clicks.merge(other.clicks),
            unknown: self.unknown + other.unknown,
        }
    }
}

impl Reaction {
    const fn merge(self, other: Self) -> Self {
        Self { human: self.human + other.human, machine: self.machine + other.machine }
    }
}

impl Cohort {
    /// Returns the sums of both.
    #[must_use]
    pub const fn merge(&self, other: &Self) -> Self {
        Self {
            delivered: self.delivered + other.delivered,
            opened: self.opened + other.opened,
            clicked: self.clicked + other.clicked,
        }
    }
}
