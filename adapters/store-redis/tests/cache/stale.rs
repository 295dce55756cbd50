//! Eight processes read near what one writes a thousand times a second, while the link and the server misbehave.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use maily_redis::cache::NearConfig;
use maily_redis::{Key, Store as _};
use maily_store_redis::testing::{Fault, Proxy, Server};
use rand::RngExt as _;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::worker::{self, now, until};

const READERS: usize = 8;
const KEYS: u64 = 100;

/// The `silence` of a link that is not told otherwise.
const SILENCE: Duration = Duration::from_secs(2);

/// What a machine with much else to do may add.
const SLACK: Duration = Duration::from_secs(3);

/// One thing that happened to a key: when it was acknowledged, and the number that was written; `None` for a flush.
type Change = (u64, Option<u64>);

fn key(number: u64) -> Key {
    Key::new(format!("near:{number}")).unwrap()
}

/// Writes until `end`, and returns what happened to each key.
async fn write(url: &str, end: u64) -> Vec<Vec<Change>> {
    let store = worker::store(url);
    let mut changes: Vec<Vec<Change>> = vec![Vec::new(); KEYS as usize];
    let mut tick = interval(Duration::from_millis(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 1.. {
        tick.tick().await;
        if now() >= end {
            break;
        }
        let which = rand::rng().random_range(0..KEYS);
        store.set(&key(which), number.to_string().into(), None).await.unwrap();
        changes[which as usize].push((now(), Some(number)));
    }
    changes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_stale_for_good_under_a_writer_and_every_fault() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let phase = Duration::from_secs(if worker::soak() { 10 } else { 1 });
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap();
    let names = ["healthy", "overflow", "flush", "cut", "hang", "healthy again"];
    // The hang is longer than the silence after which the link counts as lost.
    let lengths = names.map(|name| if name == "hang" { phase.max(SILENCE * 2) } else { phase });
    let start = now() + 2_000_000;
    let starts: Vec<u64> = lengths
        .iter()
        .scan(start, |at, length| {
            *at += micros(*length);
            Some(*at - micros(*length))
        })
        .collect();
    let end = starts[5] + micros(lengths[5]);
    let quiet = end + micros(SILENCE + SLACK);

    let readers: Vec<_> = (0..READERS)
        .map(|_| worker::start("stale::near_reader", &format!("{} {end} {quiet}", proxy.url())))
        .collect();
    let url = server.url();
    let writer = tokio::spawn(async move { write(&url, end).await });
    let mut flushes = Vec::new();

    until(starts[1]).await;
    server.ask(&["CONFIG", "SET", "tracking-table-max-keys", "20"]).unwrap();
    until(starts[2]).await;
    server.ask(&["CONFIG", "SET", "tracking-table-max-keys", "1000000"]).unwrap();
    while now() < starts[3] {
        server.ask(&["FLUSHALL"]).unwrap();
        flushes.push(now());
        sleep(phase / 5).await;
    }
    while now() < starts[4] {
        proxy.cut();
        sleep(phase / 5).await;
    }
    proxy.set(Fault::Silence);
    until(starts[5]).await;
    proxy.set(Fault::None);
    let mut changes = writer.await.unwrap();
    for key in &mut changes {
        key.extend(flushes.iter().map(|at| (*at, None)));
        key.sort_unstable();
    }
    let reports: Vec<Vec<String>> = readers.into_iter().map(worker::report).collect();

    let written: usize = changes.iter().map(Vec::len).sum();
    println!("{READERS} readers, {written} changes of {KEYS} keys in {:.1} s", (end - start) as f64 / 1e6);
    let staleness = staleness(&changes, &reports);
    for (index, name) in names.iter().enumerate() {
        let from = starts[index];
        let to = starts.get(index + 1).copied().unwrap_or(u64::MAX);
        print_phase(name, &staleness, from, to);
    }
    let worst = staleness.iter().map(|(_, stale)| *stale).max().unwrap_or(0);
    assert!(worst <= micros(SILENCE + SLACK), "stale for {worst} µs");

    // A while after the last change every reader has what the server has.
    for number in 0..KEYS {
        let there = server.text(&["GET", &format!("near:{number}")]);
        for report in &reports {
            let last = report.iter().find_map(|line| line.strip_prefix(&format!("last {number} ")));
            assert_eq!(last, Some(there.as_str()), "key {number} is stale for good");
        }
    }
}

#[tokio::test]
async fn idle_link_that_hangs_is_not_believed_after_the_silence() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::start(server.address()).await;
    let near = NearConfig::default().build(&worker::store(&proxy.url())).unwrap();
    let start = Instant::now();
    while !near.state().listening {
        assert!(start.elapsed() < Duration::from_secs(10), "the link does not listen");
        sleep(Duration::from_millis(1)).await;
    }
    near.get(&key(0)).await.unwrap();
    assert_eq!(near.state().bound, SILENCE);

    proxy.set(Fault::Silence);
    let start = Instant::now();
    server.ask(&["SET", "near:0", "new"]).unwrap();
    while near.state().listening {
        assert!(start.elapsed() < SILENCE + SLACK, "the link is believed for ever");
        sleep(Duration::from_millis(1)).await;
    }
    println!("an idle link that hangs was believed for {:?}", start.elapsed());
    let believed = start.elapsed();
    proxy.set(Fault::None);

    assert!(believed < SILENCE + Duration::from_millis(500), "{believed:?}");
    let start = Instant::now();
    loop {
        let value = near.get(&key(0)).await;
        if value.as_ref().is_ok_and(|value| value.as_deref() == Some(b"new")) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{value:?} for {:?}", start.elapsed());
        // A call that fails at once does not wait for anything; the network of this test runs on the same thread.
        sleep(Duration::from_millis(1)).await;
    }
}

/// Returns for each value that a reader still had after the next change: when that was, and by how much, in µs.
fn staleness(changes: &[Vec<Change>], reports: &[Vec<String>]) -> Vec<(u64, u64)> {
    let mut stale = Vec::new();
    for line in reports.iter().flatten() {
        let Some(numbers) = line.strip_prefix("read ") else { continue };
        let numbers: Vec<u64> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
        let [key, number, began] = numbers.try_into().unwrap();
        let changes = &changes[key as usize];
        // Written, but not acknowledged before the end.
        let Some(at) = changes.iter().position(|(_, written)| *written == Some(number)) else { continue };
        if let Some((next, _)) = changes.get(at + 1) {
            stale.push((*next, began.saturating_sub(*next)));
        }
    }
    stale
}

fn print_phase(name: &str, staleness: &[(u64, u64)], from: u64, to: u64) {
    let mut of: Vec<u64> =
        staleness.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, stale)| *stale).collect();
    if of.is_empty() {
        println!("{name:14} nothing was read near");
        return;
    }
    of.sort_unstable();
    let at = |share: f64| of[((of.len() - 1) as f64 * share) as usize];
    let late = of.iter().filter(|stale| **stale > 0).count();
    println!(
        "{name:14} {:6} values outlived, {late:6} of them read after the next was acknowledged: \
         p50 {} µs, p99 {} µs, p99.9 {} µs, max {} µs",
        of.len(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
    );
}

/// Not a test but one of the eight readers, when it is started as such.
#[tokio::test]
async fn near_reader() {
    let Some([url, end, quiet]) = worker::order() else { return };
    let (end, quiet): (u64, u64) = (end.parse().unwrap(), quiet.parse().unwrap());
    let mut config = maily_store_redis::RedisConfig::new(url.as_str());
    // Short, so that a hang does not keep the reader from reading near.
    config.timeout_ms = 100;
    // The network accepts connections while it hangs, and then never answers on them.
    config.connect_timeout_ms = 500;
    let near = NearConfig::default().build(&config.build().unwrap()).unwrap();
    let mut last_read: HashMap<(u64, u64), u64> = HashMap::new();
    let (mut reads, mut failed) = (0_u64, 0_u64);
    while now() < end {
        for _ in 0..50 {
            let number = rand::rng().random_range(0..KEYS);
            let began = now();
            match near.get(&key(number)).await {
                Ok(Some(value)) => {
                    let value = std::str::from_utf8(&value).unwrap().parse().unwrap();
                    last_read.insert((number, value), began);
                }
                Ok(None) => {}
                Err(_) => failed += 1,
            }
            reads += 1;
        }
        // Leaves the other seven some of the two cores.
        sleep(Duration::from_millis(1)).await;
    }
    until(quiet).await;
    for ((number, value), began) in last_read {
        println!("report: read {number} {value} {began}");
    }
    for number in 0..KEYS {
        // What it says counts here, not how soon: on a loaded machine an answer may take longer than a read may.
        let value = loop {
            match near.get(&key(number)).await {
                Ok(value) => break value.unwrap_or_default(),
                Err(err) => assert!(err.is_temporary() && now() < quiet + 20_000_000, "{err:?}"),
            }
        };
        println!("report: last {number} {}", std::str::from_utf8(&value).unwrap());
    }
    println!("report: {reads} reads, {failed} failed");
}
