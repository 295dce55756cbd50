//! Routes prompts over three nodes: one is slow, one dies, and the reader never notices.
//!
//! Run with `cargo run --example mesh --features mesh`.

use std::sync::Arc;

use futures_util::TryStreamExt;
use maily::errors::{Code, Result};
use maily::mesh::balance::Node;
use maily::mesh::memory::{HashEmbedder, Scripted, Step};
use maily::mesh::recall::Memories;
use maily::mesh::{Delta, Memory, Mesh, MeshConfig, Message, Prompt, Recall};
use maily_llm_echo::EchoConfig;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // Memories of earlier campaigns, searched by meaning.
    let memories = Arc::new(Memories::new(HashEmbedder));
    memories.store(Memory::new("The spring sale begins on Monday")).await?;

    // Two nodes serve `small`; one of them is dead, so its prompts go to the other one.
    let mesh = Mesh::with_recall(&MeshConfig::default(), memories);
    let dead = Scripted::new([Step::Fail(Code::NodeUnreachable)]);
    let alive = EchoConfig::default().with_prefix("Draft: ").build();
    mesh.nodes().insert(Node::new("dead", dead.clone()).with_model("small"));
    mesh.nodes().insert(Node::new("alive", alive).with_renamed("small", "org/Small-1B"));
    for _ in 0..20 {
        assert_eq!(mesh.complete(Prompt::text("small", "Hello")?).await?.into_text().await?, "Draft: Hello");
    }
    assert!(dead.calls() <= 1, "a dead node is left out after its first prompt");

    // Streamed token by token, with what was recalled beside it.
    let question = Message::user("When does the spring sale begin?");
    let answer = mesh.complete(Prompt::chat("small", &[question], true)?).await?;
    assert_eq!(answer.head.recalled[0].text, "The spring sale begins on Monday");
    let mut deltas = answer.into_deltas();
    let mut tokens = 0;
    while let Some(delta) = deltas.try_next().await? {
        tokens += usize::from(matches!(delta, Delta::Text(_)));
    }
    assert_eq!(tokens, 7);

    // A model that nobody serves is the caller's mistake, and is not repeated.
    let err = mesh.complete(Prompt::text("large", "Hello")?).await.expect_err("nobody serves it");
    assert_eq!((err.code(), err.is_temporary()), (Code::ModelNotFound, false));
    Ok(())
}
