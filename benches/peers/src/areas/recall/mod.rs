//! Vectors in memory: building, searching, and how many of the ten best are found.
//!
//! 50,000 vectors of 384 values, one query at a time on one thread, CPU time of that thread. The truth is a comparison of
//! all in 32 bits. Two threads build, each an index of its own.

mod data;
mod sides;

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use self::data::{COUNT, Data};
use self::sides::{Built, cpu_seconds};
use crate::component;

pub(crate) fn run() {
    match data::definitions() {
        Ok(data) => contest(&data),
        Err(why) => component::left_out("recall", "definitions", &why),
    }
    contest(&data::crowds());
    contest(&data::anywhere());
}

/// An index at one width of search.
struct Runner<'a> {
    built: &'a Built,
    width: usize,
}

/// What a runner showed.
struct Figure {
    name: String,
    microseconds: f64,
    recall: f64,
}

fn contest(data: &Data) {
    let built = build(data);
    for index in &built {
        let Built { name, cpu_s, bytes, .. } = index;
        eprintln!("{}: {name} built in {cpu_s:.1} CPU s, {} bytes a vector", data.name, bytes / COUNT);
    }
    if let Some(ours) = built.iter().find(|index| index.name == "ours") {
        for peer in built.iter().filter(|index| !index.name.starts_with("ours")) {
            let what = |what: &str| format!("{}: {what}", data.name);
            print(&what("building"), "CPU s", ours.cpu_s, Some((peer.name, peer.cpu_s)), None);
            let bytes = |index: &Built| index.bytes as f64 / COUNT as f64;
            print(&what("memory of a vector"), "bytes", bytes(ours), Some((peer.name, bytes(peer))), None);
        }
    }
    let runners: Vec<Runner<'_>> = built
        .iter()
        .flat_map(|built| built.widths.iter().map(move |width| Runner { built, width: *width }))
        .collect();
    let figures = measure(data, &runners);
    for Figure { name, microseconds, recall } in &figures {
        eprintln!(
            "{}: {name}: {:.0} queries a CPU second, recall@10 {recall:.4}",
            data.name,
            1e6 / microseconds
        );
    }
    let figure = |name: &str| figures.iter().find(|figure| figure.name == name);
    let Some(ours) = figure("ours") else { return };
    for peer in figures.iter().filter(|figure| !figure.name.starts_with("ours")) {
        let what = format!("{}: a query", data.name);
        let theirs = Some((peer.name.as_str(), peer.microseconds));
        print(&what, "us", ours.microseconds, theirs, data.bar.then_some(500.0));
        let what = format!("{}: share of the ten best that is missed", data.name);
        let theirs = Some((peer.name.as_str(), 1.0 - peer.recall));
        print(&what, "", 1.0 - ours.recall, theirs, data.bar.then_some(0.01));
    }
    if let Some(exact) = figure("ours, every vector") {
        let what = format!("{}: a query that misses nothing", data.name);
        print(&what, "us", exact.microseconds, None, None);
        assert!(exact.recall >= 1.0, "a comparison of every vector missed something: {}", exact.recall);
    }
}

/// Builds all indexes, two at a time.
fn build(data: &Data) -> Vec<Built> {
    let builders = Mutex::new(sides::ALL.iter().enumerate());
    let built = Mutex::new(Vec::new());
    let next = || builders.lock().expect("nobody panics with it").next();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((at, builder)) = next() {
                    let index = builder(&data.vectors);
                    built.lock().expect("nobody panics with it").push((at, index));
                }
            });
        }
    });
    let mut built = built.into_inner().expect("nobody panics with it");
    built.sort_by_key(|(at, _)| *at);
    built.into_iter().map(|(_, built)| built).collect()
}

/// Lets all take turns; of each the median turn.
fn measure(data: &Data, runners: &[Runner<'_>]) -> Vec<Figure> {
    let mut turns = vec![Vec::new(); runners.len()];
    for round in 0..ROUNDS {
        for turn in 0..runners.len() {
            let who = (round + turn) % runners.len();
            let Runner { built, width } = &runners[who];
            let (before, start) = (cpu_seconds(), Instant::now());
            let mut queries = 0_u32;
            // From another query on in each round, so that nobody always begins with the same.
            for query in data.queries.iter().cycle().skip(round * 97 % data.queries.len()) {
                std::hint::black_box((built.search)(query, *width));
                queries += 1;
                if start.elapsed() >= TURN {
                    break;
                }
            }
            turns[who].push((cpu_seconds() - before) * 1e6 / f64::from(queries));
        }
    }
    let figure = |(Runner { built, width }, mut turns): (&Runner<'_>, Vec<f64>)| {
        turns.sort_by(f64::total_cmp);
        let several = built.widths.len() > 1 || built.name.contains("usearch");
        let name = if several { format!("{}, ef {width}", built.name) } else { built.name.to_owned() };
        let recall = data.recall(|query| (built.search)(query, *width));
        Figure { name, microseconds: turns[ROUNDS / 2], recall }
    };
    runners.iter().zip(turns).map(figure).collect()
}

/// Prints a figure, beside that of a peer with its name.
fn print(what: &str, unit: &str, ours: f64, peer: Option<(&str, f64)>, bar: Option<f64>) {
    let line = serde_json::json!({
        "area": "recall", "what": what, "unit": unit, "ours": ours, "peer": peer.map(|(_, theirs)| theirs),
        "peer_name": peer.map_or("nobody else compares all", |(name, _)| name), "bar": bar, "holds": bar.map(|bar| ours <= bar),
    });
    println!("{line}");
}

/// How often everybody has a turn; odd, so that the median is one of the values.
const ROUNDS: usize = 7;
/// How long a turn takes.
const TURN: Duration = Duration::from_millis(300);
