use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::future::Shared;
use maily_errors::Code;

use crate::account::{Grant, Per, Pot, Unit, Window};
use crate::model::KeyName;

/// A draw that is under way. Whoever needs it drives it; left alone it waits for the next one.
pub(super) type Drawing = Shared<BoxFuture<'static, Result<(), Code>>>;

/// What one instance has of one limit: a lease, and what is spent of it.
#[derive(Debug)]
pub(super) struct Tab {
    pub(super) unit: Unit,
    pub(super) limit: u64,
    pub(super) window: Window,
    ends: Duration,
    /// What was drawn and is not reserved. Below zero: prompts took more than was reserved for them.
    left: i64,
    reserved: u64,
    spent: u64,
    /// What all together have drawn, as the account said last.
    drawn: u64,
    /// Until when it is not asked again, because it had not enough.
    dry_until: Duration,
    pub(super) drawing: Option<Drawing>,
}

/// How much of a limit is left, and until when it counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Level {
    pub(super) unit: Unit,
    pub(super) per: Per,
    pub(super) limit: u64,
    /// What may still be reserved, as far as this instance knows: leases of others count as spent.
    pub(super) remaining: u64,
    pub(super) reserved: u64,
    /// What was spent through this instance.
    pub(super) spent: u64,
    /// As a time since 1970; none for a limit that does not end.
    pub(super) ends: Option<Duration>,
}

impl Tab {
    pub(super) fn new(unit: Unit, limit: u64, per: Per, now: Duration) -> Self {
        let window = Window::at(per, now);
        let ends = window.ends().unwrap_or(Duration::MAX);
        let (left, reserved, spent, drawn, dry_until) = (0, 0, 0, 0, Duration::ZERO);
        Self { unit, limit, window, ends, left, reserved, spent, drawn, dry_until, drawing: None }
    }

    /// Begins a new window if it is time. What was spent too much goes along: it is paid for first.
    pub(super) fn roll(&mut self, now: Duration) {
        if now >= self.ends {
            let left = self.left.min(0);
            *self = Self { left, ..Self::new(self.unit, self.limit, self.window.per(), now) };
        }
    }

    pub(super) fn lacks(&self, need: u64) -> bool {
        need > 0 && (need > self.limit || self.left < signed(need))
    }

    /// Whether it is in vain to draw now.
    pub(super) fn is_dry(&self, now: Duration) -> bool {
        now < self.dry_until
    }

    /// Whether all of it is drawn, so that waiting does not help.
    pub(super) const fn is_spent(&self, need: u64) -> bool {
        self.limit.saturating_sub(self.drawn) < need
    }

    /// Returns the pot, and how much to draw of it: what is needed, or a lease if that is more.
    ///
    /// A debt is paid first, with whatever there is.
    pub(super) fn wants(&self, key: &KeyName, need: u64) -> (Pot, u64, u64) {
        let lacks = signed(need).saturating_sub(self.left).max(1).cast_unsigned();
        let lease = self.limit.saturating_sub(self.drawn) / LEASES;
        let least = if self.left < 0 { 1 } else { lacks };
        (Pot::new(key.clone(), self.unit, self.window, self.limit), least, lease.max(lacks))
    }

    pub(super) fn reserve(&mut self, need: u64) {
        self.left = self.left.saturating_sub(signed(need));
        self.reserved = self.reserved.saturating_add(need);
    }

    pub(super) fn credit(&mut self, window: Window, grant: Grant, now: Duration) {
        if window == self.window {
            self.left = self.left.saturating_add(signed(grant.amount));
            self.drawn = grant.drawn;
            if grant.amount == 0 {
                self.dry_until = now + DRY;
            }
        }
    }

    /// Ends a reservation of a window that may be over by now.
    pub(super) fn settle(&mut self, window: Window, reserved: u64, used: u64) {
        let change = signed(reserved).saturating_sub(signed(used));
        if window == self.window {
            self.reserved = self.reserved.saturating_sub(reserved);
            self.spent = self.spent.saturating_add(used);
            self.left = self.left.saturating_add(change);
        } else {
            self.left = self.left.saturating_add(change.min(0));
        }
    }

    /// Takes what is neither reserved nor spent, to give it back.
    pub(super) fn take_left(&mut self) -> u64 {
        let left = self.left.max(0);
        self.left -= left;
        self.drawn = self.drawn.saturating_sub(left.cast_unsigned());
        left.cast_unsigned()
    }

    pub(super) fn level(&self) -> Level {
        Level {
            unit: self.unit,
            per: self.window.per(),
            limit: self.limit,
            remaining: self.limit.saturating_sub(self.drawn).saturating_add_signed(self.left),
            reserved: self.reserved,
            spent: self.spent,
            ends: (self.ends < Duration::MAX).then_some(self.ends),
        }
    }
}

/// An amount as what is left is counted; what is beyond that is as good as all there can be.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// A lease is so much of what is left: the less there is, the smaller it gets.
pub(super) const LEASES: u64 = 16;
/// How long an account that had not enough is left alone.
const DRY: Duration = Duration::from_secs(1);
