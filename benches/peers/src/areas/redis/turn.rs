//! One client under load for a short time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::clients::Client;

#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Get,
    Set,
}

/// What was seen in one turn.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// Time of this process on any core: of the client, not of the server.
    pub(super) cpu_us: f64,
}

impl Sample {
    /// Returns the median of each figure: a turn that was quick may still have had a slow tail.
    pub(super) fn median(samples: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = samples.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        Self {
            per_second: of(|sample| sample.per_second),
            p50_us: of(|sample| sample.p50_us),
            p99_us: of(|sample| sample.p99_us),
            cpu_us: of(|sample| sample.cpu_us),
        }
    }
}

/// Lets so many tasks call without a pause.
pub(super) fn turn<C: Client>(runtime: &Runtime, client: &C, operation: Operation, tasks: usize) -> Sample {
    let stop = Arc::new(AtomicBool::new(false));
    let (cpu, start) = (cpu(), Instant::now());
    let running: Vec<_> = (0..tasks)
        .map(|task| runtime.spawn(load(client.clone(), operation, task as u64, Arc::clone(&stop))))
        .collect();
    std::thread::sleep(TURN);
    stop.store(true, Ordering::Relaxed);
    let mut took: Vec<u32> =
        running.into_iter().flat_map(|task| runtime.block_on(task).expect("no call fails")).collect();
    let (elapsed, cpu) = (start.elapsed(), self::cpu() - cpu);
    took.sort_unstable();
    let quantile = |part: f64| f64::from(took[((took.len() - 1) as f64 * part) as usize]) / 1000.0;
    Sample {
        per_second: took.len() as f64 / elapsed.as_secs_f64(),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
        cpu_us: cpu.as_secs_f64() * 1e6 / took.len() as f64,
    }
}

/// Calls until it is stopped; returns the nanoseconds of each call.
async fn load<C: Client>(client: C, operation: Operation, task: u64, stop: Arc<AtomicBool>) -> Vec<u32> {
    let mut took = Vec::with_capacity(1 << 16);
    let mut random = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(task + 1) | 1;
    while !stop.load(Ordering::Relaxed) {
        // Xorshift: cheap, and the same keys for everybody.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let key = format!("bench:{}", random % KEYS);
        let start = Instant::now();
        match operation {
            Operation::Get => assert_eq!(client.get(key).await, VALUE.len()),
            Operation::Set => client.set(key).await,
        }
        took.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
    took
}

/// User and system time of this process.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux counts it");
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks = |index: usize| {
        after_name.split(' ').nth(index).and_then(|text| text.parse::<u64>().ok()).expect("a number")
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

pub(super) const KEYS: u64 = 10_000;
pub(super) const VALUE: &[u8; 64] = &[b'x'; 64];
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(500);
