//! The service that is this crate.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use jiff::Timestamp;
use maily_errors::{Code, Error, Public, Result};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tower_service::Service;

use crate::config::AnalyticsConfig;
use crate::features::Features;
use crate::memory::MemoryLog;
use crate::model::{CampaignId, Event, Scores, Seq, SourceName, Stored};
use crate::online::{Learner, Learning};
use crate::port::{Appended, EventLog, Source, Webhook};
use crate::recommend::{Ask, Outcome, Recommendation, Recommender, Settled};
use crate::window::{Cursor, Live, Snapshot, Subscription};

/// Events in, predictions and live windows out. Clones share one state.
///
/// It is a tower service four times, so each way in can have its own layers:
///
/// | request | response | method |
/// |---|---|---|
/// | `Vec<Event>` | [`Ingested`] | [`ingest`](Self::ingest) |
/// | `Vec<Features>` | [`Scores`] | [`score`](Self::score) |
/// | [`Ask`] | [`Recommendation`] | [`recommend`](Self::recommend) |
/// | [`Outcome`] | [`Settled`] | [`settle`](Self::settle) |
///
/// The event log is the truth; windows are a view of it and can be made again from it at any time.
#[derive(Clone)]
pub struct Analytics {
    shared: Arc<Shared>,
}

struct Shared {
    log: Box<dyn ErasedLog>,
    sources: BTreeMap<SourceName, Arc<dyn Source>>,
    learning: Learning,
    recommender: Mutex<Recommender>,
    live: Live,
    /// One reader of the log at a time, so that windows see it in order.
    reader: tokio::sync::Mutex<()>,
}

/// How many of the events were new.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ingested {
    /// Events that were stored.
    pub accepted: u64,
    /// Events that were there before.
    pub duplicates: u64,
}

impl Analytics {
    /// The most events that are taken at once.
    pub const BATCH_LIMIT: usize = 10_000;
    /// The most rows that are scored at once.
    pub const ROWS_LIMIT: usize = 10_000;

    /// Creates analytics that keep everything in memory, without providers.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when a setting is out of its range.
    pub fn in_memory(config: &AnalyticsConfig) -> Result<Self> {
        Self::new(config, MemoryLog::new(), [])
    }

    /// Creates analytics on a log, with the providers whose webhooks are taken.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when a setting is out of its range.
    pub fn new(
        config: &AnalyticsConfig,
        log: impl EventLog,
        sources: impl IntoIterator<Item = Arc<dyn Source>>,
    ) -> Result<Self> {
        config.check()?;
        let shared = Shared {
            log: Box::new(log),
            sources: sources.into_iter().map(|source| (source.name().clone(), source)).collect(),
            learning: Learning::new(Learner::new(&config.learner)?),
            recommender: Mutex::new(Recommender::new(&config.recommend)?),
            live: Live::new(&config.windows)?,
            reader: tokio::sync::Mutex::new(()),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Counts everything that stands in the log and is not in the windows yet.
    ///
    /// Call it once after opening a log that has events in it; `ingest` does it by itself.
    ///
    /// # Errors
    ///
    /// [`Code::EventsStoreFailed`] when the log cannot be read, [`Code::EventsStoreCorrupt`] when it is damaged.
    /// What was counted stays counted.
    pub async fn catch_up(&self) -> Result<()> {
        let _reader = self.shared.reader.lock().await;
        loop {
            let events = self.shared.log.read(self.shared.live.read(), PAGE).await?;
            self.shared.live.apply(&events);
            if events.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Stores events and counts them, each once.
    ///
    /// # Errors
    ///
    /// - [`Code::TooLarge`] for more than 10,000 events.
    /// - [`Code::EventInvalid`] when one of them is not usable; then none is stored.
    /// - [`Code::EventsStoreFailed`] when the log cannot store them.
    ///
    /// # Cancellation
    ///
    /// What the log has stored is counted by the next call.
    pub async fn ingest(&self, events: Vec<Event>) -> Result<Ingested> {
        limit("events", events.len(), Self::BATCH_LIMIT)?;
        let now = Timestamp::now();
        for event in &events {
            event.check(now)?;
        }
        let appended = self.shared.log.append(events).await?;
        self.catch_up().await?;
        let duplicates = appended.iter().filter(|appended| appended.duplicate).count() as u64;
        Ok(Ingested { accepted: appended.len() as u64 - duplicates, duplicates })
    }

    /// Verifies, translates and ingests what a provider posted.
    ///
    /// # Errors
    ///
    /// - [`Code::WebhookProviderUnknown`] when no source has this name.
    /// - Those of [`Source::read`] and [`ingest`](Self::ingest).
    pub async fn webhook(&self, provider: &str, webhook: &Webhook) -> Result<Ingested> {
        self.ingest(self.verify(provider, webhook)?).await
    }

    /// Verifies and translates what a provider posted, without storing it: for stacks with layers around ingest.
    ///
    /// # Errors
    ///
    /// - [`Code::WebhookProviderUnknown`] when no source has this name.
    /// - Those of [`Source::read`].
    pub fn verify(&self, provider: &str, webhook: &Webhook) -> Result<Vec<Event>> {
        let named = SourceName::new(provider).ok();
        let source = named
            .and_then(|name| self.shared.sources.get(&name))
            .ok_or_else(|| Error::from(Code::WebhookProviderUnknown).with_operation("analytics::webhook"))?;
        source.read(webhook)
    }

    /// Estimates how likely each row succeeds.
    ///
    /// # Errors
    ///
    /// [`Code::TooLarge`] for more than 10,000 rows.
    pub fn score(&self, rows: &[Features]) -> Result<Scores> {
        limit("rows", rows.len(), Self::ROWS_LIMIT)?;
        Ok(self.shared.learning.score(rows))
    }

    /// Learns a label that does not belong to a recommendation, such as one of an earlier campaign.
    pub fn learn(&self, row: &Features, success: bool) {
        self.shared.learning.learn(row, success);
    }

    /// Chooses one of the candidates and writes a receipt.
    ///
    /// # Errors
    ///
    /// [`Code::CandidatesInvalid`] when there are none, over 1,000, or two of one name.
    pub fn recommend(&self, ask: Ask) -> Result<Recommendation> {
        ask.check()?;
        let rows: Vec<_> = ask.candidates.iter().map(|candidate| candidate.features.clone()).collect();
        let scores = self.shared.learning.score(&rows);
        self.shared.recommender.lock().choose(ask, scores, Timestamp::now())
    }

    /// Records what became of a recommendation, once, and learns from it.
    ///
    /// # Errors
    ///
    /// - [`Code::RecommendationNotFound`] when no receipt has this identifier.
    /// - [`Code::OutcomeDuplicate`] when its outcome is known.
    pub fn settle(&self, outcome: Outcome) -> Result<Settled> {
        let (settled, row) = self.shared.recommender.lock().settle(outcome)?;
        self.shared.learning.learn_late(&row, &settled.estimate, outcome.success);
        Ok(settled)
    }

    /// Returns all windows, or those of one campaign.
    #[must_use]
    pub fn windows(&self, campaign: Option<&CampaignId>) -> Snapshot {
        self.shared.live.snapshot(campaign)
    }

    /// Watches the windows, from a cursor on or from a snapshot.
    #[must_use]
    pub fn subscribe(&self, cursor: Option<Cursor>) -> Subscription {
        self.shared.live.subscribe(cursor)
    }
}

impl fmt::Debug for Analytics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.shared.sources.keys().collect();
        f.debug_struct("Analytics").field("sources", &sources).finish_non_exhaustive()
    }
}

impl Service<Vec<Event>> for Analytics {
    type Response = Ingested;
    type Error = Error;
    // The future of a log has no name.
    type Future = Boxed<'static, Ingested>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, events: Vec<Event>) -> Self::Future {
        let analytics = self.clone();
        Box::pin(async move { analytics.ingest(events).await })
    }
}

macro_rules! at_once {
    ($request:ty, $response:ty, |$analytics:ident, $value:ident| $call:expr) => {
        impl Service<$request> for Analytics {
            type Response = $response;
            type Error = Error;
            type Future = Ready<Result<$response>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, $value: $request) -> Self::Future {
                let $analytics = self;
                ready($call)
            }
        }
    };
}

at_once!(Vec<Features>, Scores, |analytics, rows| analytics.score(&rows));
at_once!(Ask, Recommendation, |analytics, ask| analytics.recommend(ask));
at_once!(Outcome, Settled, |analytics, outcome| analytics.settle(outcome));

/// An [`EventLog`] whose type is forgotten, so that routes and bindings have one `Analytics` for all logs.
///
/// Costs one allocation for each batch.
trait ErasedLog: Send + Sync {
    fn append(&self, events: Vec<Event>) -> Boxed<'_, Vec<Appended>>;

    fn read(&self, after: Seq, limit: usize) -> Boxed<'_, Vec<Stored>>;
}

impl<L: EventLog> ErasedLog for L {
    fn append(&self, events: Vec<Event>) -> Boxed<'_, Vec<Appended>> {
        Box::pin(EventLog::append(self, events))
    }

    fn read(&self, after: Seq, limit: usize) -> Boxed<'_, Vec<Stored>> {
        Box::pin(EventLog::read(self, after, limit))
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

fn limit(what: &'static str, count: usize, limit: usize) -> Result<()> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::new(Code::TooLarge, "there are too many at once")
        .with_operation("analytics::limit")
        .with_context("what", Public(what))
        .with_context("count", Public(count))
        .with_context("limit", Public(limit)))
}

/// Events that are read from the log at once.
const PAGE: usize = 1_024;
