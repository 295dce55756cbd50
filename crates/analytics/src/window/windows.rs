//! The windows themselves: a pure function of the set of events, whatever their order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

use jiff::Timestamp;
use maily_errors::Result;

use super::{Cohort, Counts, Window};
use crate::calibrate::wilson;
use crate::config::WindowsConfig;
use crate::model::{CampaignId, Event, EventKind};

/// Tumbling windows over event time, for each campaign and for all.
///
/// Feed each event once: the event log before it removes duplicates. One event costs O(log windows).
#[derive(Debug)]
pub struct Windows {
    config: WindowsConfig,
    cells: BTreeMap<Key, Cell>,
    journeys: HashMap<u128, Journey>,
    /// The journeys that began in each stretch, to be forgotten with it.
    homes: BTreeMap<i64, Vec<u128>>,
    hashers: [RandomState; 2],
    newest: Option<i64>,
    too_late: u64,
}

/// Names a window: its start in seconds since 1970, then the campaign. `None` is all campaigns, and sorts first.
pub type Key = (i64, Option<CampaignId>);

#[derive(Debug, Default)]
struct Cell {
    counts: Counts,
    cohort: Cohort,
    revision: u64,
}

/// The way of one message to one recipient.
#[derive(Debug, Default)]
struct Journey {
    delivered: Option<Key>,
    opened: bool,
    clicked: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Applied {
    /// Its window counts it.
    Counted,
    /// Its window is gone. It was counted as too late.
    TooLate,
}

impl Windows {
    /// Creates windows without events.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`](maily_errors::Code::Invalid) when a setting is out of its range.
    pub fn new(config: &WindowsConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            config: config.clone(),
            cells: BTreeMap::new(),
            journeys: HashMap::new(),
            homes: BTreeMap::new(),
            hashers: [RandomState::new(), RandomState::new()],
            newest: None,
            too_late: 0,
        })
    }

    /// Counts one event. Adds to `changed` the windows that are different now.
    pub fn apply(&mut self, event: &Event, changed: &mut BTreeSet<Key>) -> Applied {
        let start = self.start_of(event.time);
        if self.watermark_s().is_some_and(|mark| start + self.width() + self.retention() <= mark) {
            self.too_late += 1;
            return Applied::TooLate;
        }
        self.advance(event.time, changed);
        for key in keys(start, event.campaign.as_ref()) {
            self.cells.entry(key.clone()).or_default().counts.add(&event.kind, event.machine);
            changed.insert(key);
        }
        self.follow(event, start, changed);
        self.forget(changed);
        Applied::Counted
    }

    /// Gives a changed window its next revision, and returns it.
    pub fn revise(&mut self, key: &Key) -> Option<Window> {
        self.cells.get_mut(key)?.revision += 1;
        self.cells.get(key).map(|cell| self.show(key, cell))
    }

    /// Iterates over all windows, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Window> + '_ {
        self.cells.iter().map(|(key, cell)| self.show(key, cell))
    }

    /// Returns up to where windows are complete.
    #[must_use]
    pub fn watermark(&self) -> Option<Timestamp> {
        self.watermark_s().map(moment)
    }

    /// Returns how many events came after their window was gone.
    #[must_use]
    pub const fn too_late(&self) -> u64 {
        self.too_late
    }

    /// Moves the watermark. A window that it passes is different now: it is complete.
    fn advance(&mut self, time: Timestamp, changed: &mut BTreeSet<Key>) {
        let before = self.watermark_s();
        self.newest = self.newest.max(Some(time.as_second()));
        let (Some(before), Some(after)) = (before, self.watermark_s()) else { return };
        if before < after {
            // A window is passed when its end lies in (before, after].
            let from = (before - self.width() + 1, None);
            let to = (after - self.width() + 1, None);
            changed.extend(self.cells.range(from..to).map(|(key, _)| key.clone()));
        }
    }

    /// Follows the message: its reactions belong to the window in which it was delivered.
    fn follow(&mut self, event: &Event, start: i64, changed: &mut BTreeSet<Key>) {
        let Some(message) = &event.message else { return };
        let delivered = event.kind == EventKind::Delivered;
        let opened = event.kind == EventKind::Open && !event.machine;
        let clicked = event.kind == EventKind::Click && !event.machine;
        if !(delivered || opened || clicked) {
            return;
        }
        // Two independent hashes of 64 bits: among a million messages two meet with probability 1e-27.
        let [low, high] = [0, 1].map(|n| self.hashers[n].hash_one((message, &event.recipient)));
        let id = u128::from(high) << 64 | u128::from(low);
        if !self.journeys.contains_key(&id) {
            self.homes.entry(start).or_default().push(id);
        }
        let journey = self.journeys.entry(id).or_default();
        let before = (journey.delivered.clone(), journey.cohort());
        journey.opened |= opened;
        journey.clicked |= clicked;
        // The earliest delivery counts, so that the order of arrival does not matter.
        if delivered && journey.delivered.as_ref().is_none_or(|(at, _)| start < *at) {
            journey.delivered = Some((start, event.campaign.clone()));
        }
        let after = (journey.delivered.clone(), journey.cohort());
        if before == after {
            return;
        }
        for ((place, cohort), sign) in [(before, Sign::Minus), (after, Sign::Plus)] {
            let Some((at, campaign)) = place else { continue };
            for key in keys(at, campaign.as_ref()) {
                // The window of an old delivery may be gone, and stays so.
                let Some(cell) = self.cells.get_mut(&key) else { continue };
                cell.cohort = match sign {
                    Sign::Minus => cell.cohort.without(&cohort),
                    Sign::Plus => cell.cohort.merge(&cohort),
                };
                changed.insert(key);
            }
        }
    }

    /// Drops the oldest stretches that are out of retention or over a limit. The newest always stays.
    fn forget(&mut self, changed: &mut BTreeSet<Key>) {
        while let Some(&(oldest, _)) = self.cells.keys().next() {
            let expired =
                self.watermark_s().is_some_and(|mark| oldest + self.width() + self.retention() <= mark);
            let crowded =
                self.cells.len() > self.config.max_windows || self.journeys.len() > self.config.max_messages;
            let alone = self.cells.keys().next_back().is_some_and(|(newest, _)| *newest == oldest);
            if alone || !(expired || crowded) {
                return;
            }
            let rest = self.cells.split_off(&(oldest + 1, None));
            for key in std::mem::replace(&mut self.cells, rest).into_keys() {
                changed.remove(&key);
            }
            for id in self.homes.remove(&oldest).into_iter().flatten() {
                self.journeys.remove(&id);
            }
        }
    }

    fn show(&self, key: &Key, cell: &Cell) -> Window {
        let (start, campaign) = key;
        let rate = |hits| wilson(hits, cell.cohort.delivered, self.config.level);
        Window {
            start: moment(*start),
            end: moment(start + self.width()),
            campaign: campaign.clone(),
            counts: cell.counts,
            cohort: cell.cohort,
            open_rate: rate(cell.cohort.opened),
            click_rate: rate(cell.cohort.clicked),
            complete: self.watermark_s().is_some_and(|mark| start + self.width() <= mark),
            revision: cell.revision,
        }
    }

    fn start_of(&self, time: Timestamp) -> i64 {
        let second = time.as_second() - i64::from(time.subsec_nanosecond() < 0);
        second - second.rem_euclid(self.width())
    }

    fn watermark_s(&self) -> Option<i64> {
        self.newest.map(|newest| newest - i64::from(self.config.lateness_s))
    }

    fn width(&self) -> i64 {
        i64::from(self.config.width_s)
    }

    fn retention(&self) -> i64 {
        i64::from(self.config.retention_s)
    }
}

enum Sign {
    Minus,
    Plus,
}

// === impl Journey ===

impl Journey {
    fn cohort(&self) -> Cohort {
        Cohort { delivered: 1, opened: u64::from(self.opened), clicked: u64::from(self.clicked) }
    }
}

impl Cohort {
    const fn without(&self, part: &Self) -> Self {
        Self {
            delivered: self.delivered - part.delivered,
            opened: self.opened - part.opened,
            clicked: self.clicked - part.clicked,
        }
    }
}

/// The windows that one event belongs to: that of all campaigns, and that of its own.
fn keys(start: i64, campaign: Option<&CampaignId>) -> impl Iterator<Item = Key> {
    std::iter::once((start, None)).chain(campaign.map(|campaign| (start, Some(campaign.clone()))))
}

fn moment(second: i64) -> Timestamp {
    // Only the ends of jiff's range, the years -9999 and 9999, can fail.
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
