//! One schema for what every e-mail platform reports.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CampaignId, EventId, MessageId, Recipient, Seq, SourceName};

/// Something that happened to a message, in the shape of a [CloudEvent].
///
/// `source` and `id` together are the identity: an event that arrives twice counts once.
/// `machine` says that a scanner or a privacy proxy did it, not a person.
///
/// # Examples
///
/// ```
/// use maily_analytics::model::{Event, EventKind};
///
/// let event: Event = serde_json::from_str(
///     r#"{"source":"shop","id":"7","type":"conversion","time":"2026-01-05T10:00:00Z","recipient":"ann@example.org"}"#,
/// )?;
/// assert_eq!(event.kind, EventKind::Conversion);
/// assert!(!format!("{event:?}").contains("ann"));
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// [CloudEvent]: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Who reports it.
    pub source: SourceName,
    /// Its name at the source.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// When it happened, not when it was reported.
    pub time: Timestamp,
    /// To whom.
    pub recipient: Recipient,
    /// With which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// In which campaign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// Whether a machine did it.
    #[serde(default)]
    pub machine: bool,
    /// What else the source said, unchanged. At most 128 fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// The identity of an event.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventKey {
    /// Who reports it.
    pub source: SourceName,
    /// Its name at the source.
    pub id: EventId,
}

/// An event with its position in the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Where it stands.
    pub seq: Seq,
    /// What stands there.
    pub event: Arc<Event>,
}

/// What happened to a message.
///
/// A word that we do not know is kept as it is, so that nothing a provider adds is lost.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[non_exhaustive]
#[serde(from = "String", into = "String")]
pub enum EventKind {
    /// The receiving server refused it.
    Bounce,
    /// Somebody followed a link.
    Click,
    /// The recipient reported it as spam.
    Complaint,
    /// The recipient did what the campaign is for.
    Conversion,
    /// The receiving server took it.
    Delivered,
    /// Somebody opened it.
    Open,
    /// The platform took it.
    Sent,
    /// The recipient wants no more.
    Unsubscribe,
    /// Anything else, in the source's word.
    Unknown(String),
}

impl Event {
    /// The most extra fields that an event may have.
    pub const EXTRA_LIMIT: usize = 128;

    /// Returns the identity.
    #[must_use]
    pub fn key(&self) -> EventKey {
        EventKey { source: self.source.clone(), id: self.id.clone() }
    }

    /// Checks what the types do not: the size, and that the event is not from tomorrow.
    ///
    /// One event far in the future would close every live window, so clocks may differ by at most 24 hours.
    ///
    /// # Errors
    ///
    /// [`Code::EventInvalid`], with the field that is wrong.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        if self.time.as_second() > now.as_second().saturating_add(CLOCK_SKEW_LIMIT_S) {
            return Err(Error::new(Code::EventInvalid, "the event is from the future")
                .with_operation("analytics::event")
                .with_violation("/time", "at most 24 hours ahead of the server"));
        }
        if self.extra.len() > Self::EXTRA_LIMIT {
            return Err(Error::new(Code::EventInvalid, "the event has too many extra fields")
                .with_operation("analytics::event")
                .with_context("limit", Public(Self::EXTRA_LIMIT))
                .with_violation("/extra", "at most 128 fields"));
        }
        Ok(())
    }
}

impl EventKind {
    /// Returns the word for it, as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Bounce => "bounce",
            Self::Click => "click",
            Self::Complaint => "complaint",
            Self::Conversion => "conversion",
            Self::Delivered => "delivered",
            Self::Open => "open",
            Self::Sent => "sent",
            Self::Unsubscribe => "unsubscribe",
            Self::Unknown(word) => word,
        }
    }
}

impl From<String> for EventKind {
    fn from(word: String) -> Self {
        match word.as_str() {
            "bounce" => Self::Bounce,
            "click" => Self::Click,
            "complaint" => Self::Complaint,
            "conversion" => Self::Conversion,
            "delivered" => Self::Delivered,
            "open" => Self::Open,
            "sent" => Self::Sent,
            "unsubscribe" => Self::Unsubscribe,
            _ => Self::Unknown(word),
        }
    }
}

impl From<EventKind> for String {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Unknown(word) => word,
            known => known.as_str().to_owned(),
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const CLOCK_SKEW_LIMIT_S: i64 = 24 * 60 * 60;
