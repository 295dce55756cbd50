//! The rights of one instance: what it has, what it gave, what it was given. No clock, no waiting.

use std::collections::HashMap;

use super::notes::{Life, Note, Said};
use super::{Grant, Pot};
use crate::model::InstanceName;

/// The rights of this instance in all pots that are in use.
#[derive(Debug)]
pub(super) struct Escrow {
    pub(super) life: Life,
    /// Who has a share from the beginning, in order.
    owners: Vec<InstanceName>,
    rows: HashMap<u64, Row>,
    others: Vec<Said>,
}

/// The rights in one pot. Every sum only grows while the pot is in use.
#[derive(Debug)]
struct Row {
    pot: Pot,
    /// What was taken from the own share or given by others, and is not yet drawn.
    pool: u64,
    /// What is left of the own share, as far as is known.
    share_left: u64,
    /// What this life took from the own share, less what it gave to others: so much may go back there.
    from_share: u64,
    /// What each life gave to this one, all in all.
    received: HashMap<Life, u64>,
    /// What this one gave to each life, all in all.
    given: HashMap<Life, u64>,
    /// The last ask of each life that was answered: each one once.
    answered: HashMap<Life, u64>,
    /// What this one asks each life for, by the number of the ask.
    asks: HashMap<Life, (u64, u64)>,
    asked: u64,
}

/// What somebody is to be given.
#[derive(Debug)]
pub(super) struct Gift {
    pub(super) to: Life,
    pub(super) pot: Pot,
    /// What was taken from the pool for it.
    pub(super) ready: u64,
    /// What comes from the own share.
    pub(super) wanted: u64,
}

impl Escrow {
    pub(super) fn new(life: Life, owners: Vec<InstanceName>) -> Self {
        Self { life, owners, rows: HashMap::new(), others: Vec::new() }
    }

    /// Returns how much of a pot belongs to an instance from the beginning.
    pub(super) fn share(&self, limit: u64, name: &InstanceName) -> u64 {
        let Some(place) = self.owners.iter().position(|owner| owner == name) else { return 0 };
        let count = self.owners.len() as u64;
        limit / count + u64::from((place as u64) < limit % count)
    }

    /// Begins to use a pot.
    pub(super) fn open(&mut self, pot: &Pot, name: &InstanceName) {
        let share = self.share(pot.limit, name);
        self.rows.entry(pot.id()).or_insert_with(|| Row::new(pot.clone(), share));
    }

    /// Takes from the pool; `None` when there is less than the least.
    pub(super) fn take(&mut self, pot: &Pot, least: u64, most: u64) -> Option<Grant> {
        let row = self.rows.get_mut(&pot.id())?;
        if row.pool < least {
            return None;
        }
        let amount = row.pool.min(most);
        row.pool -= amount;
        Some(Grant { amount, drawn: self.drawn(pot) })
    }

    /// Puts into the pool what was taken from the own share, and notes what is left there.
    pub(super) fn fill(&mut self, pot: &Pot, amount: u64, share_left: u64) {
        if let Some(row) = self.rows.get_mut(&pot.id()) {
            row.pool += amount;
            row.from_share += amount;
            row.share_left = share_left;
        }
    }

    /// Puts into the pool what was drawn in vain. Returns how much of the pool came from the own share, and takes it out.
    pub(super) fn put(&mut self, pot: &Pot, amount: u64) -> u64 {
        let Some(row) = self.rows.get_mut(&pot.id()) else { return 0 };
        row.pool += amount;
        let back = row.pool.min(row.from_share);
        row.pool -= back;
        row.from_share -= back;
        back
    }

    /// Notes that the own share has so much again.
    pub(super) fn restored(&mut self, pot: &Pot, amount: u64) {
        if let Some(row) = self.rows.get_mut(&pot.id()) {
            row.share_left += amount;
        }
    }

    pub(super) fn pool(&self, pot: &Pot) -> u64 {
        self.rows.get(&pot.id()).map_or(0, |row| row.pool)
    }

    pub(super) fn received(&self, pot: &Pot, from: Life) -> u64 {
        self.rows.get(&pot.id()).and_then(|row| row.received.get(&from)).copied().unwrap_or(0)
    }

    /// Returns how much is drawn by all, as far as is known; what an instance has that is not there counts as drawn.
    pub(super) fn drawn(&self, pot: &Pot) -> u64 {
        let own = self.rows.get(&pot.id()).map_or(0, |row| row.pool + row.share_left);
        let others: u64 = self.others.iter().map(|other| self.spare(pot, other)).sum();
        pot.limit.saturating_sub(own.saturating_add(others))
    }

    /// What another one has left: as it says, or its whole share when it has not used the pot.
    fn spare(&self, pot: &Pot, other: &Said) -> u64 {
        let id = pot.id();
        let said = other.notes.iter().find_map(|note| match note {
            Note::Spare { pot, amount } if *pot == id => Some(*amount),
            _ => None,
        });
        said.unwrap_or_else(|| self.share(pot.limit, &other.name))
    }

    /// Asks the richest of those that were not tried for so much, and returns who that is.
    pub(super) fn ask(&mut self, pot: &Pot, want: u64, tried: &[Life]) -> Option<Life> {
        let left = self.others.iter().filter(|other| !tried.contains(&other.life));
        let (spare, life) = left.map(|other| (self.spare(pot, other), other.life)).max()?;
        let row = self.rows.get_mut(&pot.id()).filter(|_| spare > 0)?;
        row.asked += 1;
        row.asks.insert(life, (row.asked, want));
        Some(life)
    }

    /// Asks nobody any more.
    pub(super) fn rest(&mut self, pot: &Pot) {
        if let Some(row) = self.rows.get_mut(&pot.id()) {
            row.asks.clear();
        }
    }

    /// Takes in what the others say: takes what they gave, and returns what they are to be given. Says whether
    /// anything was given.
    pub(super) fn hear(&mut self, others: Vec<Said>, name: &InstanceName) -> (bool, Vec<Gift>) {
        self.others = others;
        let (mut was_given, mut asks) = (false, Vec::new());
        for other in &self.others {
            for note in &other.notes {
                match note {
                    Note::Gift { pot, to, sum } if *to == self.life => {
                        // Of a pot that is not in use any more nothing is taken: it may have been taken before.
                        let Some(row) = self.rows.get_mut(pot) else { continue };
                        let before = row.received.entry(other.life).or_default();
                        row.pool += sum.saturating_sub(*before);
                        was_given |= sum > before;
                        *before = (*before).max(*sum);
                    }
                    Note::Ask { to, number, want, pot } if *to == self.life => {
                        asks.push((other.life, *number, *want, pot.clone()));
                    }
                    _ => {}
                }
            }
        }
        let gift = |(to, number, want, pot): (Life, u64, u64, Pot)| self.gift(to, number, want, &pot, name);
        let gifts = asks.into_iter().filter_map(gift).collect();
        (was_given, gifts)
    }

    /// Decides what an ask gets: half of what is left at most, and each ask once.
    fn gift(&mut self, to: Life, number: u64, want: u64, pot: &Pot, name: &InstanceName) -> Option<Gift> {
        self.open(pot, name);
        let row = self.rows.get_mut(&pot.id())?;
        let answered = row.answered.entry(to).or_default();
        if number <= *answered {
            return None;
        }
        *answered = number;
        let gift = want.min((row.pool + row.share_left).div_ceil(2));
        let ready = gift.min(row.pool);
        row.pool -= ready;
        (gift > 0).then(|| Gift { to, pot: row.pot.clone(), ready, wanted: gift - ready })
    }

    /// Notes that somebody was given so much: from here on it is theirs.
    pub(super) fn give(&mut self, gift: &Gift, amount: u64) {
        if let Some(row) = self.rows.get_mut(&gift.pot.id()) {
            *row.given.entry(gift.to).or_default() += amount;
            // First what came from the share, so that none of it is there twice.
            row.from_share = row.from_share.saturating_sub(amount);
        }
    }

    /// Returns what the others are to know. First what cannot be said later as well.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        for (pot, row) in &self.rows {
            notes.extend(row.given.iter().map(|(to, sum)| Note::Gift { pot: *pot, to: *to, sum: *sum }));
        }
        for row in self.rows.values() {
            let ask = |(to, (number, want)): (&Life, &(u64, u64))| Note::Ask {
                to: *to,
                number: *number,
                want: *want,
                pot: row.pot.clone(),
            };
            notes.extend(row.asks.iter().map(ask));
        }
        for (pot, row) in &self.rows {
            // Rounded, so that not every prompt is news; never up, and to nothing only when there is nothing.
            let left = row.pool + row.share_left;
            let step = (row.pot.limit / 64).max(1);
            let amount = if left < step { left } else { left / step * step };
            notes.push(Note::Spare { pot: *pot, amount });
        }
        // In one order, so that what did not change is no news.
        notes.sort_by_key(Note::rank);
        notes
    }

    /// Forgets pots.
    pub(super) fn forget(&mut self, is_over: impl Fn(&Pot) -> bool) {
        self.rows.retain(|_, row| !is_over(&row.pot));
    }
}

impl Row {
    fn new(pot: Pot, share_left: u64) -> Self {
        Self {
            pot,
            pool: 0,
            share_left,
            from_share: 0,
            received: HashMap::new(),
            given: HashMap::new(),
            answered: HashMap::new(),
            asks: HashMap::new(),
            asked: 0,
        }
    }
}
