//! Memories, and questions to them.

use serde::{Deserialize, Serialize};

use super::{MemoryId, Tenant};

/// A text to remember.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Whose memory it is.
    #[serde(default)]
    pub tenant: Tenant,
    /// The text, 1 to 65 536 bytes.
    pub text: String,
}

impl Memory {
    /// Creates a memory of the default tenant.
    pub fn new(text: impl Into<String>) -> Self {
        Self { tenant: Tenant::default(), text: text.into() }
    }

    /// Sets whose memory it is.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }
}

/// A question to the memories of one tenant.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryQuery {
    /// Whose memories to search.
    #[serde(default)]
    pub tenant: Tenant,
    /// What to look for, 1 to 65 536 bytes.
    pub query: String,
    /// The most answers, 1 to 100.
    #[serde(default = "MemoryQuery::default_limit")]
    pub limit: usize,
}

impl MemoryQuery {
    /// The most answers to one question.
    pub const MAX_LIMIT: usize = 100;

    /// Creates a question with five answers at most, to the default tenant.
    pub fn new(query: impl Into<String>) -> Self {
        Self { tenant: Tenant::default(), query: query.into(), limit: Self::default_limit() }
    }

    /// Sets whose memories to search.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<Tenant>) -> Self {
        self.tenant = tenant.into();
        self
    }

    /// Sets the most answers.
    #[must_use]
    pub const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    const fn default_limit() -> usize {
        5
    }
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recalled {
    /// Its name, to forget it by.
    pub id: MemoryId,
    /// Its text.
    pub text: String,
    /// How well it fits, -1.0 to 1.0.
    pub score: f32,
}
