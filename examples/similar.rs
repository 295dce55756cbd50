//! Answers similar questions from memory, under a bound on the error.
//!
//! Run with `cargo run --example similar --features mesh`; with `cargo xtask assets` before, questions in other words
//! are similar too.

use std::path::PathBuf;
use std::sync::Arc;

use maily::errors::{Code, Error, Result};
use maily::mesh::balance::Node;
use maily::mesh::memory::HashEmbedder;
use maily::mesh::recall::Memories;
use maily::mesh::{AnyEmbed, CacheStatus, Completion, Mesh, MeshConfig, Prompt, wire};
use maily_embed_ort::EmbedOrtConfig;
use tower::service_fn;

/// What readers ask about, and the answers that belong to it.
const TOPICS: [(&str, &str); 2] = [
    ("When does the spring sale on garden chairs begin", "On Monday, the third of March."),
    ("How do I stop the weekly letter about new products", "Use the link at the end of any letter."),
];
const ENDINGS: [&str; 6] =
    ["?", ", please?", " this year?", "? I am a new reader.", " in general?", "? Thanks!"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let embed = match EmbedOrtConfig::from_folder(&cache()).build() {
        Ok(embedder) => AnyEmbed::new(embedder),
        Err(err) if err.code() == Code::EmbedderMissing => AnyEmbed::new(HashEmbedder),
        Err(err) => return Err(err),
    };
    let mut config = MeshConfig::default();
    config.cache.enabled = true;
    config.cache.similar.enabled = true;
    // Of all questions at most one in twenty may get another answer than the node would give.
    config.cache.similar.max_wrong = 0.05;
    let mesh = Mesh::with_memory(&config, Arc::new(Memories::new(embed.clone())), embed);
    mesh.nodes().insert(Node::new("desk", service_fn(desk)));

    let (mut from_memory, mut wrong) = (0, 0);
    for round in 0..40 {
        for (topic, (question, expected)) in TOPICS.iter().enumerate() {
            let ending = ENDINGS[(round + topic) % ENDINGS.len()];
            // A number, so that no question is asked twice.
            let body = serde_json::json!({
                "model": "desk", "temperature": 0,
                "messages": [{ "role": "user", "content": format!("{question}{ending} ({round})") }],
            });
            let answer = mesh.complete(Prompt::parse(body.to_string())?).await?;
            let similar = answer.head.cached.is_some_and(|cached| cached.status == CacheStatus::Similar);
            let text = answer.into_text().await?;
            from_memory += usize::from(similar);
            wrong += usize::from(text != *expected);
        }
    }
    assert!(from_memory > 20, "{from_memory} of 80 were answered from memory");
    assert!(wrong <= 8, "{wrong} of 80 were answered wrongly");
    Ok(())
}

/// A node that knows the answers.
async fn desk(prompt: Prompt) -> Result<Completion> {
    let asked = prompt.last_user_text().unwrap_or_default();
    let known = TOPICS.iter().find(|(question, _)| asked.starts_with(question));
    let (_, answer) = known.ok_or_else(|| Error::new(Code::Invalid, "nobody asks that"))?;
    let deltas = [
        maily::mesh::Delta::Text((*answer).to_owned()),
        maily::mesh::Delta::Finish(maily::mesh::FinishReason::Stop),
    ];
    Ok(wire::answer(&prompt.head, futures_util::stream::iter(deltas.map(Ok))))
}

fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(std::env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}
