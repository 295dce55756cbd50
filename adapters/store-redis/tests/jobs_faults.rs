//! No job is lost when consumers are killed, stopped or poisoned, or when the server is.
#![cfg(feature = "conformance")]
#![expect(clippy::panic, clippy::unwrap_used, reason = "the helpers of tests are tests too")]

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::future::pending;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, process};

use futures_util::stream::{self, StreamExt as _};
use maily_redis::jobs::{DeadLetters as _, Job, Jobs, NewJob, Queue, QueueConfig, Worker, WorkerId};
use maily_redis::{Reply, ServerStore};
use maily_store_redis::testing::{Product, Server};
use maily_store_redis::{RedisConfig, RedisTransport};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// What a machine with much else to do may need.
const PATIENCE: Duration = Duration::from_secs(60);

const CONSUMER: &str = "MAILY_TEST_CONSUMER";

fn soak() -> bool {
    env::var_os("MAILY_SOAK").is_some_and(|value| value == "1")
}

fn store(url: &str, timeout_ms: u64) -> ServerStore<RedisTransport> {
    let mut config = RedisConfig::new(url);
    config.timeout_ms = timeout_ms;
    config.build().expect("valid settings")
}

fn queue(idle_ms: u64) -> Queue {
    let mut config = QueueConfig::default();
    config.name = "mails".to_owned();
    config.idle_ms = idle_ms;
    config.build().expect("valid settings")
}

/// Not a test: what [`Consumer`] runs, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumer_of_jobs() {
    let Ok(spec) = env::var(CONSUMER) else { return };
    let [url, notes, name, idle_ms] = spec.split('|').collect::<Vec<_>>()[..] else { panic!("{spec}") };
    let queue = queue(idle_ms.parse().unwrap());
    let worker = Worker::new(store(url, 5000), queue, name).unwrap().with_concurrency(32).unwrap();
    let notes = OpenOptions::new().create(true).append(true).open(notes).unwrap();
    println!("worker {}", worker.id());
    let notes = Arc::new(Mutex::new(notes));
    let handler = move |job: Job| {
        let notes = Arc::clone(&notes);
        async move {
            if job.payload == "poison" {
                process::abort();
            }
            sleep(Duration::from_millis(u64::from(job.payload[0]) % 20)).await;
            // One write of one line: it is in the file or not, also when the process is killed.
            notes.lock().write_all(format!("{}\n", job.id).as_bytes()).unwrap();
            Ok(())
        }
    };
    worker.run(handler, pending()).await;
}

/// A process that does jobs and notes which.
struct Consumer {
    process: Child,
    worker: String,
}

impl Consumer {
    fn start(url: &str, notes: &Path, name: &str, queue: &Queue) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["consumer_of_jobs", "--exact", "--nocapture"])
            .env(CONSUMER, format!("{url}|{}|{name}|{}", notes.display(), queue.idle().as_millis()))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = lines.find_map(|line| Some(line.unwrap().split_once("worker ")?.1.trim().to_owned()));
        Self { worker: said.expect("the consumer says who it is"), process }
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    fn kill(&mut self) {
        self.process.kill().and_then(|()| self.process.wait().map(drop)).unwrap();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// Returns the names of the jobs that a worker had when it ended.
fn pending_of(server: &Server, worker: &str) -> Vec<String> {
    let reply = server.ask(&["XPENDING", "{mails}:jobs", "workers", "-", "+", "100000", worker]);
    let Ok(Reply::List(rows)) = reply else { return Vec::new() };
    let name = |row| match row {
        Reply::List(columns) => match &columns[0] {
            Reply::Data(name) => String::from_utf8_lossy(name).into_owned(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(name).collect()
}

fn notes(folder: &Path) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for file in fs::read_dir(folder).unwrap() {
        for line in fs::read_to_string(file.unwrap().path()).unwrap().lines() {
            *counts.entry(line.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_that_are_killed_lose_no_job_and_poison_dies() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (jobs, every, idle_ms) = if soak() { (100_000_u32, 1000, 2000) } else { (10_000_u32, 500, 1000) };
    let (url, queue, store) = (server.url(), queue(idle_ms), store(&server.url(), 5000));
    let start = Instant::now();

    let append = |number: u32| {
        let payload = number.to_le_bytes().to_vec();
        let (store, queue) = (&store, &queue);
        async move { store.append(queue, NewJob::new(payload)).await.unwrap().to_string() }
    };
    let poison = store.append(&queue, NewJob::new("poison")).await.unwrap().to_string();
    let mut names: HashSet<String> = HashSet::new();
    let mut consumers = Vec::new();
    let mut started = 0;
    let mut begin = || {
        started += 1;
        // Every second one has the name of another one.
        let name = if started % 2 == 0 { "mailer".to_owned() } else { format!("mailer-{started}") };
        Consumer::start(&url, &folder.path().join(started.to_string()), &name, &queue)
    };
    consumers.extend((0..3).map(|_| begin()));

    let mut numbers = stream::iter(0..jobs).map(append).buffer_unordered(64);
    // What was pending when its worker ended may be done twice.
    let mut allowed = HashSet::new();
    let (mut kills, mut deaths, mut next) = (0, 0, Instant::now() + Duration::from_millis(every));
    let (mut left, mut longest): (Vec<(String, Instant)>, _) = (Vec::new(), Duration::ZERO);
    loop {
        while let Ok(Some(name)) = timeout(Duration::from_millis(20), numbers.next()).await {
            names.insert(name);
            if next <= Instant::now() {
                break;
            }
        }
        let kill = (next <= Instant::now()).then_some(kills % 3);
        for (index, consumer) in consumers.iter_mut().enumerate() {
            let died = consumer.process.try_wait().unwrap().is_some();
            if kill == Some(index) && !died {
                consumer.kill();
                kills += 1;
            } else if !died {
                continue;
            } else {
                deaths += 1;
            }
            allowed.extend(pending_of(&server, &consumer.worker));
            left.push((consumer.worker.clone(), Instant::now()));
            *consumer = begin();
        }
        if kill.is_some() {
            next = Instant::now() + Duration::from_millis(every);
        }
        left.retain(|(worker, since)| {
            longest = longest.max(since.elapsed());
            !pending_of(&server, worker).is_empty()
        });
        let stats = store.stats(&queue).await.unwrap();
        if names.len() == jobs as usize && stats.is_empty() && stats.delayed == 0 {
            break;
        }
        assert!(start.elapsed() < PATIENCE * 5, "{stats:?} after {kills} kills and {deaths} deaths");
    }

    let (took, stats) = (start.elapsed(), store.stats(&queue).await.unwrap());
    drop(consumers);
    let done = notes(folder.path());
    let twice: Vec<_> = done.iter().filter(|(_, count)| **count > 1).map(|(name, _)| name).collect();
    println!(
        "{jobs} jobs in {took:.1?}, {kills} consumers killed, {deaths} died of poison: {} done twice of {} that \
         were pending at an end; left jobs were taken over within {longest:.1?} (idle {idle_ms} ms); {stats:?}",
        twice.len(),
        allowed.len(),
    );
    let lost = names.iter().filter(|name| !done.contains_key(*name)).count();
    assert_eq!((lost, done.len()), (0, jobs as usize), "jobs were lost, or done that nobody appended");
    assert!(twice.iter().all(|name| allowed.contains(*name)), "done twice without need");
    assert!(longest < queue.idle() * 2 + Duration::from_secs(5), "left for {longest:?}");
    let dead = store.dead(&queue, None, 10).await.unwrap();
    let dead: Vec<_> = dead.iter().map(|letter| (letter.id.to_string(), letter.deliveries)).collect();
    assert_eq!(dead, [(poison, queue.max_deliveries())]);
    assert_eq!(server.ask(&["XLEN", "{mails}:jobs"]).unwrap(), Reply::Integer(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumer_that_is_stopped_loses_its_jobs_and_harms_none() {
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (url, queue, store) = (server.url(), queue(500), store(&server.url(), 5000));
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let stopped = Consumer::start(&url, &file("stopped"), "mailer", &queue);
    let append = |number: u32| store.append(&queue, NewJob::new(number.to_le_bytes().to_vec()));
    let (mut number, mut had) = (0, 0);
    // Until it is stopped with a job in its hands.
    while had == 0 {
        stopped.signal("CONT");
        let appended = futures_util::future::join_all((number..number + 100).map(append)).await;
        assert!(appended.iter().all(Result::is_ok));
        number += 100;
        stopped.signal("STOP");
        had = pending_of(&server, &stopped.worker).len();
        assert!(number < 100_000, "it never has a job");
    }
    let other = Consumer::start(&url, &file("other"), "mailer", &queue);
    let start = Instant::now();
    while !store.stats(&queue).await.unwrap().is_empty() {
        assert!(start.elapsed() < PATIENCE, "the other one does not take over");
        sleep(Duration::from_millis(20)).await;
    }
    println!("{had} jobs of a stopped consumer were done by another one after {:?}", start.elapsed());
    stopped.signal("CONT");
    for next in number..number + 500 {
        append(next).await.unwrap();
    }
    let all = usize::try_from(number).unwrap() + 500;
    while notes(folder.path()).len() < all || !store.stats(&queue).await.unwrap().is_empty() {
        assert!(start.elapsed() < PATIENCE, "{:?}", store.stats(&queue).await);
        sleep(Duration::from_millis(20)).await;
    }
    drop([stopped, other]);

    assert_eq!(store.stats(&queue).await.unwrap().dead, 0);
}

/// Runs a worker in this process, which notes what it did, until told to end.
fn work(
    store: &ServerStore<RedisTransport>,
    queue: &Queue,
) -> (Arc<Mutex<HashSet<String>>>, oneshot::Sender<()>, tokio::task::JoinHandle<maily_redis::jobs::Summary>) {
    let done = Arc::new(Mutex::new(HashSet::new()));
    let (tell, told) = oneshot::channel();
    let worker = Worker::new(store.clone(), queue.clone(), "mailer").unwrap();
    let notes = Arc::clone(&done);
    let handler = move |job: Job| {
        notes.lock().insert(job.id.to_string());
        async { Ok(()) }
    };
    let ended = async {
        let _ = told.await;
    };
    (done, tell, tokio::spawn(worker.run(handler, ended)))
}

/// Appends until the server has heard it; the key makes that one job.
async fn append_surely(store: &ServerStore<RedisTransport>, queue: &Queue, number: u32) -> String {
    let job = NewJob::new(number.to_le_bytes().to_vec()).with_key(number.to_string());
    let start = Instant::now();
    loop {
        match store.append(queue, job.clone()).await {
            Ok(name) => return name.to_string(),
            Err(err) => assert!(err.is_temporary() && start.elapsed() < PATIENCE, "{err}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

async fn until_empty(store: &ServerStore<RedisTransport>, queue: &Queue) {
    let start = Instant::now();
    loop {
        match store.stats(queue).await {
            Ok(stats) if stats.is_empty() && stats.delayed == 0 => return,
            other => assert!(start.elapsed() < PATIENCE, "{other:?}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_is_killed_keeps_every_job_on_its_disk() {
    // Every write is with the system before its reply, also when the process is killed; only a machine that ends needs
    // `always`. With `everysec` the server may reply up to two seconds before it writes, while a slow disk syncs.
    let settings = ["--appendonly", "yes", "--appendfsync", "no"];
    for product in Product::ALL {
        let Some(server) = Server::start_with(product, &settings) else { continue };
        let (store, queue) = (store(&server.url(), 1000), queue(1000));
        let (done, tell, worker) = work(&store, &queue);

        let append = async {
            let mut names = HashSet::new();
            for number in 0..1500 {
                names.insert(append_surely(&store, &queue, number).await);
            }
            names
        };
        let kill = async {
            for _ in 0..3 {
                sleep(Duration::from_millis(300)).await;
                tokio::task::block_in_place(|| server.restart());
            }
        };
        let start = Instant::now();
        let (names, ()) = tokio::join!(append, kill);
        until_empty(&store, &queue).await;
        tell.send(()).unwrap();
        let summary = worker.await.unwrap();

        println!(
            "{product:?}: {} jobs over three kills in {:.1?}: {summary:?}",
            names.len(),
            start.elapsed()
        );
        assert_eq!(names.len(), 1500, "a key let a second job in");
        assert!(names.is_subset(&done.lock()), "jobs were lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_is_stopped_costs_time_and_no_job() {
    let Some(server) = Server::start() else { return };
    let (store, queue) = (store(&server.url(), 300), queue(500));
    let (done, tell, worker) = work(&store, &queue);
    let mut names = HashSet::new();
    for number in 0..100 {
        names.insert(append_surely(&store, &queue, number).await);
    }

    server.pause();
    let id = WorkerId::new("asks").unwrap();
    let start = Instant::now();
    assert!(store.claim(&queue, &id, 1, Duration::from_secs(1)).await.is_err());
    let claim = start.elapsed();
    sleep(Duration::from_millis(1000)).await;
    server.resume();
    for number in 100..200 {
        names.insert(append_surely(&store, &queue, number).await);
    }
    until_empty(&store, &queue).await;
    tell.send(()).unwrap();

    println!("a claim of 1 s at a stopped server failed after {claim:.1?}: {:?}", worker.await.unwrap());
    assert!(claim < Duration::from_millis(1300) + Duration::from_secs(5), "{claim:?}");
    assert!(names.is_subset(&done.lock()), "jobs were lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn server_that_forgets_everything_is_an_empty_queue() {
    for product in Product::ALL {
        let Some(server) = Server::start_on(product) else { continue };
        let (store, queue) = (store(&server.url(), 5000), queue(30_000));
        let (done, tell, worker) = work(&store, &queue);
        for (round, forget) in
            [["SCRIPT", "FLUSH"], ["FLUSHALL", "SYNC"], ["SCRIPT", "FLUSH"]].iter().enumerate()
        {
            let number = u32::try_from(round).unwrap();
            // With nothing to do, the worker is asking for more when it happens.
            server.ask(forget).unwrap();
            let name = append_surely(&store, &queue, number).await;
            let late = NewJob::new(vec![9]).with_delay(Duration::from_millis(200));
            let late = store.append(&queue, late).await.unwrap().to_string();
            let start = Instant::now();
            while !done.lock().contains(&name) || !done.lock().contains(&late) {
                assert!(start.elapsed() < PATIENCE, "nothing is done after {forget:?}");
                sleep(Duration::from_millis(10)).await;
            }
            println!("{product:?}: after {forget:?} jobs were done in {:.1?}", start.elapsed());
        }
        tell.send(()).unwrap();
        let summary = worker.await.unwrap();
        assert_eq!((summary.done, summary.lost, summary.dead), (6, 0, 0));
    }
}
