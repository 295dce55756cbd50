//! The rules of [`Idempotency`], which needs only a [`Store`].

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "these are tests: a broken rule panics"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use maily_errors::{Code, Error, Result};
use tokio::time::sleep;

use crate::idempotency::{Begin, Fingerprint, Idempotency, Permit};
use crate::model::Key;
use crate::port::Store;

const SHORT: Duration = Duration::from_millis(50);
const LONG: Duration = Duration::from_secs(600);

fn key(name: &'static str) -> Key {
    Key::new(name).unwrap()
}

fn request(body: &str) -> Fingerprint {
    Fingerprint::of(&[b"POST", body.as_bytes()])
}

async fn never() -> Result<Bytes> {
    panic!("the work ran again")
}

fn permit<S>(begin: Begin<S>) -> Permit<S> {
    match begin {
        Begin::Run(permit) => permit,
        Begin::Replay(_) => panic!("the work was done"),
    }
}

/// Rule: the work of a key runs once, and its answer is the same each time.
pub async fn idempotency_runs_once(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone());
    let (key, request) = (key("once"), request("a"));

    let first = idempotency.run(&key, request, || async { Ok("done".into()) }).await.unwrap();
    let again = idempotency.run(&key, request, never).await.unwrap();

    assert_eq!((first.value.as_ref(), first.replayed, first.recorded), (&b"done"[..], false, true));
    assert_eq!((again.value.as_ref(), again.replayed, again.recorded), (&b"done"[..], true, true));
}

/// Rule: of many callers at once one runs the work, and those who wait get its answer.
pub async fn idempotency_runs_once_for_many(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone()).with_wait(LONG);
    let (key, request) = (key("many"), request("a"));
    let runs = AtomicUsize::new(0);

    let answers = join_all((0..20).map(|_| {
        idempotency.run(&key, request, || async {
            sleep(SHORT).await;
            Ok(runs.fetch_add(1, Ordering::Relaxed).to_string().into())
        })
    }));

    for answer in answers.await {
        assert_eq!(answer.unwrap().value, "0");
    }
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

/// Rule: a key stands for one request, while it runs and when it is done.
pub async fn idempotency_knows_its_request(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone());
    let key = key("mismatch");
    let mismatch = || async { idempotency.begin(&key, request("b")).await.err().unwrap().code() };

    let permit = permit(idempotency.begin(&key, request("a")).await.unwrap());
    assert_eq!(mismatch().await, Code::RedisIdempotencyMismatch);
    permit.complete("done".into()).await.unwrap();
    assert_eq!(mismatch().await, Code::RedisIdempotencyMismatch);
}

/// Rule: while the work runs, who does not wait is told so.
pub async fn idempotency_says_that_work_runs(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone());
    let (key, request) = (key("busy"), request("a"));
    let permit = permit(idempotency.begin(&key, request).await.unwrap());

    let busy = idempotency.begin(&key, request).await.err().unwrap();
    permit.complete("done".into()).await.unwrap();

    assert_eq!(busy.code(), Code::RedisIdempotencyBusy);
    assert!(
        matches!(idempotency.begin(&key, request).await.unwrap(), Begin::Replay(answer) if answer == "done")
    );
}

/// Rule: work that failed may run again, at once.
pub async fn idempotency_forgets_failures(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone());
    let (key, request) = (key("fails"), request("a"));

    let failed = idempotency.run(&key, request, || async { Err(Error::from(Code::Unavailable)) }).await;
    let again = idempotency.run(&key, request, || async { Ok("done".into()) }).await.unwrap();

    assert_eq!(failed.unwrap_err().code(), Code::Unavailable);
    assert!(!again.replayed);
}

/// Rule: a runner that is gone blocks its key until its lease ends; if it comes back, it is told.
pub async fn idempotency_outlives_its_runner(store: &impl Store) {
    // Only the lease of the runner that is gone is short: a slow machine must not lose the next one too.
    let idempotency = Idempotency::new(store.clone()).with_wait(LONG);
    let hasty = idempotency.clone().with_lease(SHORT).unwrap();
    let (key, request) = (key("crash"), request("a"));
    let gone = permit(hasty.begin(&key, request).await.unwrap());

    let next = idempotency.run(&key, request, || async { Ok("second".into()) }).await.unwrap();

    assert_eq!((next.replayed, next.recorded), (false, true));
    assert_eq!(gone.renew().await.unwrap_err().code(), Code::RedisLeaseLost);
    assert_eq!(gone.complete("first".into()).await.unwrap_err().code(), Code::RedisLeaseLost);
    assert_eq!(idempotency.run(&key, request, never).await.unwrap().value, "second");
}

/// Rule: work may take longer than a lease, which is renewed while it runs.
pub async fn idempotency_renews_while_it_runs(store: &impl Store) {
    // Slow machine: a renewal may get no time for a whole lease; then with a longer one.
    for (name, lease) in [("slow-1", 1), ("slow-2", 4), ("slow-3", 16)] {
        let lease = Duration::from_secs(lease);
        let idempotency = Idempotency::new(store.clone()).with_lease(lease).unwrap();
        let (key, request) = (key(name), request("a"));
        let slow = idempotency.run(&key, request, || async {
            sleep(lease * 2).await;
            Ok(Bytes::from_static(b"done"))
        });
        let look = async {
            sleep(lease + lease / 2).await;
            idempotency.begin(&key, request).await
        };
        let (answer, busy) = tokio::join!(slow, look);
        if answer.unwrap().recorded {
            assert_eq!(busy.err().unwrap().code(), Code::RedisIdempotencyBusy);
            return;
        }
    }
    panic!("the lease is not renewed");
}

/// Rule: an answer lives as long as was set, and recording it twice is harmless.
pub async fn idempotency_keeps_answers_for_their_time(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone()).with_ttl(SHORT).unwrap();
    let (key, request) = (key("ttl"), request("a"));
    let first = permit(idempotency.begin(&key, request).await.unwrap());
    first.complete("done".into()).await.unwrap();
    let repeated = first.complete("done".into()).await;
    // Slow machine: the answer may be over already.
    assert!(repeated.is_ok() || repeated.unwrap_err().code() == Code::RedisLeaseLost);

    let run = async {
        while matches!(idempotency.begin(&key, request).await.unwrap(), Begin::Replay(_)) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), run).await.unwrap();
}

/// Rule: the limits hold at their edge; what was done and could not be kept is not run again.
pub async fn idempotency_keeps_its_limits(store: &impl Store) {
    let idempotency = Idempotency::new(store.clone()).with_max_answer_bytes(8);
    let [fits, over] = ["fits", "over"].map(key);
    let request = request("a");
    let work = |bytes: usize| async move { Ok(Bytes::from(vec![b'x'; bytes])) };

    assert!(idempotency.run(&fits, request, || work(8)).await.unwrap().recorded);
    let large = idempotency.run(&over, request, || work(9)).await.unwrap();

    assert!(!large.recorded);
    assert_eq!(large.value.len(), 9);
    let again = idempotency.run(&over, request, never).await;
    assert_eq!(again.unwrap_err().code(), Code::RedisAnswerNotKept);
    assert!(idempotency.clone().with_lease(SHORT - Duration::from_millis(1)).is_err());
    assert!(idempotency.clone().with_ttl(Duration::ZERO).is_err());
}
