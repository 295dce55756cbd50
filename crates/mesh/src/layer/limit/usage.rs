use serde::Serialize;

use super::purse::{Purse, Standing};
use super::tab::Level;
use crate::account::{Per, Unit};
use crate::model::{KeyName, Priority};

/// What a key has spent and has left, as one instance knows it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct KeyUsage {
    /// The key.
    pub key: KeyName,
    /// The best class of its prompts.
    pub priority: Priority,
    /// How many of its prompts are under way here.
    pub running: u32,
    /// How many may be.
    pub concurrent: Option<u32>,
    /// How many were taken on since this instance knows the key.
    pub requests: u64,
    /// The tokens of those that ended.
    pub tokens: u64,
    /// What they cost, in millionths.
    pub cost_micros: u64,
    /// Its limits.
    pub limits: Vec<LimitUsage>,
}

/// One limit of a key, in its window.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LimitUsage {
    /// What is counted.
    pub unit: Unit,
    /// In which time.
    pub per: Per,
    /// How much there is in the window.
    pub limit: u64,
    /// How much of it is spent, by all instances; what another one has drawn counts as spent.
    pub spent: u64,
    /// How much of it prompts under way hold here.
    pub reserved: u64,
    /// How much is left.
    pub remaining: u64,
    /// When the window ends, in seconds since 1970; none for a limit that does not end.
    pub ends: Option<u64>,
}

impl KeyUsage {
    pub(super) fn of(purse: &Purse) -> Self {
        let Standing { running, spent, levels } = purse.standing();
        Self {
            key: purse.config.name.clone(),
            priority: purse.config.priority,
            running,
            concurrent: purse.config.concurrent,
            requests: spent.requests,
            tokens: spent.tokens,
            cost_micros: spent.micros,
            limits: levels.iter().map(LimitUsage::of).collect(),
        }
    }
}

impl LimitUsage {
    fn of(level: &Level) -> Self {
        let Level { unit, per, limit, remaining, reserved, spent, ends } = *level;
        Self {
            unit,
            per,
            limit,
            // Those who took more than was left have spent more than there was.
            spent: limit.saturating_sub(remaining + reserved).max(spent),
            reserved,
            remaining,
            ends: ends.map(|ends| ends.as_secs()),
        }
    }
}
