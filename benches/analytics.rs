//! How fast events are learned, scored and counted. One thread; takes about ten seconds.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use maily::analytics::config::{LearnerConfig, WindowsConfig};
use maily::analytics::model::{CandidateName, Stored};
use maily::analytics::online::Learner;
use maily::analytics::subject::{self, Context};
use maily::analytics::window::Live;
use maily::analytics::{Analytics, AnalyticsConfig, Ask, Candidate, Features};

/// Fifteen features as those of the bank marketing stream: six numbers and nine choices. Hashing is included.
fn row(n: u64) -> Features {
    let mut row = Features::new();
    for (index, name) in ["age", "balance", "day", "campaign", "pdays", "previous"].iter().enumerate() {
        row = row.with(name, ((n >> index) % 13) as f32).expect("a finite number is a feature");
    }
    for (index, name) in
        ["poutcome", "job", "marital", "education", "default", "housing", "loan", "contact", "month"]
            .iter()
            .enumerate()
    {
        let choice = CHOICES[((n >> (2 * index)) % 4) as usize];
        row = row.with_category(name, choice).expect("fifteen features are not too many");
    }
    row
}

fn learn(c: &mut Criterion) {
    let mut group = c.benchmark_group("analytics");
    group.throughput(Throughput::Elements(1));
    let mut learner = Learner::new(&LearnerConfig::default()).expect("the defaults are in range");
    let mut n = 0_u64;
    group.bench_function("hash, predict and learn one event of 15 features", |b| {
        b.iter(|| {
            n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
            black_box(learner.learn(&row(n), n.is_multiple_of(7)))
        });
    });
    let rows: Vec<_> = (0..1_000_u64).map(|n| row(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let mut next = rows.iter().cycle();
    group.bench_function("predict and learn one event of 15 features", |b| {
        b.iter(|| next.next().map(|row| black_box(learner.learn(row, row.len() % 2 == 0))));
    });
    let one = row(7);
    group.bench_function("score one row of 15 features", |b| b.iter(|| black_box(learner.score(&one))));
    group.finish();
}

fn recommend(c: &mut Criterion) {
    let analytics = Analytics::in_memory(&AnalyticsConfig::default()).expect("the defaults are in range");
    let candidate = |line: &&str| Candidate {
        name: CandidateName::new(*line).expect("a short line is a name"),
        features: subject::features(line, &Context::default()).expect("a short line is a subject"),
    };
    let ask = || Ask { candidates: CHOICES.iter().map(candidate).collect() };
    c.bench_function("analytics/recommend one of 4 subject lines", |b| {
        b.iter_batched(ask, |ask| analytics.recommend(ask), BatchSize::SmallInput);
    });
}

fn windows(c: &mut Criterion) {
    let live = Live::new(&WindowsConfig::default()).expect("the defaults are in range");
    let events: Vec<Stored> = (0..1_000_u64)
        .map(|n| {
            let kind = ["delivered", "open", "click"][n as usize % 3];
            let event = serde_json::json!({
                "source": "bench", "id": n.to_string(), "type": kind,
                "time": format!("2026-01-05T10:{:02}:{:02}Z", n / 60 % 60, n % 60),
                "recipient": format!("{}@example.org", n % 97), "message": (n % 31).to_string(),
                "campaign": (n % 5).to_string(),
            });
            let event = serde_json::from_value(event).expect("the value above is an event");
            Stored { seq: maily::analytics::model::Seq(n + 1), event: std::sync::Arc::new(event) }
        })
        .collect();
    let mut group = c.benchmark_group("analytics");
    group.throughput(Throughput::Elements(events.len() as u64));
    let mut seq = 0;
    let mut again = || {
        events
            .iter()
            .map(|stored| {
                seq += 1;
                Stored { seq: maily::analytics::model::Seq(seq), event: stored.event.clone() }
            })
            .collect::<Vec<_>>()
    };
    group.bench_function("count 1,000 events in live windows", |b| {
        b.iter_batched(&mut again, |events| live.apply(&events), BatchSize::LargeInput);
    });
    group.finish();
}

const CHOICES: [&str; 4] = ["unknown", "20% off, today only!", "Did you forget something?", "single"];

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = learn, recommend, windows
}
criterion_main!(benches);
