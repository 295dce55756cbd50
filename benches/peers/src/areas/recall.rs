//! Vectors in memory: building, searching, and how many of the best are found.
//!
//! 50,000 vectors of 384 values in 500 crowds; a query lies beside one of them. One thread, one query at a time, CPU time.
//! The truth is a comparison of all in 32 bits.

use std::fs;
use std::time::Instant;

use maily_mesh::Embedding;
use maily_mesh::recall::Vectors;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

pub(crate) fn run() {
    let data = Data::new();
    let mut sides: Vec<Box<dyn Side>> = vec![
        Box::new(Ours::build(&data, 20_000, "ours, graph")),
        Box::new(Ours::build(&data, usize::MAX, "ours, every vector compared")),
    ];
    for (name, kind) in [("usearch f16", ScalarKind::F16), ("usearch i8", ScalarKind::I8)] {
        for expansion in [64, 128] {
            sides.push(Box::new(Usearch::build(&data, name, kind, expansion)));
        }
    }
    let mut speeds = vec![Vec::new(); sides.len()];
    for round in 0..ROUNDS {
        for turn in 0..sides.len() {
            let who = (round + turn) % sides.len();
            let (before, start) = (cpu_seconds(), Instant::now());
            let mut queries = 0;
            while start.elapsed().as_millis() < 500 {
                for query in &data.queries {
                    std::hint::black_box(sides[who].nearest(query));
                }
                queries += data.queries.len();
            }
            speeds[who].push(queries as f64 / (cpu_seconds() - before));
        }
    }
    let figures: Vec<(f64, f64)> = sides
        .iter()
        .zip(&mut speeds)
        .map(|(side, speeds)| {
            speeds.sort_by(f64::total_cmp);
            (speeds[ROUNDS / 2], data.recall(&**side))
        })
        .collect();
    for (side, (speed, recall)) in sides.iter().zip(&figures) {
        let Built { name, cpu_s, bytes } = side.built();
        eprintln!(
            "{name}: {speed:.0} queries/CPU s, recall@10 {recall:.4}, built in {cpu_s:.1} CPU s, {bytes} bytes/vector"
        );
    }
    let (speed, recall) = figures[0];
    print(
        "microseconds of a query, recall 0.99 or more",
        1e6 / speed,
        1e6 / figures[2].0,
        "usearch f16, ef 64",
        500.0,
        recall >= 0.99,
    );
    print(
        "share of the ten best that is missed",
        1.0 - recall,
        1.0 - figures[2].1,
        "usearch f16, ef 64",
        0.01,
        true,
    );
    print(
        "microseconds of a query that misses nothing",
        1e6 / figures[1].0,
        1e6 / figures[3].0,
        "usearch f16, ef 128",
        f64::INFINITY,
        figures[1].1 >= 1.0,
    );
}

fn print(what: &str, ours: f64, peer: f64, peer_name: &str, bar: f64, holds: bool) {
    let bar = if bar.is_finite() { serde_json::json!(bar) } else { serde_json::Value::Null };
    let holds = holds && bar.as_f64().is_none_or(|bar| ours <= bar);
    println!(
        "{}",
        serde_json::json!({
            "area": "recall", "what": what, "unit": "", "ours": ours, "peer": peer, "peer_name": peer_name,
            "bar": bar, "holds": holds,
        })
    );
}

/// What a side took to build.
#[derive(Clone, Debug)]
struct Built {
    name: String,
    cpu_s: f64,
    bytes: usize,
}

trait Side {
    fn built(&self) -> Built;

    fn nearest(&self, query: &Embedding) -> Vec<u64>;
}

struct Ours {
    vectors: Vectors,
    built: Built,
}

impl Ours {
    fn build(data: &Data, exact: usize, name: &str) -> Self {
        let (before, memory) = (cpu_seconds(), resident_bytes());
        let mut vectors = Vectors::new(exact);
        for vector in &data.vectors {
            // A copy, so that the vector counts as ours.
            vectors.insert(Embedding::from_normalized(vector.as_slice().to_vec()));
        }
        vectors.settle();
        let built = built(name.to_owned(), before, memory);
        Self { vectors, built }
    }
}

impl Side for Ours {
    fn built(&self) -> Built {
        self.built.clone()
    }

    fn nearest(&self, query: &Embedding) -> Vec<u64> {
        self.vectors.nearest(query, BEST).into_iter().map(|(row, _)| u64::from(row)).collect()
    }
}

struct Usearch {
    index: Index,
    built: Built,
}

impl Usearch {
    fn build(data: &Data, name: &str, quantization: ScalarKind, expansion: usize) -> Self {
        let (before, memory) = (cpu_seconds(), resident_bytes());
        let options = IndexOptions {
            dimensions: DIMENSION,
            metric: MetricKind::IP,
            quantization,
            connectivity: 16,
            expansion_add: 128,
            expansion_search: expansion,
            multi: false,
        };
        let index = Index::new(&options).expect("the options are right");
        index.reserve(COUNT).expect("there is memory");
        for (key, vector) in (0..).zip(&data.vectors) {
            index.add(key, vector.as_slice()).expect("the vector fits");
        }
        let built = built(format!("{name}, ef {expansion}"), before, memory);
        Self { index, built }
    }
}

impl Side for Usearch {
    fn built(&self) -> Built {
        self.built.clone()
    }

    fn nearest(&self, query: &Embedding) -> Vec<u64> {
        self.index.search(query.as_slice(), BEST).expect("the query fits").keys
    }
}

struct Data {
    vectors: Vec<Embedding>,
    queries: Vec<Embedding>,
    truth: Vec<Vec<u64>>,
}

impl Data {
    fn new() -> Self {
        let mut random = Random(SEED);
        let centers: Vec<_> = (0..CROWDS).map(|_| random.vector()).collect();
        let mut beside = |random: &mut Random| {
            let center = &centers[random.next() as usize % CROWDS];
            let noise = random.vector();
            let values = center.as_slice().iter().zip(noise.as_slice());
            Embedding::normalized(values.map(|(center, noise)| center + NOISE * noise).collect())
        };
        let vectors: Vec<_> = (0..COUNT).map(|_| beside(&mut random)).collect();
        let queries: Vec<_> = (0..QUERIES).map(|_| beside(&mut random)).collect();
        let truth = queries.iter().map(|query| best_of(&vectors, query)).collect();
        Self { vectors, queries, truth }
    }

    fn recall(&self, side: &dyn Side) -> f64 {
        let hits: usize = self
            .queries
            .iter()
            .zip(&self.truth)
            .map(|(query, truth)| {
                let found = side.nearest(query);
                truth.iter().filter(|key| found.contains(key)).count()
            })
            .sum();
        hits as f64 / (QUERIES * BEST) as f64
    }
}

fn best_of(vectors: &[Embedding], query: &Embedding) -> Vec<u64> {
    let mut scores: Vec<(f32, u64)> = vectors.iter().map(|vector| vector.cosine(query)).zip(0..).collect();
    scores.select_nth_unstable_by(BEST - 1, |left, right| right.0.total_cmp(&left.0));
    scores[..BEST].iter().map(|(_, key)| *key).collect()
}

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A vector of length 1 in any direction: normal numbers by Box and Muller.
    fn vector(&mut self) -> Embedding {
        let mut uniform = || (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut normal =
            || (-2.0 * (1.0 - uniform()).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
        Embedding::normalized((0..DIMENSION).map(|_| normal() as f32).collect())
    }
}

fn built(name: String, before: f64, memory: usize) -> Built {
    Built { name, cpu_s: cpu_seconds() - before, bytes: resident_bytes().saturating_sub(memory) / COUNT }
}

/// CPU time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or_default() / 1e9
}

fn resident_bytes() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4096
}

const COUNT: usize = 50_000;
const DIMENSION: usize = 384;
const CROWDS: usize = 500;
/// How far from its center a vector lies: as far as the center is from zero.
const NOISE: f32 = 1.0;
const QUERIES: usize = 500;
const BEST: usize = 10;
const ROUNDS: usize = 5;
const SEED: u64 = 384;
