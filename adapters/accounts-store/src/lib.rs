#![doc = include_str!("../README.md")]

use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use maily_errors::Result;
use maily_mesh::Accounts;
use maily_mesh::account::{Grant, Per, Pot, Window};
use maily_mesh::memory::LocalAccounts;
use maily_redis::{Key, Store};

/// Pots as counters in a store. Clones share it.
#[derive(Clone, Debug)]
pub struct StoreAccounts<S> {
    store: S,
    minutes: Option<LocalAccounts>,
}

impl<S> StoreAccounts<S> {
    /// Keeps pots in a store.
    pub const fn new(store: S) -> Self {
        Self { store, minutes: None }
    }

    /// Keeps the pots of minutes in memory: for a file, where each draw is a write to the disk, and which nobody shares.
    #[must_use]
    pub fn with_minutes_in_memory(mut self) -> Self {
        self.minutes = Some(LocalAccounts::default());
        self
    }

    fn in_memory(&self, pot: &Pot) -> Option<&LocalAccounts> {
        self.minutes.as_ref().filter(|_| pot.window.per() == Per::Minute)
    }
}

impl<S: Store + 'static> Accounts for StoreAccounts<S> {
    fn draw(&self, pot: &Pot, least: u64, most: u64) -> BoxFuture<'static, Result<Grant>> {
        if let Some(minutes) = self.in_memory(pot) {
            return minutes.draw(pot, least, most);
        }
        let (store, pot) = (self.store.clone(), pot.clone());
        async move { draw(&store, &pot, least, most.min(pot.limit)).await }.boxed()
    }

    fn give_back(&self, pot: &Pot, amount: u64) -> BoxFuture<'static, Result<()>> {
        if let Some(minutes) = self.in_memory(pot) {
            return minutes.give_back(pot, amount);
        }
        let (store, pot) = (self.store.clone(), pot.clone());
        async move { add(&store, &pot, -signed(amount)).await.map(drop) }.boxed()
    }
}

/// Adds what is wanted, and takes off what lies above the limit.
///
/// What is handed out never overlaps: the counter is at least the sum of all that is, and a draw gets what lies between the
/// counter before it and the limit.
async fn draw<S: Store>(store: &S, pot: &Pot, least: u64, most: u64) -> Result<Grant> {
    let sum = add(store, pot, signed(most)).await?;
    let before = sum.saturating_sub(most);
    let left = pot.limit.saturating_sub(before);
    let amount = if left >= least { left.min(most) } else { 0 };
    if amount < most {
        add(store, pot, -signed(most - amount)).await?;
    }
    Ok(Grant { amount, drawn: (before + amount).min(pot.limit) })
}

async fn add<S: Store>(store: &S, pot: &Pot, by: i64) -> Result<u64> {
    let key = Key::new(format!("account:{pot}"))?;
    let sum = store.increment(&key, by, keep(pot.window)).await?;
    Ok(u64::try_from(sum).unwrap_or(0))
}

/// How long a counter is kept: the window, and as long again for clocks that are late.
fn keep(window: Window) -> Option<Duration> {
    const DAY: u64 = 86_400;
    let seconds = match window.per() {
        Per::Minute => 3_600,
        Per::Day => 2 * DAY,
        Per::Month => 62 * DAY,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// A limit has at most 10^15, so this fits.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount.min(Pot::MAX_LIMIT)).unwrap_or(i64::MAX)
}
