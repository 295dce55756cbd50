//! Measures the local model: `cargo run --release -p maily-llm-candle --example measure FOLDER`.
//!
//! FOLDER is where `cargo xtask assets` put the model. Prints one line per figure.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;
use std::time::Instant;

use futures_util::TryStreamExt as _;
use maily_llm_candle::LlmCandleConfig;
use maily_mesh::{Delta, Message, Prompt};
use tower::ServiceExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> maily_errors::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let begin = Instant::now();
    let llm = LlmCandleConfig::from_folder(Path::new(&folder)).build()?;
    println!("load: {:.0} ms, {} MB resident", begin.elapsed().as_secs_f64() * 1e3, resident_mb());

    let notes =
        "Our spring sale begins on Monday and ends on Friday. Every garden chair is half price. ".repeat(24);
    let questions = [
        ("short prompt", "Write a subject line for a spring sale of garden chairs.".to_owned(), 128),
        ("long prompt", format!("{notes}\n\nWrite one paragraph about it."), 64),
        ("same prompt again", format!("{notes}\n\nWrite one paragraph about it."), 64),
        ("other question on the same notes", format!("{notes}\n\nWrite a subject line."), 64),
    ];
    for (name, question, max_tokens) in questions {
        let before = llm.work();
        let message = serde_json::to_string(&Message::user(question)).unwrap_or_default();
        let prompt = Prompt::parse(format!(
            r#"{{"model":"m","messages":[{message}],"max_tokens":{max_tokens},"temperature":0,"stream":true}}"#
        ))?;
        let begin = Instant::now();
        let mut deltas = llm.clone().oneshot(prompt).await?.into_deltas();
        let (mut text, mut first) = (String::new(), None);
        while let Some(delta) = deltas.try_next().await? {
            if let Delta::Text(more) = delta {
                first.get_or_insert_with(|| begin.elapsed());
                text.push_str(&more);
            }
        }
        let (first, all) = (first.unwrap_or_default().as_secs_f64(), begin.elapsed().as_secs_f64());
        // The answer is counted after its last delta was sent.
        tokio::task::yield_now().await;
        let work = llm.work();
        let read = work.prompt_tokens - before.prompt_tokens;
        let reused = work.reused_tokens - before.reused_tokens;
        let written = work.answer_tokens - before.answer_tokens;
        println!(
            "{name}: {read} tokens of prompt, {reused} of them reused; first text after {:.0} ms ({:.0} tokens/s); \
             {written} tokens written at {:.1} tokens/s; {} MB resident",
            first * 1e3,
            (read - reused) as f64 / first,
            (written.saturating_sub(1)) as f64 / (all - first),
            resident_mb(),
        );
        println!("    {}", text.replace('\n', "\n    "));
    }
    Ok(())
}

/// Memory of this process, where the system tells.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kilobytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
