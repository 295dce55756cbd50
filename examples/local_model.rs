//! Writes with a language model in this process: streamed, repeatable, stopped when nobody reads.
//!
//! Run with `cargo run --example local_model --features mesh`, after `cargo xtask assets`.
#![expect(clippy::print_stdout, reason = "says so when the model is not there")]

use std::path::PathBuf;

use futures_util::TryStreamExt;
use maily::errors::Result;
use maily::mesh::balance::Node;
use maily::mesh::{Delta, Mesh, MeshConfig, Prompt};
use maily_llm_candle::LlmCandleConfig;

const BODY: &str = r#"{"model":"small","stream":true,"temperature":0,"max_tokens":16,
    "messages":[{"role":"user","content":"What is the capital of France?"}]}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let config = LlmCandleConfig::from_folder(&cache());
    if !config.path.exists() {
        println!("the model is not there: run `cargo xtask assets`");
        return Ok(());
    }
    let local = config.build()?;
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("local", local.clone()).with_model("small"));

    // Token by token, then why it ended.
    let mut deltas = mesh.complete(Prompt::parse(BODY)?).await?.into_deltas();
    let (mut text, mut pieces, mut finish) = (String::new(), 0, None);
    while let Some(delta) = deltas.try_next().await? {
        match delta {
            Delta::Text(more) => {
                text.push_str(&more);
                pieces += 1;
            }
            Delta::Finish(reason) => finish = Some(reason),
            _ => {}
        }
    }
    assert!(text.contains("Paris"), "{text}");
    assert!(pieces > 3 && finish.is_some());

    // The same prompt gives the same answer.
    assert_eq!(mesh.complete(Prompt::parse(BODY)?).await?.into_text().await?, text);

    // Somebody asks for a story and leaves: the model does not write it.
    let story =
        r#"{"model":"small","stream":true,"messages":[{"role":"user","content":"Tell me a long story."}]}"#;
    let before = local.work().answer_tokens;
    drop(mesh.complete(Prompt::parse(story)?).await?);
    mesh.complete(Prompt::parse(BODY)?).await?.into_text().await?;
    assert!(local.work().answer_tokens - before < 40);
    Ok(())
}

fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(std::env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}
