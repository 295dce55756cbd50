//! What the tasks of one process may spend together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;
use maily_errors::Result;
use parking_lot::Mutex;

use crate::account::{Grant, Per, Pot, Unit, Window};
use crate::model::KeyName;
use crate::port::Accounts;

/// Pots in memory: what was drawn is forgotten with the process. Clones are the same.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use maily_mesh::Accounts;
/// use maily_mesh::account::{Per, Pot, Unit, Window};
/// use maily_mesh::memory::LocalAccounts;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let accounts = LocalAccounts::default();
/// let pot = Pot::new("team-a", Unit::Requests, Window::at(Per::Minute, Duration::ZERO), 10);
/// assert_eq!(accounts.draw(&pot, 1, 8).await?.amount, 8);
/// assert_eq!(accounts.draw(&pot, 3, 8).await?.amount, 0);
/// accounts.give_back(&pot, 1).await?;
/// assert_eq!(accounts.draw(&pot, 3, 8).await?.amount, 3);
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct LocalAccounts {
    pots: Arc<Mutex<Pots>>,
}

/// What was drawn in the last windows of each kind, the newest last.
type Pots = HashMap<(KeyName, Unit, Per), Vec<(Window, u64)>>;

/// How many windows are remembered: prompts that began before midnight end after it.
const WINDOWS: usize = 3;

impl LocalAccounts {
    fn change(&self, pot: &Pot, change: impl FnOnce(&mut u64)) -> bool {
        let mut pots = self.pots.lock();
        let windows = match pots.entry((pot.key.clone(), pot.unit, pot.window.per())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Vec::with_capacity(WINDOWS)),
        };
        let place = windows.partition_point(|(window, _)| *window < pot.window);
        if windows.get(place).is_none_or(|(window, _)| *window != pot.window) {
            if windows.len() == WINDOWS {
                if place == 0 {
                    return false;
                }
                windows.remove(0);
                windows.insert(place - 1, (pot.window, 0));
            } else {
                windows.insert(place, (pot.window, 0));
            }
        }
        let known = windows.iter_mut().find(|(window, _)| *window == pot.window);
        known.map(|(_, drawn)| change(drawn)).is_some()
    }
}

impl Accounts for LocalAccounts {
    fn draw(&self, pot: &Pot, least: u64, most: u64) -> BoxFuture<'static, Result<Grant>> {
        let mut grant = Grant { amount: 0, drawn: pot.limit };
        self.change(pot, |drawn| {
            let left = pot.limit.saturating_sub(*drawn);
            let amount = if left >= least { left.min(most) } else { 0 };
            *drawn += amount;
            grant = Grant { amount, drawn: *drawn };
        });
        std::future::ready(Ok(grant)).boxed()
    }

    fn give_back(&self, pot: &Pot, amount: u64) -> BoxFuture<'static, Result<()>> {
        self.change(pot, |drawn| *drawn = drawn.saturating_sub(amount));
        std::future::ready(Ok(())).boxed()
    }
}
