//! What a worker measures, and the span of a job.

use std::time::Duration;

use maily_errors::TraceContext;
use metrics::{Counter, Gauge, Histogram, SharedString};
use tokio::time::sleep;
use tracing::Span;
use tracing::field::Empty;

use super::super::{Job, Queue, Stats, WorkerId};
use crate::port::Jobs;

/// How often the gauges of the queue are read.
const EVERY: Duration = Duration::from_secs(5);

/// The counters of one queue, made once.
pub(super) struct Instruments {
    pub(super) done: Counter,
    pub(super) retried: Counter,
    pub(super) dead: Counter,
    pub(super) lost: Counter,
    pub(super) handed_back: Counter,
    pub(super) seconds: Histogram,
    pub(super) age: Histogram,
    states: [Gauge; 4],
    oldest: Gauge,
}

impl Instruments {
    pub(super) fn new(queue: &Queue) -> Self {
        let name: SharedString = queue.shared_name().into();
        let outcome = |outcome: &'static str| metrics::counter!("maily_redis_jobs_total", "queue" => name.clone(), "outcome" => outcome);
        let state = |state: &'static str| metrics::gauge!("maily_redis_jobs", "queue" => name.clone(), "state" => state);
        Self {
            done: outcome("done"),
            retried: outcome("retried"),
            dead: outcome("dead"),
            lost: outcome("lost"),
            handed_back: outcome("handed_back"),
            seconds: metrics::histogram!("maily_redis_jobs_seconds", "queue" => name.clone()),
            age: metrics::histogram!("maily_redis_jobs_age_seconds", "queue" => name.clone()),
            states: ["waiting", "pending", "delayed", "dead"].map(state),
            oldest: metrics::gauge!("maily_redis_jobs_oldest_seconds", "queue" => name.clone()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    fn set(&self, stats: &Stats) {
        let values = [stats.waiting, stats.pending, stats.delayed, stats.dead];
        for (gauge, value) in self.states.iter().zip(values) {
            gauge.set(value as f64);
        }
        self.oldest.set(stats.oldest.as_secs_f64());
    }
}

/// Reads the gauges from time to time, for ever.
pub(super) async fn watch(store: &impl Jobs, queue: &Queue, instruments: &Instruments) {
    loop {
        if let Ok(stats) = store.stats(queue).await {
            instruments.set(&stats);
        }
        sleep(EVERY).await;
    }
}

/// Returns the span in which a handler works, whose position in the trace is `here`.
///
/// Its parent is the position in which the job was appended. The conventions let a span of one message have that, and
/// link to it where a span has several, or where another span is around it; a handler has one job, and a task of its
/// own.
///
/// Source: OpenTelemetry semantic conventions 1.37, messaging spans, "message creation context as parent".
pub(super) fn span(queue: &Queue, worker: &WorkerId, job: &Job, here: TraceContext) -> Span {
    tracing::info_span!(
        parent: None,
        "process",
        otel.name = %format_args!("process {}", queue.name()),
        otel.kind = "consumer",
        messaging.system = "redis",
        messaging.operation.name = "process",
        messaging.operation.type = "process",
        messaging.destination.name = queue.name(),
        messaging.client.id = worker.as_str(),
        messaging.message.id = job.id.as_str(),
        messaging.message.body.size = job.payload.len(),
        maily.deliveries = job.deliveries,
        trace_id = %here.trace_id(),
        span_id = %here.span_id(),
        parent_span_id = job.trace.map(|above| tracing::field::display(above.span_id())),
        sampled = here.is_sampled(),
        error.type = Empty,
    )
}
