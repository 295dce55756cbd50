//! Names and numbers that are not interchangeable.

use std::fmt;

use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};

/// The longest name, in bytes.
pub(crate) const NAME_LIMIT_BYTES: usize = 256;

fn checked(value: String, what: &'static str) -> Result<String> {
    if value.is_empty() || value.len() > NAME_LIMIT_BYTES || value.chars().any(char::is_control) {
        return Err(Error::new(Code::EventInvalid, "a name has 1 to 256 bytes and no control character")
            .with_operation("analytics::name")
            .with_context("name", Public(what))
            .with_context("bytes", Public(value.len())));
    }
    Ok(value)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// Has 1 to 256 bytes and no control character.
        #[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text and makes it a name.
            ///
            /// # Errors
            ///
            /// [`Code::EventInvalid`] when it is empty, too long or holds a control character.
            pub fn new(value: impl Into<String>) -> Result<Self> {
                checked(value.into(), $what).map(Self)
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(value: String) -> Result<Self> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

name!(
    /// An event, as its source calls it.
    EventId,
    "event id"
);
name!(
    /// Who reported an event: a provider such as `sendgrid`, or a service of yours.
    SourceName,
    "source"
);
name!(
    /// One message to one or more recipients, as its sender calls it.
    MessageId,
    "message"
);
name!(
    /// A campaign.
    CampaignId,
    "campaign"
);
name!(
    /// One of the things to choose from, such as a subject line.
    CandidateName,
    "candidate"
);
name!(
    /// Who received a message: an address, or the stable hash that you use instead of one.
    ///
    /// A person's address does not belong in a log, so `Debug` hides it and there is no `Display`.
    Recipient,
    "recipient"
);

shown!(EventId, SourceName, MessageId, CampaignId, CandidateName);

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[recipient]")
    }
}

/// A position in a sequence without gaps. The first is 1; 0 is before the first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Returns the position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
