//! Work runs once over processes, and again when its runner crashed.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use maily_redis::idempotency::{Fingerprint, Idempotency};
use maily_redis::{Key, ServerStore, Store as _};
use maily_store_redis::testing::Server;
use maily_store_redis::{RedisConfig, RedisTransport};
use tokio::time::sleep;

const LEASE: Duration = Duration::from_secs(1);

fn store(url: &str) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = 10_000;
    config.build().expect("valid settings")
}

fn idempotency(url: &str) -> Idempotency<ServerStore<RedisTransport>> {
    Idempotency::new(store(url)).with_lease(LEASE).unwrap().with_wait(Duration::from_secs(30))
}

fn key() -> Key {
    Key::new("order-7").unwrap()
}

fn request() -> Fingerprint {
    Fingerprint::of(&[b"charge 7 euros"])
}

fn worker(url: &str, takes: Duration) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["worker_with_a_key", "--exact", "--nocapture"])
        .env("MAILY_TEST_WORKER", format!("{url} {}", takes.as_millis()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Not a test but one of the processes, when it is started as such.
#[tokio::test]
async fn worker_with_a_key() {
    let Ok(order) = env::var("MAILY_TEST_WORKER") else { return };
    let (url, takes) = order.split_once(' ').unwrap();
    let store = store(url);
    let work = async || {
        let run = store.increment(&Key::new("runs").unwrap(), 1, None).await?;
        println!("\nruns");
        sleep(Duration::from_millis(takes.parse().unwrap())).await;
        Ok(run.to_string().into())
    };
    let answer = idempotency(url).run(&key(), request(), work).await.unwrap();
    println!("\nanswer: {}", String::from_utf8_lossy(&answer.value));
}

#[test]
fn eight_processes_with_one_key_run_the_work_once() {
    let Some(server) = Server::start() else { return };
    let workers: Vec<Child> = (0..8).map(|_| worker(&server.url(), LEASE * 2)).collect();

    for mut worker in workers {
        let mut output = String::new();
        worker.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        assert!(worker.wait().unwrap().success(), "{output}");
        assert!(output.contains("answer: 1\n"), "{output}");
    }
    assert_eq!(server.text(&["GET", "runs"]), "1");
}

#[tokio::test]
async fn killed_runner_blocks_its_key_no_longer_than_its_lease() {
    let Some(server) = Server::start() else { return };
    let mut runner = worker(&server.url(), Duration::from_secs(600));
    let mut lines = BufReader::new(runner.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "runs"));

    runner.kill().and_then(|()| runner.wait()).unwrap();
    let start = Instant::now();
    let answer =
        idempotency(&server.url()).run(&key(), request(), || async { Ok("second".into()) }).await.unwrap();

    println!("the key was free {:?} after the kill, with a lease of {LEASE:?}", start.elapsed());
    assert_eq!((answer.value.as_ref(), answer.replayed), (&b"second"[..], false));
    // The work began twice: at least once is what is promised.
    assert_eq!(server.text(&["GET", "runs"]), "1");
    assert!(start.elapsed() < LEASE + Duration::from_secs(5));
}
