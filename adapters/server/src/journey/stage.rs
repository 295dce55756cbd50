//! One stage of the journey: what it says while it runs, and how long it took.

use std::time::{Duration, Instant};

use maily_errors::Error;
use serde_json::Value;

use super::live::{Live, State, Step, Update};
use crate::terminal::say;

/// A stage that has begun.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    live: &'a Live,
    step: Step,
    title: &'static str,
    begun: Instant,
}

impl<'a> Stage<'a> {
    /// Runs one stage: tells that it began, and how it ended.
    pub(crate) async fn run<T>(
        live: &'a Live,
        step: Step,
        title: &'static str,
        work: impl AsyncFnOnce(&Self) -> Result<Outcome<T>, Error>,
    ) -> Result<T, Error> {
        let stage = Self { live, step, title, begun: Instant::now() };
        stage.tell(State::Running, String::new(), Value::Null);
        match work(&stage).await {
            Ok(Outcome { value, lines, data }) => {
                stage.print(&lines);
                stage.tell(State::Done, lines.join("\n"), data);
                Ok(value)
            }
            Err(err) => {
                stage.tell(State::Failed, format!("{} ({})", err.message(), err.code()), Value::Null);
                Err(err)
            }
        }
    }

    /// Tells watchers what came out so far.
    pub(crate) fn progress(&self, detail: impl Into<String>, data: Value) {
        self.tell(State::Running, detail.into(), data);
    }

    fn tell(&self, state: State, detail: String, data: Value) {
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (step, title) = (self.step, self.title);
        self.live.tell(Update { seq: 0, step, state, title, detail, elapsed_ms, data });
    }

    fn print(&self, lines: &[String]) {
        say(format!("\n{}. {:<56} {:>9}", self.step as u8 + 1, self.title, time(self.begun.elapsed())));
        for line in lines {
            say(format!("   {line}"));
        }
    }
}

/// What a stage hands on, and what it has to say.
#[derive(Debug)]
pub(crate) struct Outcome<T> {
    pub(crate) value: T,
    pub(crate) lines: Vec<String>,
    pub(crate) data: Value,
}

fn time(elapsed: Duration) -> String {
    match elapsed.as_millis() {
        0..1000 => format!("{} ms", elapsed.as_millis()),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}
