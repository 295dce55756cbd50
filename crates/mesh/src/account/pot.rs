//! One limit of one key.

use std::fmt;

use serde::Serialize;

use super::Window;
use crate::model::KeyName;

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Millionths of the currency in which prices are.
    Micros,
    /// Prompts.
    Requests,
    /// Tokens of prompts and answers.
    Tokens,
}

impl Unit {
    /// Every unit, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Micros, Self::Requests, Self::Tokens];

    /// Returns the name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Micros => "micros",
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        }
    }
}

/// One limit of one key in one window.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use maily_mesh::account::{Per, Pot, Unit, Window};
///
/// let window = Window::at(Per::Minute, Duration::from_secs(120));
/// let pot = Pot::new("team-a", Unit::Tokens, window, 10_000);
/// assert_eq!(pot.to_string(), "team-a/tokens/minute/2");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pot {
    /// Whose it is.
    pub key: KeyName,
    /// What is in it.
    pub unit: Unit,
    /// When.
    pub window: Window,
    /// How much may be drawn in all, at most [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub limit: u64,
}

impl Pot {
    /// The largest limit: 10^15, which is a billion in money.
    pub const MAX_LIMIT: u64 = 1_000_000_000_000_000;

    /// Names a pot.
    #[must_use]
    pub fn new(key: impl Into<KeyName>, unit: Unit, window: Window, limit: u64) -> Self {
        Self { key: key.into(), unit, window, limit }
    }

    /// Returns a number that stands for the pot without its limit: the same on every machine.
    ///
    /// Source: FNV-1a, 64 bits, with a last mix, because the names differ at their ends only.
    pub(super) fn id(&self) -> u64 {
        let number = self.window.number().to_le_bytes();
        let parts = [
            self.key.as_str().as_bytes(),
            b"/",
            self.unit.as_str().as_bytes(),
            b"/",
            self.window.per().as_str().as_bytes(),
            &number,
        ];
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = parts.into_iter().flatten().fold(0xcbf2_9ce4_8422_2325, step);
        (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl fmt::Display for Pot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.key, self.unit.as_str(), self.window)
    }
}

/// What was drawn from a pot.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Grant {
    /// How much; 0 when there is not as much as was needed.
    pub amount: u64,
    /// How much all together have drawn and not given back, as far as is known.
    pub drawn: u64,
}
