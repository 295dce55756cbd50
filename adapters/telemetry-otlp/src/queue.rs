//! The spans that wait for the collector.

use std::collections::VecDeque;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::Counter;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::record::Record;

/// A queue with a limit: whoever ends a span never waits, and a span that does not fit is dropped.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Accepted, and neither delivered nor given up.
    pending: AtomicUsize,
    wake: Notify,
    limit: usize,
    batch: usize,
    dropped: OnceLock<Counter>,
}

#[derive(Default)]
struct Waiting {
    // Boxed: a full queue is one allocation of pointers, and an empty one of a quiet server is small.
    spans: VecDeque<Box<Record>>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(limit: usize, batch: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            pending: AtomicUsize::new(0),
            wake: Notify::new(),
            limit,
            batch,
            dropped: OnceLock::new(),
        }
    }

    /// Takes a span, or drops and counts it.
    ///
    /// Wakes the exporter for the first span and for a full batch, and not for those between: a wake costs more than the
    /// rest.
    pub(crate) fn push(&self, span: Box<Record>) {
        let mut waiting = self.waiting.lock();
        if waiting.closed || waiting.spans.len() == self.limit {
            drop(waiting);
            self.dropped.get_or_init(|| dropped("queue-full")).increment(1);
            return;
        }
        waiting.spans.push_back(span);
        let spans = waiting.spans.len();
        self.pending.fetch_add(1, Ordering::Relaxed);
        drop(waiting);
        if spans == 1 || spans == self.batch {
            self.wake.notify_one();
        }
    }

    /// Waits for a batch: a full one, what has come `delay` after its first span, or the rest of a closed queue. `None`
    /// is the end.
    pub(crate) async fn batch(&self, delay: Duration) -> Option<Vec<Box<Record>>> {
        let mut due = None;
        loop {
            {
                let mut waiting = self.waiting.lock();
                let spans = waiting.spans.len();
                let is_due = due.is_some_and(|due| Instant::now() >= due);
                if spans >= self.batch || (spans > 0 && (is_due || waiting.closed)) {
                    return Some(waiting.spans.drain(..spans.min(self.batch)).collect());
                }
                if waiting.closed {
                    return None;
                }
                due = if spans > 0 { due.or_else(|| Some(Instant::now() + delay)) } else { None };
            }
            match due {
                Some(due) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = sleep_until(due) => {}
                },
                None => self.wake.notified().await,
            }
        }
    }

    /// Notes that so many spans were delivered or given up.
    pub(crate) fn settle(&self, spans: usize) {
        self.pending.fetch_sub(spans, Ordering::Relaxed);
    }

    /// Returns how many spans are neither delivered nor given up.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Takes nothing more; what is in it goes out.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.wake.notify_one();
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("pending", &self.pending())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Counts the spans that nobody will see, by what became of them.
pub(crate) fn dropped(reason: &'static str) -> Counter {
    metrics::counter!("maily_telemetry_spans_dropped_total", "reason" => reason)
}

#[cfg(test)]
mod tests {
    use maily_errors::TraceContext;

    use super::*;
    use crate::fields::Fields;
    use crate::record::Place;

    const DELAY: Duration = Duration::from_secs(1);

    fn span() -> Box<Record> {
        let above = Place::from(TraceContext::root());
        Box::new(Record::begin("span", Fields::default(), Some(above)).unwrap())
    }

    fn filled(limit: usize, batch: usize, spans: usize) -> Queue {
        let queue = Queue::new(limit, batch);
        (0..spans).for_each(|_| queue.push(span()));
        queue
    }

    #[tokio::test(start_paused = true)]
    async fn queue_keeps_as_many_as_its_limit_and_drops_the_next() {
        let queue = filled(3, 10, 4);

        assert_eq!(queue.pending(), 3);
        assert_eq!(queue.batch(DELAY).await.unwrap().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn full_batch_does_not_wait_and_a_smaller_one_does() {
        let queue = filled(10, 2, 3);
        let start = Instant::now();

        assert_eq!(queue.batch(DELAY).await.unwrap().len(), 2);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(queue.batch(DELAY).await.unwrap().len(), 1);
        assert_eq!(start.elapsed(), DELAY);
    }

    #[tokio::test(start_paused = true)]
    async fn empty_queue_sleeps_until_a_span_comes() {
        let queue = Queue::new(10, 2);
        let start = Instant::now();
        let later = async {
            tokio::time::sleep(DELAY * 60).await;
            queue.push(span());
        };

        let (batch, ()) = tokio::join!(queue.batch(DELAY), later);

        assert_eq!(batch.unwrap().len(), 1);
        assert_eq!(start.elapsed(), DELAY * 61);
    }

    #[tokio::test(start_paused = true)]
    async fn closed_queue_gives_its_rest_and_ends() {
        let queue = filled(10, 2, 3);
        queue.close();
        queue.push(span());

        assert_eq!(queue.batch(DELAY).await.unwrap().len(), 2);
        assert_eq!(queue.batch(DELAY).await.unwrap().len(), 1);
        assert!(queue.batch(DELAY).await.is_none());
    }
}
