//! Every port in memory: for tests, examples and the first five minutes.

use std::collections::{HashMap, VecDeque};
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use tower_service::Service;

use crate::model::{CampaignId, Event, EventKey, Seq, SourceName, Stored};
use crate::port::{Appended, Campaign, EventLog, Source, Webhook};

pub use crate::online::Learning as MemoryScore;

/// An event log in memory. It keeps the newest events, 1,000,000 unless told otherwise.
///
/// Clones share one log.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    state: Arc<Mutex<Log>>,
}

#[derive(Debug)]
struct Log {
    limit: usize,
    last: Seq,
    events: VecDeque<Stored>,
    known: HashMap<EventKey, Seq>,
}

/// A source whose webhooks are JSON arrays of events, guarded by a key in the header `x-maily-key`.
///
/// For services of your own that need no signature.
#[derive(Clone, Debug)]
pub struct MemorySource {
    name: SourceName,
    key: maily_errors::Secret<String>,
}

/// A campaign service that answers from a table. Clones share one table.
#[derive(Clone, Debug, Default)]
pub struct MemoryCampaigns {
    campaigns: Arc<Mutex<HashMap<CampaignId, Campaign>>>,
}

// === impl MemoryLog ===

impl MemoryLog {
    /// Creates an empty log that keeps the newest 1,000,000 events.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(1_000_000)
    }

    /// Creates an empty log that keeps the newest `limit` events, at least one.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        let log = Log { limit: limit.max(1), last: Seq(0), events: VecDeque::new(), known: HashMap::new() };
        Self { state: Arc::new(Mutex::new(log)) }
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl EventLog for MemoryLog {
    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>> {
        let mut log = self.state.lock();
        Ok(events.into_iter().map(|event| log.append(event)).collect())
    }

    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Stored>> {
        let log = self.state.lock();
        let first = log.last.0 + 1 - log.events.len() as u64;
        let skip = (after.0 + 1).saturating_sub(first) as usize;
        Ok(log.events.iter().skip(skip).take(limit).cloned().collect())
    }

    async fn last(&self) -> Result<Seq> {
        Ok(self.state.lock().last)
    }
}

impl Log {
    fn append(&mut self, event: Event) -> Appended {
        let key = event.key();
        if let Some(&seq) = self.known.get(&key) {
            return Appended { seq, duplicate: true };
        }
        self.last = self.last.next();
        self.known.insert(key, self.last);
        self.events.push_back(Stored { seq: self.last, event: Arc::new(event) });
        if self.events.len() > self.limit
            && let Some(oldest) = self.events.pop_front()
        {
            self.known.remove(&oldest.event.key());
        }
        Appended { seq: self.last, duplicate: false }
    }
}

// === impl MemorySource ===

impl MemorySource {
    /// The header that carries the key.
    pub const KEY_HEADER: &str = "x-maily-key";
    /// The largest body, in bytes.
    pub const BODY_LIMIT_BYTES: usize = 1024 * 1024;

    /// Creates a source with a key that its webhooks must carry.
    #[must_use]
    pub fn new(name: SourceName, key: impl Into<String>) -> Self {
        Self { name, key: maily_errors::Secret::new(key.into()) }
    }

    /// Makes a webhook as this source would send it.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when the key cannot stand in a header or the events cannot be written.
    pub fn webhook(&self, events: &[Event], received: Timestamp) -> Result<Webhook> {
        let invalid = |_| Error::new(Code::Invalid, "the key cannot stand in a header");
        let key = self.key.expose().parse().map_err(invalid)?;
        let body = serde_json::to_vec(events).map_err(|err| Error::from(Code::Invalid).with_source(err))?;
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(Self::KEY_HEADER), key)]);
        Ok(Webhook { headers, body: Bytes::from(body), received })
    }
}

impl Source for MemorySource {
    fn name(&self) -> &SourceName {
        &self.name
    }

    fn read(&self, webhook: &Webhook) -> Result<Vec<Event>> {
        let key = webhook.headers.get(Self::KEY_HEADER).map(|value| value.as_bytes());
        if !key.is_some_and(|key| same(key, self.key.expose().as_bytes())) {
            return Err(Error::new(Code::WebhookSignature, "the key of the webhook is wrong")
                .with_operation("analytics::memory_source"));
        }
        if webhook.body.len() > Self::BODY_LIMIT_BYTES {
            return Err(Error::new(Code::TooLarge, "the webhook is too large")
                .with_context("limit_bytes", Public(Self::BODY_LIMIT_BYTES)));
        }
        let mut events: Vec<Event> = serde_json::from_slice(&webhook.body).map_err(|err| {
            Error::new(Code::EventInvalid, "the webhook is not a list of events").with_source(err)
        })?;
        for event in &mut events {
            event.source = self.name.clone();
        }
        Ok(events)
    }
}

/// Compares in a time that does not depend on where the first difference is.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

// === impl MemoryCampaigns ===

impl MemoryCampaigns {
    /// Creates a service that knows these campaigns.
    #[must_use]
    pub fn new(campaigns: impl IntoIterator<Item = Campaign>) -> Self {
        let campaigns = campaigns.into_iter().map(|campaign| (campaign.id.clone(), campaign)).collect();
        Self { campaigns: Arc::new(Mutex::new(campaigns)) }
    }
}

impl Service<CampaignId> for MemoryCampaigns {
    type Response = Campaign;
    type Error = Error;
    type Future = Ready<Result<Campaign>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, id: CampaignId) -> Self::Future {
        let missing =
            || Error::new(Code::NotFound, "there is no such campaign").with_operation("analytics::campaigns");
        ready(self.campaigns.lock().get(&id).cloned().ok_or_else(missing))
    }
}
