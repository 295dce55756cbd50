//! How much is remembered.

use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};

/// How much is remembered, and what happens when that is reached. An unknown field is an error.
///
/// # Examples
///
/// ```
/// use maily_mesh::recall::{MemoriesConfig, WhenFull};
///
/// let config: MemoriesConfig = serde_json::from_str(r#"{ "per_tenant": 1000, "when_full": "oldest" }"#).unwrap();
/// assert_eq!((config.per_tenant, config.when_full), (1000, WhenFull::Oldest));
/// assert!(config.check().is_ok());
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(default, deny_unknown_fields)]
pub struct MemoriesConfig {
    /// The most memories of one tenant, 1 to 10 000 000. Default 50 000.
    pub per_tenant: usize,
    /// The most memories of all tenants together, 1 to 10 000 000. Default 200 000.
    pub total: usize,
    /// About the most bytes of process memory for all, 1 MiB or more. Default 1 GiB.
    ///
    /// A memory counts twice its text, five bytes for each value of its vector, and 512 for the rest: with 384 values
    /// about 2 500 bytes.
    pub max_bytes: u64,
    /// What happens to one more. Default: it is refused.
    pub when_full: WhenFull,
    /// Up to so many memories of a tenant, a search compares all; with more it follows a graph. Default 20 000.
    pub exact: usize,
}

/// What happens to one more memory when there are as many as may be.
///
/// Memories whose time is over go first in either case, and another tenant's never.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// The oldest memories of the same tenant make room. A tenant without any is refused.
    Oldest,
    /// It is refused with [`Code::RecallFull`].
    #[default]
    Refuse,
}

impl Default for MemoriesConfig {
    fn default() -> Self {
        Self {
            per_tenant: 50_000,
            total: 200_000,
            max_bytes: 1 << 30,
            when_full: WhenFull::Refuse,
            exact: 20_000,
        }
    }
}

impl MemoriesConfig {
    /// Sets the most memories of one tenant.
    #[must_use]
    pub const fn with_per_tenant(mut self, memories: usize) -> Self {
        self.per_tenant = memories;
        self
    }

    /// Sets the most memories of all tenants together.
    #[must_use]
    pub const fn with_total(mut self, memories: usize) -> Self {
        self.total = memories;
        self
    }

    /// Sets about the most bytes of all.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets what happens to one more.
    #[must_use]
    pub const fn with_when_full(mut self, when_full: WhenFull) -> Self {
        self.when_full = when_full;
        self
    }

    /// Sets up to how many memories of a tenant a search compares all.
    #[must_use]
    pub const fn with_exact(mut self, memories: usize) -> Self {
        self.exact = memories;
        self
    }

    /// Looks whether every number is in its range.
    ///
    /// # Errors
    ///
    /// [`Code::ConfigInvalid`] with the field that is not.
    pub fn check(&self) -> Result<()> {
        const MOST: usize = 10_000_000;
        let broken = [
            ("per_tenant", !(1..=MOST).contains(&self.per_tenant)),
            ("total", !(1..=MOST).contains(&self.total)),
            ("max_bytes", self.max_bytes < 1 << 20),
        ];
        match broken.iter().find(|(_, broken)| *broken) {
            None => Ok(()),
            Some((field, _)) => Err(Error::new(Code::ConfigInvalid, "a setting is out of its range")
                .with_operation("mesh::memories")
                .with_context("field", Public(*field))),
        }
    }
}
