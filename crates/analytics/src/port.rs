//! What analytics needs from outside: a log, a model, providers, campaigns.

use std::future::Future;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use maily_errors::{Error, Result};
use serde::{Deserialize, Serialize};
use tower_service::Service;

use crate::features::Features;
use crate::model::{CampaignId, Event, Scores, Seq, SourceName, Stored};

/// Where events are kept, in the order in which they were first seen.
///
/// # Contract
///
/// - `append` stores a batch whole or not at all, and answers when it is as durable as the log is.
/// - An event whose source and id are in the log is not stored again, also within one batch.
/// - Sequence numbers start at 1 and have no gaps.
/// - A log may forget its oldest events. `read` then begins at the oldest that is left, and a
///   forgotten event is no longer known as a duplicate.
/// - A failure is [`Code::EventsStoreFailed`](maily_errors::Code::EventsStoreFailed), and nothing was stored.
///   What is kept but damaged is [`Code::EventsStoreCorrupt`](maily_errors::Code::EventsStoreCorrupt), never left out.
pub trait EventLog: Send + Sync + 'static {
    /// Stores the events that are new. Answers one position per event, in order.
    fn append(&self, events: Vec<Event>) -> impl Future<Output = Result<Vec<Appended>>> + Send;

    /// Reads up to `limit` events after a position, in order.
    fn read(&self, after: Seq, limit: usize) -> impl Future<Output = Result<Vec<Stored>>> + Send;

    /// Returns the position of the newest event, or 0.
    fn last(&self) -> impl Future<Output = Result<Seq>> + Send;
}

/// Where an event stands after [`EventLog::append`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Appended {
    /// Its position.
    pub seq: Seq,
    /// Whether it was there before.
    pub duplicate: bool,
}

/// A model: rows of features in, estimates out.
///
/// # Contract
///
/// - One estimate for each row, in order; `low <= probability <= high`, all in `0.0..=1.0`.
/// - No row: an empty answer, with the version of the model.
/// - A feature that the model does not know changes nothing.
pub trait Score: Service<Vec<Features>, Response = Scores, Error = Error> + Clone + Send {}

impl<S> Score for S where S: Service<Vec<Features>, Response = Scores, Error = Error> + Clone + Send {}

/// What a provider posted to us, byte for byte.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body as it came from the socket. Never a parsed and rewritten one: signatures cover the bytes.
    pub body: Bytes,
    /// When it came. Taken by the caller, so that freshness can be tested without a clock.
    pub received: Timestamp,
}

/// A provider of events: verifies a webhook, then translates it.
///
/// # Contract
///
/// - Verify first. Nothing of the body is parsed before its signature holds over the raw bytes.
/// - A wrong, missing or unreadable signature is
///   [`Code::WebhookSignature`](maily_errors::Code::WebhookSignature).
/// - A timestamp outside of the window is [`Code::WebhookStale`](maily_errors::Code::WebhookStale). Within the
///   window a replay is harmless, because every event carries the provider's own id and counts once.
/// - All or nothing: one event that cannot be read refuses the webhook, so that the provider sends it again.
/// - A kind of event that is not known is kept as
///   [`EventKind::Unknown`](crate::model::EventKind::Unknown).
/// - A machine's open or click has `machine` set.
pub trait Source: Send + Sync + 'static {
    /// Returns the name of the provider, which is also the `source` of its events.
    fn name(&self) -> &SourceName;

    /// Verifies and translates one webhook.
    ///
    /// # Errors
    ///
    /// As the contract says; [`Code::EventInvalid`](maily_errors::Code::EventInvalid) for a body that is
    /// signed but cannot be read, [`Code::TooLarge`](maily_errors::Code::TooLarge) for one over its limits.
    fn read(&self, webhook: &Webhook) -> Result<Vec<Event>>;
}

/// What is known about a campaign.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// Which one.
    pub id: CampaignId,
    /// What people call it.
    pub title: String,
    /// The subject line that was sent.
    pub subject: String,
    /// When it was sent, if it was.
    #[serde(default)]
    pub sent: Option<Timestamp>,
}

/// The campaign service: an id in, the campaign out.
///
/// # Contract
///
/// - A campaign that does not exist is [`Kind::NotFound`](maily_errors::Kind::NotFound).
pub trait Campaigns: Service<CampaignId, Response = Campaign, Error = Error> + Clone + Send {}

impl<S> Campaigns for S where S: Service<CampaignId, Response = Campaign, Error = Error> + Clone + Send {}
