//! Headers for a caller who gets an error instead of an answer.

use std::error::Error as StdError;
use std::fmt;

use http::HeaderMap;
use maily_errors::Error;

/// Headers for the client, as the source of an error: its rate limits, say.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error};
/// use maily_mesh::PassedOn;
///
/// let mut headers = http::HeaderMap::new();
/// headers.insert("x-ratelimit-remaining-tokens", 0.into());
/// let err = Error::from(Code::NodeThrottled).with_source(PassedOn::new(headers));
///
/// assert_eq!(PassedOn::of(&err).unwrap()["x-ratelimit-remaining-tokens"], "0");
/// ```
#[derive(Clone, Debug)]
pub struct PassedOn(HeaderMap);

impl PassedOn {
    /// Creates a source of these headers.
    #[must_use]
    pub const fn new(headers: HeaderMap) -> Self {
        Self(headers)
    }

    /// Returns the headers that came with an error, if any of its sources has some.
    #[must_use]
    pub fn of(err: &Error) -> Option<&HeaderMap> {
        let mut source = StdError::source(err);
        while let Some(inner) = source {
            if let Some(Self(headers)) = inner.downcast_ref() {
                return Some(headers);
            }
            source = inner.source();
        }
        None
    }
}

impl fmt::Display for PassedOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "with {} headers for the client", self.0.len())
    }
}

impl StdError for PassedOn {}
