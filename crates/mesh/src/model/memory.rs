//! Memories, and questions to them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Embedding, MemoryId, Tenant};

/// A text to remember.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Whose memory it is.
    #[serde(default)]
    pub tenant: Tenant,
    /// The text, 1 to 65 536 bytes.
    pub text: String,
    /// When it is forgotten by itself, in milliseconds from now, 1 to [`MAX_TTL_MS`](Self::MAX_TTL_MS); never if absent.
    #[serde(default)]
    pub ttl_ms: Option<u64>,
}

impl Memory {
    /// The longest time to live: about a hundred years, in milliseconds.
    pub const MAX_TTL_MS: u64 = 100 * 366 * 86_400_000;

    /// Creates a memory of the default tenant that stays until it is forgotten.
    pub fn new(text: impl Into<String>) -> Self {
        Self { tenant: Tenant::default(), text: text.into(), ttl_ms: None }
    }

    /// Sets after what time it is forgotten by itself.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl_ms = Some(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        self
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

/// A wish to see what a tenant has stored, page by page.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryPage {
    /// Whose memories to list.
    #[serde(default)]
    pub tenant: Tenant,
    /// The last memory of the page before; none for the first page.
    #[serde(default)]
    pub after: Option<MemoryId>,
    /// The most memories of a page, 1 to 100.
    #[serde(default = "MemoryPage::default_limit")]
    pub limit: usize,
}

impl MemoryPage {
    /// The most memories of one page.
    pub const MAX_LIMIT: usize = 100;

    /// Asks for the first page of a tenant, with 20 memories.
    pub fn new(tenant: impl Into<Tenant>) -> Self {
        Self { tenant: tenant.into(), after: None, limit: Self::default_limit() }
    }

    /// Asks for the page behind a memory.
    #[must_use]
    pub fn with_after(mut self, after: MemoryId) -> Self {
        self.after = Some(after);
        self
    }

    /// Sets the most memories of a page.
    #[must_use]
    pub const fn with_limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    const fn default_limit() -> usize {
        20
    }
}

/// A memory as it was stored.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Remembered {
    /// Its name, to forget it by.
    pub id: MemoryId,
    /// Its text.
    pub text: String,
    /// When it was stored, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it is forgotten by itself, in milliseconds since 1970.
    pub ends_ms: Option<u64>,
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recalled {
    /// Its name, to forget it by.
    pub id: MemoryId,
    /// Its text.
    pub text: String,
    /// Where it stands among what was found, 0.0 to 1.0; 1.0 is the first by meaning and by words.
    pub score: f32,
    /// How near its meaning is, -1.0 to 1.0: the cosine of the two vectors.
    pub similarity: f32,
    /// How much of the words of the query it holds, each by how rare it is, 0.0 to 1.0.
    pub words: f32,
    /// Its vector, for whoever wants to compare what was found.
    #[serde(skip)]
    pub embedding: Option<Embedding>,
}

impl Recalled {
    /// Returns how much it has to do with the query at all: by meaning or by words, whichever is more.
    ///
    /// The score ranks what was found, however little it fits; this says whether it fits.
    #[must_use]
    pub const fn relevance(&self) -> f32 {
        self.similarity.max(self.words)
    }
}

/// A memory as it is kept across restarts.
#[derive(Clone, Debug, PartialEq)]
pub struct Archived {
    /// Its number, which no other memory of any tenant has; grows with time.
    pub number: u64,
    /// Whose memory it is, at most 256 bytes.
    pub tenant: Tenant,
    /// The text, 1 to 65 536 bytes.
    pub text: String,
    /// The vector that stands for the text.
    pub embedding: Embedding,
    /// When it was stored, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it is forgotten by itself, in milliseconds since 1970.
    pub ends_ms: Option<u64>,
}

impl Archived {
    /// Returns whether it has not ended at a time, in milliseconds since 1970.
    #[must_use]
    pub fn lives(&self, now_ms: u64) -> bool {
        self.ends_ms.is_none_or(|ends_ms| ends_ms > now_ms)
    }
}
