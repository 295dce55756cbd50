//! Who answers.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use maily_llm_candle::{LlmCandle, LlmCandleConfig};
use maily_mesh::{Delta, Message, Prompt, Usage};
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::component;

/// Somebody with the model in memory.
pub(crate) trait Side {
    /// Writes so many tokens to each story, all at once.
    fn ask(&mut self, stories: &[Story], tokens: u32) -> Answer;
}

/// A prompt: a system message, and a sentence as often as asked before the question.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) system: String,
    pub(crate) notes: usize,
}

/// What all answers to a question took.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) prompt_tokens: f64,
    pub(crate) written_tokens: f64,
    pub(crate) ms: f64,
    pub(crate) resident_mb: f64,
}

impl Story {
    fn question(&self) -> String {
        let sentence =
            "Our spring sale begins on Monday and ends on Friday. Every garden chair is half price. ";
        format!("{}Tell me a very long story about a garden.", sentence.repeat(self.notes))
    }

    /// The prompt as the template of the model has it.
    fn text(&self) -> String {
        let Self { system, .. } = self;
        format!(
            "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
            self.question()
        )
    }

    fn prompt(&self, tokens: u32) -> Prompt {
        let messages = [Message::system(self.system.as_str()), Message::user(self.question())];
        let body = serde_json::json!({
            "model": "m", "messages": messages, "max_tokens": tokens, "temperature": 0,
            "stream": true, "stream_options": { "include_usage": true },
        });
        Prompt::parse(body.to_string()).expect("a prompt")
    }
}

/// The model in this process.
pub(crate) struct Ours {
    llm: LlmCandle,
    runtime: Runtime,
    resident_before_mb: f64,
}

impl Ours {
    pub(crate) fn start(model: &str, places: usize) -> Self {
        let resident_before_mb = resident_mb();
        let mut config = LlmCandleConfig::new(model).with_threads(threads()).with_places(places);
        // As greedy as the peer is.
        config.repeat_penalty = 1.0;
        let llm = config.build().expect("the model that is there can be loaded");
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Self { llm, runtime, resident_before_mb }
    }
}

impl Side for Ours {
    fn ask(&mut self, stories: &[Story], tokens: u32) -> Answer {
        let begin = Instant::now();
        let answers = stories.iter().map(|story| usage(self.llm.clone(), story.prompt(tokens)));
        let usages = self.runtime.block_on(join_all(answers));
        let total = |count: fn(&Usage) -> u32| usages.iter().map(|usage| f64::from(count(usage))).sum();
        Answer {
            ms: begin.elapsed().as_secs_f64() * 1e3,
            prompt_tokens: total(|usage| usage.prompt_tokens),
            written_tokens: total(|usage| usage.completion_tokens),
            resident_mb: resident_mb() - self.resident_before_mb,
        }
    }
}

/// Reads an answer to its end; returns what it took.
async fn usage(llm: LlmCandle, prompt: Prompt) -> Usage {
    let mut deltas = llm.oneshot(prompt).await.expect("a place").into_deltas();
    let mut usage = Usage::default();
    while let Some(delta) = deltas.try_next().await.expect("an answer") {
        if let Delta::Usage(all) = delta {
            usage = all;
        }
    }
    usage
}

/// llama.cpp in a process of Node.js, by `node/llama.mjs`.
pub(crate) struct Llama {
    process: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Llama {
    pub(crate) const NAME: &'static str = "llama.cpp (node-llama-cpp 3.22.1)";

    /// Starts it, or says why it cannot be had.
    pub(crate) fn start(model: &str, places: usize) -> Result<Self, String> {
        let packages = component::find("MAILY_PEERS_LLAMA")?;
        let mut process = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/node/llama.mjs"))
            .arg(packages)
            .args([model, &threads().to_string(), &places.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|err| format!("node: {err}"))?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        let (questions, answers) = questions.zip(answers).ok_or("node has no pipes")?;
        let mut llama = Self { process, questions, answers: BufReader::new(answers).lines() };
        llama.answer()?;
        Ok(llama)
    }

    fn answer(&mut self) -> Result<Answer, String> {
        let line = self.answers.next().ok_or("node has ended")?.map_err(|err| err.to_string())?;
        serde_json::from_str(&line).map_err(|err| format!("{line}: {err}"))
    }
}

impl Side for Llama {
    fn ask(&mut self, stories: &[Story], tokens: u32) -> Answer {
        let prompts: Vec<String> = stories.iter().map(Story::text).collect();
        writeln!(self.questions, "{}", serde_json::json!({ "prompts": prompts, "tokens": tokens }))
            .expect("node reads");
        self.answer().expect("node answers")
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn resident_mb() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
