//! Live windows: exact counts by the time of the event, corrected when events come late.
//!
//! - A window belongs to the time at which things *happened*; a late event corrects its window.
//! - The watermark says up to where windows are complete: the newest event minus the allowed lateness.
//! - Machine opens and clicks are counted beside the human ones, never among them.
//! - Rates follow the messages: of those *delivered* in a window, how many were opened since, each once. So a
//!   rate never exceeds 1, and it does not depend on the order in which events arrive.
//! - Every change is an update with a number, without gaps; see [`Live`].

mod counts;
mod live;
mod windows;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::counts::{Cohort, Counts, Reaction};
pub use self::live::{Cursor, Live, LiveMessage, Subscription};
pub use self::windows::{Applied, Key, Windows};
use crate::calibrate::wilson;
use crate::model::{CampaignId, Rate, Seq};

#[cfg(test)]
mod tests;

/// What happened in one stretch of time, in one campaign or in all.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Window {
    /// The first moment that belongs to it.
    pub start: Timestamp,
    /// The first moment that does not.
    pub end: Timestamp,
    /// Of which campaign; of all when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// Events that happened in it.
    pub counts: Counts,
    /// Messages delivered in it, and what became of them.
    pub cohort: Cohort,
    /// Of the messages delivered in it: how many a human opened.
    pub open_rate: Rate,
    /// Of the messages delivered in it: in how many a human followed a link.
    pub click_rate: Rate,
    /// Whether the watermark has passed it. A late event may still correct it.
    pub complete: bool,
    /// How often it has changed.
    pub revision: u64,
}

/// One change of one window.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Update {
    /// Its number. The next update has the next number.
    pub seq: Seq,
    /// The window as it is now.
    pub window: Window,
}

/// One run of the numbers: they begin anew when a server does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Epoch(pub Uuid);

/// All windows at one moment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Snapshot {
    /// Which run of the numbers this is.
    pub epoch: Epoch,
    /// The number of the newest update that is contained.
    pub seq: Seq,
    /// Up to where windows are complete; nothing before the first event.
    pub watermark: Option<Timestamp>,
    /// Events that came after their window was gone. They are in the log, but in no window.
    pub too_late: u64,
    /// The windows, oldest first; in one stretch of time, all campaigns before single ones.
    pub windows: Vec<Window>,
}

impl Window {
    /// Joins two windows over disjoint messages, such as those of two servers or of two neighbouring stretches.
    ///
    /// Counts add up; the result equals the window over the union. It spans both and is complete when both are.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let counts = self.counts.merge(&other.counts);
        let cohort = self.cohort.merge(&other.cohort);
        let level = self.open_rate.level;
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            campaign: self.campaign.clone().filter(|campaign| Some(campaign) == other.campaign.as_ref()),
            counts,
            cohort,
            open_rate: wilson(cohort.opened, cohort.delivered, level),
            click_rate: wilson(cohort.clicked, cohort.delivered, level),
            complete: self.complete && other.complete,
            revision: self.revision + other.revision,
        }
    }
}
