//! The built-in model as a process, for comparisons: JSON lines in, JSON lines out.
//!
//! `{"id":0,"x":{"age":58,"job":"management"}}` is answered with the estimate; `{"id":0,"y":1}` is its label, which may
//! come any time later. Numbers are taken as `ln(1+|x|)` with their sign, text as choices.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};

use maily_analytics::Features;
use maily_analytics::config::LearnerConfig;
use maily_analytics::online::Learner;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Line {
    id: u64,
    x: Option<BTreeMap<String, Value>>,
    y: Option<u8>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Number(f32),
    Text(String),
}

#[derive(Serialize)]
struct Answer {
    p: f64,
    low: f64,
    high: f64,
}

fn features(values: BTreeMap<String, Value>) -> maily_errors::Result<Features> {
    values.into_iter().try_fold(Features::new(), |row, (name, value)| match value {
        Value::Number(number) => row.with(&name, number.abs().ln_1p() * number.signum()),
        Value::Text(choice) => row.with_category(&name, &choice),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut learner = Learner::new(&LearnerConfig::default())?;
    let mut waiting = HashMap::new();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line: Line = serde_json::from_str(&line?)?;
        if let Some(values) = line.x {
            let row = features(values)?;
            let estimate = learner.score(&row);
            let answer = Answer { p: estimate.probability, low: estimate.low, high: estimate.high };
            serde_json::to_writer(&mut out, &answer)?;
            out.write_all(b"\n")?;
            out.flush()?;
            waiting.insert(line.id, (row, estimate));
        } else if let Some(((row, said), label)) = waiting.remove(&line.id).zip(line.y) {
            learner.learn_late(&row, &said, label == 1);
        }
    }
    Ok(())
}
