//! A process that is killed with -9 under load: what it was told is there, and nothing is there twice.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use maily_redis::jobs::{Jobs, NewJob, Queue, QueueConfig, WorkerId};
use maily_redis::limit::Quota;
use maily_redis::lock::{Grant, Owner};
use maily_redis::{Key, Leases, Limits};
use maily_store_redb::{RedbConfig, RedbStore};
use tokio::time::Instant;

const CHILD: &str = "MAILY_TEST_KILL";
const NOW: Duration = Duration::ZERO;
const HOUR: Duration = Duration::from_secs(3600);
/// What a machine with much else to do may need.
const LIMIT: Duration = Duration::from_secs(60);

fn queue() -> Queue {
    let mut config = QueueConfig::default();
    (config.idle_ms, config.max_deliveries) = (300, 1000);
    config.build().unwrap()
}

fn quota() -> Quota {
    Quota::new(50, HOUR)
}

fn name() -> Key {
    Key::new("name").unwrap()
}

async fn open(path: &Path) -> RedbStore {
    RedbConfig::new(path).store().await.expect("the file opens")
}

/// What the child said until it was killed: each line is written after the answer that it tells of, or before the
/// question.
#[derive(Debug, Default)]
struct Said {
    appended: HashSet<String>,
    claimed: HashMap<String, u32>,
    asked: HashSet<String>,
    done: HashSet<String>,
    token: u128,
    taken: u32,
}

#[tokio::test]
async fn what_was_acknowledged_under_load_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    let (mut said, queue) = (Said::default(), queue());
    for round in 1..=3 {
        // The names of one queue are never given twice, so what is said adds up over the rounds.
        let before = said.done.len();
        killed(&path, round * 400, &mut said);

        let start = Instant::now();
        let store = open(&path).await;
        let (opened, stats) = (start.elapsed(), store.stats(&queue).await.unwrap());

        // The lag is known at once: what was appended and nobody began to acknowledge, and at most what was on its way.
        let waits = said.appended.difference(&said.asked).count() as u64;
        assert!(stats.len() >= waits, "{stats:?}, {waits} wait");
        assert!(!stats.oldest.is_zero());
        let held = store.acquire(&name(), Owner::random(), HOUR, NOW).await.unwrap();
        assert!(matches!(held, Grant::Held { .. }), "the lease was forgotten");
        println!(
            "round {round}: {} appended, {} claimed, {} done; opened in {opened:?} with {stats:?}",
            said.appended.len(),
            said.claimed.len(),
            said.done.len() - before
        );
    }

    let store = open(&path).await;
    let worker = WorkerId::new("after").unwrap();
    let (mut left, start) = (HashMap::new(), Instant::now());
    while !store.stats(&queue).await.unwrap().is_empty() {
        assert!(start.elapsed() < LIMIT, "jobs are left");
        let jobs = store.claim(&queue, &worker, 1000, Duration::from_millis(100)).await.unwrap();
        let receipts: Vec<_> = jobs.iter().map(|job| job.receipt.clone()).collect();
        for job in jobs {
            assert_eq!(left.insert(job.id.to_string(), job.deliveries), None, "one job, twice");
        }
        assert_eq!(store.ack(&queue, &receipts).await.unwrap(), receipts.len());
    }
    for id in &said.appended {
        assert!(left.contains_key(id) || said.asked.contains(id), "{id} was appended and is lost");
    }
    for id in &said.done {
        assert!(!left.contains_key(id), "{id} was acknowledged and is back");
    }
    for (id, deliveries) in &left {
        let claimed = said.claimed.get(id).copied().unwrap_or_default();
        assert!(*deliveries > claimed, "{id} was handed out {claimed} times before, and says {deliveries}");
    }
    let other = Key::new("other").unwrap();
    let Grant::Granted(token) = store.acquire(&other, Owner::random(), HOUR, NOW).await.unwrap() else {
        panic!("nobody holds it")
    };
    assert!(token.to_u128() > said.token);
    let mut taken = said.taken;
    while store.take(&name(), quota(), 1).await.unwrap().allowed {
        taken += 1;
    }
    println!("{} of 50 in an hour were allowed before the last kill, {taken} in all", said.taken);
    assert!(taken <= 51, "{taken}");
}

/// Lets a child work until so many jobs are appended, and kills it.
fn killed(path: &Path, jobs: usize, said: &mut Said) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_works_until_it_is_killed", "--exact", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let goal = said.appended.len() + jobs;
    for line in lines.by_ref() {
        said.hear(&line);
        if said.appended.len() >= goal {
            // SIGKILL: nothing is flushed, no destructor runs.
            child.kill().unwrap();
            break;
        }
    }
    // What it said before it was killed counts.
    lines.for_each(|line| said.hear(&line));
    child.wait().unwrap();
}

impl Said {
    fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["appended", id] => drop(self.appended.insert(id.to_owned())),
            ["claimed", id, deliveries] => {
                self.claimed.insert(id.to_owned(), deliveries.parse().unwrap());
            }
            ["asked", id] => drop(self.asked.insert(id.to_owned())),
            ["done", id] => drop(self.done.insert(id.to_owned())),
            ["token", token] => self.token = self.token.max(token.parse().unwrap()),
            ["taken"] => self.taken += 1,
            _ => {}
        }
    }
}

/// Not a rule of its own: what [`killed`] starts and kills.
#[tokio::test]
async fn child_works_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let (store, queue) = (open(Path::new(&path)).await, queue());
    if let Grant::Granted(token) = store.acquire(&name(), Owner::random(), HOUR, NOW).await.unwrap() {
        say(format_args!("token {}", token.to_u128()));
    }
    let produce = join_all((0..8).map(async |_| {
        loop {
            let id = store.append(&queue, NewJob::new(vec![7; 200])).await.unwrap();
            say(format_args!("appended {id}"));
        }
    }));
    let work = join_all((0..4).map(async |_| {
        let worker = WorkerId::new("child").unwrap();
        loop {
            let jobs = store.claim(&queue, &worker, 5, Duration::from_secs(1)).await.unwrap();
            for job in &jobs {
                say(format_args!("claimed {} {}", job.id, job.deliveries));
            }
            // The first of them is left, as by a worker that hangs.
            for job in jobs.iter().skip(1) {
                say(format_args!("asked {}", job.id));
            }
            let receipts: Vec<_> = jobs.iter().skip(1).map(|job| job.receipt.clone()).collect();
            store.ack(&queue, &receipts).await.unwrap();
            for job in jobs.iter().skip(1) {
                say(format_args!("done {}", job.id));
            }
        }
    }));
    let take = async {
        loop {
            if store.take(&name(), quota(), 1).await.unwrap().allowed {
                say(format_args!("taken"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    futures_util::join!(produce, work, take);
}

/// One write for each line, so that a killed process leaves whole lines.
fn say(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
