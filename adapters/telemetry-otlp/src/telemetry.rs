use std::sync::Arc;
use std::time::Duration;

use maily_errors::Result;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::client::Client;
use crate::codec;
use crate::config::TelemetryConfig;
use crate::exporter::Exporter;
use crate::layer::{OurSpans, SpanLayer};
use crate::queue::Queue;

/// The export of spans: a layer for the subscriber, and one task that sends what the layer queues.
///
/// Dropping it ends the task at once; [`end`](Self::end) sends what is left first.
#[derive(Debug)]
pub struct Telemetry {
    queue: Arc<Queue>,
    ending: CancellationToken,
    task: JoinSet<()>,
    flush: Duration,
}

impl Telemetry {
    /// Begins to export; `None` if the settings name no collector.
    ///
    /// Whether the collector is there is not asked: a server starts without it. Call it in a tokio runtime with time and
    /// network.
    ///
    /// # Errors
    ///
    /// Those of [`TelemetryConfig::check`].
    pub fn start(config: &TelemetryConfig) -> Result<Option<Self>> {
        config.check()?;
        let Some(client) = Client::of(config)? else { return Ok(None) };
        let queue = Arc::new(Queue::new(config.queue_spans, config.batch_spans));
        let ending = CancellationToken::new();
        let exporter = Exporter {
            queue: Arc::clone(&queue),
            client,
            resource: codec::resource(config),
            delay: Duration::from_millis(config.delay_ms),
            ending: ending.clone(),
        };
        let mut task = JoinSet::new();
        task.spawn(exporter.run());
        Ok(Some(Self { queue, ending, task, flush: Duration::from_millis(config.flush_ms) }))
    }

    /// Returns the layer that sees the spans: those of this project at the level `info`, and no events.
    ///
    /// It filters for itself; what other layers of the subscriber want is up to them.
    #[must_use]
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        SpanLayer(Arc::clone(&self.queue)).with_filter(OurSpans)
    }

    /// Sends what is left, for at most `flush_ms`; takes nothing more. What the collector has not taken then is lost,
    /// and a line in the log says how much.
    pub async fn end(mut self) {
        self.queue.close();
        self.ending.cancel();
        let _ = tokio::time::timeout(self.flush, self.task.join_next()).await;
        let spans = self.queue.pending();
        if spans > 0 {
            tracing::warn!(spans, "the collector did not take the last spans in time");
        }
    }
}
