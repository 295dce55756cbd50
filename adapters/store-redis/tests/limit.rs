//! A limit holds over processes, whatever happens to the server or to its scripts.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::env;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use maily_redis::Key;
use maily_redis::ServerStore;
use maily_redis::limit::{Limiter, OnFailure, Quota};
use maily_store_redis::testing::Server;
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::time::sleep;

const PROCESSES: usize = 8;
const RATE: u32 = 1000;
const BURST: u32 = 250;

/// What a machine with much else to do may add to a deadline.
const SLACK: Duration = Duration::from_secs(5);

fn limiter(url: &str, on_failure: OnFailure) -> Limiter<ServerStore<RedisTransport>> {
    let quota = Quota::per_second(RATE).with_burst(BURST);
    let mut config = RedisConfig::new(url);
    config.timeout_ms = 10_000;
    Limiter::new(config.build().expect("valid settings"), quota, on_failure).expect("a valid quota")
}

fn name() -> Key {
    Key::new("shared").unwrap()
}

/// Returns the time of this machine, in µs since 1970.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_1970.as_micros()).unwrap()
}

#[tokio::test]
async fn eight_processes_get_what_the_quota_allows_and_no_more() {
    let Some(server) = Server::start() else { return };
    // In a short run a moment without any worker weighs more.
    let (seconds, least) = if env::var_os("MAILY_SOAK").is_some() { (10, 0.98) } else { (2, 0.95) };
    let run = Duration::from_secs(seconds);
    let start = now() + 1_500_000;
    let end = start + u64::try_from(run.as_micros()).unwrap();

    let workers: Vec<Child> = (0..PROCESSES).map(|_| worker(&server.url(), start, end)).collect();
    // Scripts are lost now and then, as after a failover.
    while now() < end {
        sleep(Duration::from_millis(300)).await;
        server.ask(&["SCRIPT", "FLUSH"]).unwrap();
    }
    let reports: Vec<[u64; 3]> = workers.into_iter().map(report).collect();

    let allowed: u64 = reports.iter().map(|[allowed, ..]| allowed).sum();
    let first = reports.iter().map(|[_, first, _]| *first).min().unwrap();
    let last = reports.iter().map(|[.., last]| *last).max().unwrap();
    // From before the first question to after the last answer, so not shorter than what the server saw.
    let seconds = (last - first) as f64 / 1e6;
    let most = f64::from(RATE) * seconds + f64::from(BURST);
    let share = allowed as f64 / most;
    println!("{PROCESSES} processes, {seconds:.3} s: {allowed} allowed of {most:.0}: {:.2} %", share * 100.0);
    let each: Vec<u64> = reports.iter().map(|[allowed, ..]| *allowed).collect();
    println!("by process: {each:?}");
    assert!(allowed as f64 <= most);
    assert!(share >= least, "{share}");
}

fn worker(url: &str, start: u64, end: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["limited_worker", "--exact", "--nocapture"])
        .env("MAILY_TEST_WORKER", format!("{url} {start} {end}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads what a worker says: how many were allowed, its first question and its last answer.
fn report(mut worker: Child) -> [u64; 3] {
    let mut output = String::new();
    worker.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(worker.wait().unwrap().success(), "{output}");
    let line = output.lines().find_map(|line| line.strip_prefix("report: ")).expect("a report");
    let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// Not a test but one of the eight processes, when it is started as such.
#[tokio::test]
async fn limited_worker() {
    let Ok(order) = env::var("MAILY_TEST_WORKER") else { return };
    let [url, start, end] = order.split(' ').collect::<Vec<_>>().try_into().unwrap();
    let (start, end): (u64, u64) = (start.parse().unwrap(), end.parse().unwrap());
    let limiter = limiter(url, OnFailure::Refuse);
    // Connects, and takes nothing.
    limiter.take(&name(), 0).await.unwrap();
    sleep(Duration::from_micros(start.saturating_sub(now()))).await;

    let first = now();
    let tasks = (0..4).map(|_| async {
        let mut allowed = 0;
        while now() < end {
            let decision = limiter.take(&name(), 1).await.unwrap();
            assert!(!decision.degraded);
            if decision.allowed {
                allowed += 1;
            } else {
                sleep(decision.retry_after).await;
            }
        }
        allowed
    });
    let allowed: u64 = join_all(tasks).await.into_iter().sum();
    println!("\nreport: {allowed} {first} {}", now());
}

#[tokio::test]
async fn failing_server_means_what_was_chosen_within_the_deadline() {
    let Some(server) = Server::start() else { return };
    let deadline = Duration::from_millis(200);
    for (on_failure, allowed) in [(OnFailure::Allow, true), (OnFailure::Refuse, false)] {
        let limiter = limiter(&server.url(), on_failure).with_deadline(deadline);
        let decide = async || {
            let start = Instant::now();
            let decision = limiter.take(&name(), 1).await.unwrap();
            assert!(start.elapsed() < deadline + SLACK, "{:?}", start.elapsed());
            (decision.degraded, decision.allowed)
        };
        assert_eq!(decide().await, (false, true));

        server.pause();
        assert_eq!(decide().await, (true, allowed));
        server.resume();
        server.kill();
        assert_eq!(decide().await, (true, allowed));
        server.restart();

        let start = Instant::now();
        while decide().await.0 {
            assert!(start.elapsed() < Duration::from_secs(10), "the limiter does not come back");
        }
    }
}

#[tokio::test]
async fn decision_is_one_round_trip() {
    let Some(server) = Server::start() else { return };
    let limiter = limiter(&server.url(), OnFailure::Refuse);
    let calls = || server.info(&["INFO", "commandstats"], "cmdstat_evalsha");
    let unknown = || server.info(&["INFO", "errorstats"], "errorstat_NOSCRIPT");
    limiter.take(&name(), 1).await.unwrap();
    assert_eq!(unknown(), "count=1");

    for _ in 0..10 {
        limiter.take(&name(), 1).await.unwrap();
    }

    // The server knew the script by its hash.
    assert_eq!(unknown(), "count=1");
    assert!(calls().starts_with("calls=11,"), "{}", calls());
    assert_eq!(server.info(&["INFO", "commandstats"], "cmdstat_eval").split(',').next(), Some("calls=1"));
}

#[tokio::test]
async fn name_that_holds_something_else_is_an_error_and_no_failure() {
    let Some(server) = Server::start() else { return };
    server.ask(&["RPUSH", "limit:shared", "a"]).unwrap();

    let err = limiter(&server.url(), OnFailure::Allow).take(&name(), 1).await.unwrap_err();

    assert_eq!(err.code().name(), "redis-wrong-type");
}
