use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use maily_errors::testing::listen;
use maily_errors::{Code, Error, Result, TraceContext};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::*;
use crate::MemoryStore;
use crate::jobs::{DeadLetters as _, Failure, Fate, JobId, NewJob, QueueConfig, Receipt, Stats};

const NOW: Duration = Duration::ZERO;

fn queue() -> Queue {
    QueueConfig { idle_ms: 1000, ..QueueConfig::default() }.build().unwrap()
}

async fn appended(jobs: u8) -> (MemoryStore, Queue) {
    let (store, queue) = (MemoryStore::default(), queue());
    for number in 0..jobs {
        store.append(&queue, NewJob::new(vec![number])).await.unwrap();
    }
    (store, queue)
}

fn worker<S: Jobs + 'static>(store: &S, queue: &Queue) -> Worker<S> {
    Worker::new(store.clone(), queue.clone(), "worker").unwrap()
}

#[tokio::test(start_paused = true)]
async fn worker_works_on_as_many_jobs_as_it_has_hands() {
    let (store, queue) = appended(10).await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let handler = move |_| {
        let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
        async move {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    };
    let worker = worker(&store, &queue).with_concurrency(4).unwrap();

    let summary = worker.run(handler, sleep(Duration::from_millis(450))).await;

    assert_eq!((summary.done, most.load(Ordering::SeqCst)), (10, 4));
    assert!(store.stats(&queue).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn long_job_is_extended_until_it_is_done() {
    let (store, queue) = appended(1).await;
    let handler = |job: Job| async move {
        assert_eq!(job.deliveries, 1);
        sleep(Duration::from_secs(20)).await;
        Ok(())
    };
    let thief = async {
        let other = WorkerId::new("other").unwrap();
        sleep(Duration::from_millis(500)).await;
        store.claim(&queue, &other, 1, Duration::from_secs(15)).await.unwrap()
    };

    let run = worker(&store, &queue).run(handler, sleep(Duration::from_secs(21)));
    let (summary, stolen) = tokio::join!(run, thief);

    assert_eq!((summary.done, stolen.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn end_of_the_worker_waits_for_its_jobs_and_takes_no_more() {
    let (store, queue) = appended(3).await;
    let handler = |_| async {
        sleep(Duration::from_secs(5)).await;
        Ok(())
    };
    let worker = worker(&store, &queue).with_concurrency(2).unwrap();
    let start = Instant::now();

    let summary = worker.run(handler, sleep(Duration::from_secs(1))).await;

    assert!(start.elapsed() < Duration::from_millis(5100), "{:?}", start.elapsed());
    assert_eq!((summary.done, summary.handed_back), (2, 0));
    assert_eq!(store.stats(&queue).await.unwrap().waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_outlast_the_drain_are_handed_back() {
    let (store, queue) = appended(2).await;
    let handler = |job: Job| async move {
        sleep(Duration::from_secs(if job.payload[0] == 0 { 1 } else { 3600 })).await;
        Ok(())
    };
    let worker = worker(&store, &queue).with_drain(Duration::from_secs(2));
    let start = Instant::now();

    let summary = worker.run(handler, sleep(Duration::from_millis(10))).await;

    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
    assert_eq!((summary.done, summary.handed_back, summary.lost), (1, 1, 0));
    let other = WorkerId::new("other").unwrap();
    let jobs = store.claim(&queue, &other, 5, NOW).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].deliveries), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn job_of_another_worker_is_dropped() {
    let (store, queue) = appended(1).await;
    let (tell, mut told) = mpsc::unbounded_channel();
    let handler = move |job: Job| {
        tell.send(job.receipt).unwrap();
        async {
            sleep(Duration::from_secs(3600)).await;
            Ok(())
        }
    };
    let done_elsewhere = async {
        let receipt = told.recv().await.unwrap();
        sleep(Duration::from_millis(100)).await;
        // As an acknowledgement of a worker that had the job before.
        assert_eq!(store.ack(&queue, &[receipt]).await.unwrap(), 1);
    };

    let run = worker(&store, &queue).run(handler, sleep(Duration::from_secs(2)));
    let (summary, ()) = tokio::join!(run, done_elsewhere);

    assert_eq!((summary.lost, summary.done, summary.handed_back), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn handler_works_in_the_trace_of_its_job() {
    let (store, queue) = (MemoryStore::default(), queue());
    let trace = TraceContext::root();
    let append = async { store.append(&queue, NewJob::new("a")).await };
    trace.scope(append).await.unwrap();
    let (tell, told) = oneshot::channel();
    let tell = Arc::new(parking_lot::Mutex::new(Some(tell)));
    let handler = move |_| {
        let tell = tell.lock().take();
        async move {
            tell.unwrap().send(TraceContext::current()).unwrap();
            Ok(())
        }
    };

    worker(&store, &queue).run(handler, sleep(Duration::from_secs(1))).await;

    let seen = told.await.unwrap().unwrap();
    assert_eq!(seen.trace_id(), trace.trace_id());
    assert_ne!(seen.span_id(), trace.span_id());
}

/// Writes down the fields of each span `process`.
#[derive(Clone, Default)]
struct Spans(Arc<parking_lot::Mutex<Vec<HashMap<String, String>>>>);

impl<S: tracing::Subscriber> Layer<S> for Spans {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        struct Fields(HashMap<String, String>);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.insert(field.name().to_owned(), format!("{value:?}"));
            }
        }
        let mut fields = Fields(HashMap::new());
        attributes.record(&mut fields);
        assert!(attributes.is_root(), "whatever span the worker runs in");
        self.0.lock().push(fields.0);
    }
}

#[test]
fn span_of_a_job_is_below_the_one_that_appended_it() {
    let [root, unsampled] = ["01", "00"].map(|flags| {
        TraceContext::parse(&format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}")).unwrap()
    });
    let (spans, positions) = (Spans::default(), Arc::new(parking_lot::Mutex::new(Vec::new())));
    let _heard = listen(tracing_subscriber::registry().with(spans.clone()));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (store, queue, seen) = (MemoryStore::default(), queue(), positions.clone());
        let jobs =
            [NewJob::new("a").with_trace(root), NewJob::new("b").with_trace(unsampled), NewJob::new("c")];
        for job in jobs {
            store.append(&queue, job).await.unwrap();
        }
        let handler = move |_| {
            seen.lock().push(TraceContext::current());
            async { Ok(()) }
        };
        worker(&store, &queue).run(handler, sleep(Duration::from_secs(1))).await;
    });

    let (spans, positions) = (spans.0.lock(), positions.lock());
    assert_eq!((spans.len(), positions.len()), (3, 3));
    for (number, above) in [Some(root), Some(unsampled), None].into_iter().enumerate() {
        let (span, here) = (&spans[number], positions[number]);
        let said = |field: &str| span.get(field).map(String::as_str);
        assert_eq!(said("otel.name"), Some("process jobs"));
        assert_eq!(said("otel.kind"), Some("\"consumer\""));
        assert_eq!(said("parent_span_id"), above.map(|_| "00f067aa0ba902b7"));
        assert_eq!(said("sampled"), Some(if number == 1 { "false" } else { "true" }));
        // The handler is called in the task of the span, so that what it asks is below it.
        let here = here.expect("a handler works in a trace");
        assert_eq!(said("span_id").unwrap(), here.span_id().to_string());
        assert_eq!(said("trace_id").unwrap(), here.trace_id().to_string());
        assert!(
            above
                .is_none_or(|above| above.trace_id() == here.trace_id() && above.span_id() != here.span_id())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_handler_is_a_failure_that_comes_again() {
    let store = MemoryStore::default();
    let queue = QueueConfig { max_deliveries: 2, ..QueueConfig::default() }.build().unwrap();
    store.append(&queue, NewJob::new("a")).await.unwrap();
    let handler = |_| async { panic!("always") };

    let summary = worker(&store, &queue).run(handler, sleep(Duration::from_secs(60))).await;

    assert_eq!((summary.retried, summary.dead), (1, 1));
    let dead = store.dead(&queue, None, 1).await.unwrap();
    assert_eq!(dead[0].code, Code::RedisJobPanicked.name());
}

/// A store that fails while it is told to.
#[derive(Clone)]
struct Away {
    store: MemoryStore,
    away: Arc<AtomicBool>,
}

impl Away {
    fn check(&self) -> Result<()> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::new(Code::RedisUnreachable, "the server is away"));
        }
        Ok(())
    }
}

impl Jobs for Away {
    async fn append(&self, queue: &Queue, job: NewJob) -> Result<JobId> {
        self.store.append(queue, job).await
    }

    async fn claim(&self, queue: &Queue, worker: &WorkerId, max: usize, wait: Duration) -> Result<Vec<Job>> {
        self.check()?;
        self.store.claim(queue, worker, max, wait).await
    }

    async fn ack(&self, queue: &Queue, receipts: &[Receipt]) -> Result<usize> {
        self.check()?;
        self.store.ack(queue, receipts).await
    }

    async fn extend(&self, queue: &Queue, worker: &WorkerId, receipts: &[Receipt]) -> Result<Vec<Receipt>> {
        self.check()?;
        self.store.extend(queue, worker, receipts).await
    }

    async fn fail(
        &self,
        queue: &Queue,
        worker: &WorkerId,
        receipt: &Receipt,
        failure: Failure,
    ) -> Result<Fate> {
        self.check()?;
        self.store.fail(queue, worker, receipt, failure).await
    }

    async fn stats(&self, queue: &Queue) -> Result<Stats> {
        self.check()?;
        self.store.stats(queue).await
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_while_the_server_was_away_is_said_later() {
    let (store, queue) = appended(5).await;
    let away = Arc::new(AtomicBool::new(false));
    let flaky = Away { store: store.clone(), away: Arc::clone(&away) };
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let handler = move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async {
            sleep(Duration::from_millis(50)).await;
            Ok(())
        }
    };
    let trouble = async {
        sleep(Duration::from_millis(20)).await;
        away.store(true, Ordering::SeqCst);
        sleep(Duration::from_millis(700)).await;
        away.store(false, Ordering::SeqCst);
    };

    let run = worker(&flaky, &queue).run(handler, sleep(Duration::from_secs(10)));
    let (summary, ()) = tokio::join!(run, trouble);

    assert_eq!((summary.done, summary.lost), (5, 0));
    assert_eq!(calls.load(Ordering::SeqCst), 5);
    assert!(store.stats(&queue).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn worker_ends_in_time_while_the_server_is_away() {
    let (store, queue) = appended(2).await;
    let away = Arc::new(AtomicBool::new(false));
    let flaky = Away { store, away: Arc::clone(&away) };
    let handler = |_| async {
        sleep(Duration::from_millis(100)).await;
        Ok(())
    };
    let trouble = async {
        sleep(Duration::from_millis(50)).await;
        away.store(true, Ordering::SeqCst);
    };
    let worker = worker(&flaky, &queue).with_drain(Duration::from_secs(3));
    let start = Instant::now();

    let (summary, ()) = tokio::join!(worker.run(handler, sleep(Duration::from_secs(1))), trouble);

    assert!(start.elapsed() < Duration::from_millis(6500), "{:?}", start.elapsed());
    assert_eq!((summary.done, summary.lost), (0, 2));
}

#[test]
fn worker_measures_outcomes_times_and_the_queue() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    metrics::with_local_recorder(&recorder, || {
        runtime.unwrap().block_on(async {
            let (store, queue) = appended(3).await;
            let handler = |job: Job| async move {
                if job.payload[0] == 0 { Err(Error::new(Code::Invalid, "no use")) } else { Ok(()) }
            };
            worker(&store, &queue).run(handler, sleep(Duration::from_secs(7))).await;
        });
    });

    let metrics = snapshotter.snapshot().into_vec();
    let value = |name: &str, label: &str| {
        let found = metrics.iter().find(|(key, ..)| {
            let key = key.key();
            key.name() == name && (label.is_empty() || key.labels().any(|pair| pair.value() == label))
        });
        &found.unwrap_or_else(|| panic!("{name} {label} is not there")).3
    };
    assert!(matches!(value("maily_redis_jobs_total", "done"), DebugValue::Counter(2)));
    assert!(matches!(value("maily_redis_jobs_total", "dead"), DebugValue::Counter(1)));
    assert!(
        matches!(value("maily_redis_jobs_seconds", ""), DebugValue::Histogram(times) if times.len() == 3)
    );
    assert!(matches!(value("maily_redis_jobs_age_seconds", "jobs"), DebugValue::Histogram(_)));
    assert!(matches!(value("maily_redis_jobs", "dead"), DebugValue::Gauge(dead) if dead.0 == 1.0));
    assert!(matches!(value("maily_redis_jobs", "waiting"), DebugValue::Gauge(waiting) if waiting.0 == 0.0));
    value("maily_redis_jobs_oldest_seconds", "");
}

#[test]
fn concurrency_keeps_its_limits() {
    let with = |hands| worker(&MemoryStore::default(), &queue()).with_concurrency(hands).map(drop);
    assert!(with(1).is_ok() && with(1000).is_ok());
    for hands in [0, 1001] {
        assert_eq!(with(hands).unwrap_err().code(), Code::Invalid);
    }
}

#[tokio::test(start_paused = true)]
async fn worker_with_all_the_time_there_is_ends_when_its_jobs_do() {
    let (store, queue) = appended(1).await;
    let handler = |_: Job| async {
        sleep(Duration::from_secs(3600)).await;
        Ok(())
    };

    let summary =
        worker(&store, &queue).with_drain(Duration::MAX).run(handler, sleep(Duration::from_secs(1))).await;

    assert_eq!(summary.done, 1);
}
