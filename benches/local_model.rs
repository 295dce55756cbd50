//! What the local models cost: a token read, a token written, a sentence embedded.
//!
//! Measures nothing, and says so, without the files of `cargo xtask assets`.
#![expect(clippy::print_stderr, reason = "says so when the models are not there")]

use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use maily::mesh::{Message, Prompt, Texts};
use maily_embed_ort::EmbedOrtConfig;
use maily_llm_candle::LlmCandleConfig;
use tower::ServiceExt;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

fn prompt(text: &str, max_tokens: u32) -> Prompt {
    let message = serde_json::to_string(&Message::user(text)).expect("a message");
    let body = format!(r#"{{"model":"m","messages":[{message}],"max_tokens":{max_tokens},"temperature":0}}"#);
    Prompt::parse(body).expect("a prompt")
}

fn writing(criterion: &mut Criterion) {
    let Ok(llm) = LlmCandleConfig::from_folder(&cache()).build() else {
        return eprintln!("the local model is not there: run `cargo xtask assets`");
    };
    let runtime = runtime();
    let mut group = criterion.benchmark_group("local_model");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));

    // Two prompts in turn that differ from the first word on, so that nothing of them is remembered.
    let notes = "Every garden chair is half price this week. ".repeat(16);
    let prompts = ["Monday. ", "Friday. "].map(|day| prompt(&format!("{day}{notes}"), 1));
    let mut turn = 0;
    group.throughput(Throughput::Elements(179));
    group.bench_function("read_179_tokens_write_1", |bencher| {
        bencher.iter(|| {
            turn += 1;
            let answer = runtime.block_on(llm.clone().oneshot(prompts[turn % 2].clone()));
            runtime.block_on(answer.expect("an answer").into_text()).expect("a text")
        });
    });
    group.throughput(Throughput::Elements(32));
    group.bench_function("write_32_tokens", |bencher| {
        let prompt = prompt("Tell me a long story about a garden.", 32);
        bencher.iter(|| {
            let answer = runtime.block_on(llm.clone().oneshot(prompt.clone()));
            runtime.block_on(answer.expect("an answer").into_text()).expect("a text")
        });
    });
    group.finish();
}

fn embedding(criterion: &mut Criterion) {
    let Ok(embedder) = EmbedOrtConfig::from_folder(&cache()).build() else {
        return eprintln!("the embedder is not there: run `cargo xtask assets`");
    };
    let runtime = runtime();
    let mut group = criterion.benchmark_group("embeddings");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let sentence = "The spring sale of garden chairs begins on Monday and ends on Friday.";
    for count in [1_usize, 32] {
        let texts = Texts::new(vec![sentence; count]).expect("texts");
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("embed_{count}_sentences"), |bencher| {
            bencher.iter(|| runtime.block_on(embedder.clone().oneshot(texts.clone())).expect("vectors"));
        });
    }
    group.finish();
}

fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(std::env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}

criterion_group!(benches, writing, embedding);
criterion_main!(benches);
