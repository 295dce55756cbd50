//! The one task that sends what is queued.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::Error;
use metrics::Counter;
use opentelemetry_proto::tonic::resource::v1::Resource;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Failure};
use crate::codec;
use crate::queue::{Queue, dropped};

/// Sends batches, one after the other.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) queue: Arc<Queue>,
    pub(crate) client: Client,
    pub(crate) resource: Resource,
    pub(crate) delay: Duration,
    /// The process ends: nothing is waited for any more.
    pub(crate) ending: CancellationToken,
}

/// What is known of the collector, so that a change of it is one line in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Away,
    Refuses,
    Takes,
}

impl Exporter {
    /// Runs until the queue is closed and empty.
    pub(crate) async fn run(self) {
        let mut state = State::Takes;
        let exported = OnceLock::<Counter>::new();
        while let Some(batch) = self.queue.batch(self.delay).await {
            let spans = batch.len();
            let (now, lost) = self.deliver(codec::request(&self.resource, batch), spans, &mut state).await;
            note(&mut state, now, None);
            // Looked up late: a recorder that is installed after this task began counts, too.
            let exported = exported.get_or_init(|| metrics::counter!("maily_telemetry_spans_exported_total"));
            exported.increment((spans - lost) as u64);
            self.queue.settle(spans);
        }
    }

    /// Sends a batch until it is taken, refused or given up; returns how the collector was in the end, and how many
    /// spans are lost.
    async fn deliver(&self, body: Bytes, spans: usize, state: &mut State) -> (State, usize) {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (err, after) = match self.client.post(body.clone()).await {
                Ok(None) => return (State::Takes, 0),
                Ok(Some((rejected, reason))) => {
                    let rejected = rejected.min(spans);
                    dropped("collector-refused").increment(rejected as u64);
                    tracing::debug!(rejected, reason, "the collector did not take all spans");
                    return (State::Takes, rejected);
                }
                Err(Failure::Refused(err)) => {
                    note(state, State::Refuses, Some(&err));
                    dropped("collector-refused").increment(spans as u64);
                    return (State::Refuses, spans);
                }
                Err(Failure::Away(err, after)) => (err, after),
            };
            note(state, State::Away, Some(&err));
            let pause = pauses.next().filter(|_| !self.ending.is_cancelled());
            let Some(pause) = pause else {
                dropped("collector-away").increment(spans as u64);
                return (State::Away, spans);
            };
            let pause = after.map_or(pause, |after| after.clamp(pause, LONGEST_PAUSE));
            tokio::select! {
                () = sleep(pause) => {}
                // One more try, and then it is over.
                () = self.ending.cancelled() => {}
            }
        }
    }
}

/// Notes a change, and says it once: a batch that fails like the one before is no news.
fn note(state: &mut State, now: State, err: Option<&Error>) {
    if std::mem::replace(state, now) == now {
        return;
    }
    let error = err.map(tracing::field::display);
    match now {
        State::Away => tracing::warn!(
            error,
            "the collector is away; spans wait, and are dropped when there are too many"
        ),
        State::Refuses => tracing::warn!(error, "the collector refuses the spans; they are dropped"),
        State::Takes => tracing::info!("the collector takes spans again"),
    }
}

/// How long after each failure a batch is sent again. After the last one it is given up: newer spans say more.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
