//! Whether an answer may come from memory, and whether it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use serde::Serialize;

/// What a caller says about answers from memory.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Caching {
    /// The answer is neither taken from memory nor kept there, and no call is shared.
    Off,
    /// A node is asked anew, and its answer replaces the one in memory.
    Refresh,
    /// Whatever the cache finds is welcome.
    #[default]
    Use,
}

impl Caching {
    /// Reads `Cache-Control`: `no-store` is [`Off`](Self::Off), `no-cache` is [`Refresh`](Self::Refresh).
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_mesh::Caching;
    ///
    /// let mut headers = http::HeaderMap::new();
    /// assert_eq!(Caching::of(&headers), Caching::Use);
    /// headers.insert("cache-control", "max-age=0, no-cache".parse().unwrap());
    /// assert_eq!(Caching::of(&headers), Caching::Refresh);
    /// ```
    ///
    /// Source: RFC 9111, sections 5.2.1.4 and 5.2.1.5.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let says = |word: &str| {
            let lines = headers.get_all(CACHE_CONTROL).iter().filter_map(|line| line.to_str().ok());
            lines.flat_map(|line| line.split(',')).any(|said| said.trim().eq_ignore_ascii_case(word))
        };
        match () {
            () if says("no-store") => Self::Off,
            () if says("no-cache") => Self::Refresh,
            () => Self::Use,
        }
    }
}

/// Where an answer came from, if a cache had a say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Cached {
    /// How it came.
    pub status: CacheStatus,
    /// How long ago the answer was complete; zero unless it came from memory.
    pub age: Duration,
}

impl Cached {
    /// Creates the word of a cache that has no answer in memory.
    #[must_use]
    pub const fn now(status: CacheStatus) -> Self {
        Self { status, age: Duration::ZERO }
    }
}

/// Whether the prompt that began a shared call has left it before its end. Then one of the others pays for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unpaid(Arc<AtomicBool>);

impl Unpaid {
    /// Who began the call leaves it.
    pub(crate) fn leave(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Pays for the call, if somebody has to; returns whether.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// How an answer came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
#[serde(rename_all = "lowercase")]
pub enum CacheStatus {
    /// From memory: the same prompt was answered before.
    Hit,
    /// From a node, because there was nothing in memory.
    Miss,
    /// From a node, because the caller wants it fresh.
    Refresh,
    /// From a call that an equal prompt began.
    Shared,
    /// From memory: a similar prompt was answered before, and its answer may stand for this one.
    Similar,
}

impl CacheStatus {
    /// Returns the word in the header `x-maily-cache`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Refresh => "refresh",
            Self::Shared => "shared",
            Self::Similar => "similar",
        }
    }
}
