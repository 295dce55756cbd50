//! The local model beside llama.cpp: the same file, the same prompts, the same number of threads.
//!
//! Reading is a prompt of some 470 tokens that nothing is known of. Writing is what 64 more tokens take, by one
//! prompt and by four at once. Memory is what a process has more than before it loaded the model.

mod sides;

use std::thread;
use std::time::Duration;

use self::sides::{Answer, Llama, Ours, Side, Story};
use crate::component;

pub(crate) fn run() {
    let model = match component::find("MAILY_PEERS_MODEL") {
        Ok(model) => model.to_string_lossy().into_owned(),
        Err(why) => return component::left_out("local", "the model", &why),
    };
    let mut sides: Vec<Box<dyn Side>> = vec![Box::new(Ours::start(&model, PLACES))];
    match Llama::start(&model, PLACES) {
        Ok(llama) => sides.push(Box::new(llama)),
        Err(why) => component::left_out("local", "llama.cpp", &why),
    }
    let rounds =
        std::env::var("MAILY_PEERS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut turns: Vec<Vec<Turn>> = sides.iter().map(|_| Vec::new()).collect();
    // One round more than counts, to warm up; everybody has a turn in every round, and nobody is always first.
    for round in 0..=rounds {
        for place in 0..sides.len() {
            let who = (round + place) % sides.len();
            let turn = Turn::take(sides[who].as_mut(), round);
            if round > 0 {
                turns[who].push(turn);
            }
        }
    }
    report("a token of a prompt", "us", &turns, |turn| turn.read_us);
    report("a token of an answer", "us", &turns, |turn| turn.write_us);
    report("a token, four answers at once", "us", &turns, |turn| turn.write_together_us);
    report("memory", "MB", &turns, |turn| turn.resident_mb);
}

/// What one side showed in one round.
struct Turn {
    read_us: f64,
    write_us: f64,
    write_together_us: f64,
    resident_mb: f64,
}

impl Turn {
    fn take(side: &mut dyn Side, round: usize) -> Self {
        let mut ask = |count: usize, notes: usize, tokens: u32| -> Answer {
            // Each prompt begins unlike any before it, so that nothing of it is remembered.
            let story = |index: usize| Story { system: format!("{round}.{count}.{tokens}.{index}"), notes };
            let answer = side.ask(&(0..count).map(story).collect::<Vec<_>>(), tokens);
            // The threads of this turn are asleep when the next one begins.
            thread::sleep(Duration::from_millis(100));
            answer
        };
        let read = ask(1, 23, 1);
        let write = per_token(&ask(1, 0, 1), &ask(1, 0, WRITTEN + 1));
        let together = per_token(&ask(PLACES, 0, 1), &ask(PLACES, 0, WRITTEN + 1));
        Self {
            read_us: read.ms * 1e3 / read.prompt_tokens,
            write_us: write,
            write_together_us: together,
            resident_mb: read.resident_mb,
        }
    }
}

/// Microseconds of each token that one answer has more than the other, which was as long to read.
fn per_token(short: &Answer, long: &Answer) -> f64 {
    (long.ms - short.ms) * 1e3 / (long.written_tokens - short.written_tokens)
}

/// Prints the medians, as a figure and, for what is per token, as tokens a second.
fn report(what: &str, unit: &str, turns: &[Vec<Turn>], value: impl Fn(&Turn) -> f64) {
    let medians: Vec<f64> = turns.iter().map(|turns| median(turns.iter().map(&value).collect())).collect();
    let (Some(ours), peer) = (medians.first(), medians.get(1)) else { return };
    if unit == "us" {
        let speeds: Vec<String> = medians.iter().map(|us| format!("{:.0}", 1e6 / us)).collect();
        eprintln!("{what}: {} tokens/s (ours, llama.cpp)", speeds.join(", "));
    }
    let line = serde_json::json!({
        "area": "local", "what": what, "unit": unit, "ours": ours, "peer": peer,
        "peer_name": peer.map_or("llama.cpp is not there", |_| Llama::NAME), "bar": peer, "holds": peer.map(|peer| ours <= peer),
    });
    println!("{line}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Answers that are written at once.
const PLACES: usize = 4;
/// Tokens that an answer is timed by.
const WRITTEN: u32 = 64;
/// How often everybody has a turn; odd, so that a median is one of the figures.
const ROUNDS: usize = 7;
