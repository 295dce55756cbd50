//! The smallest program: one node, one prompt, one answer. `cargo run --example quickstart --features mesh`

use maily::errors::Result;
use maily::mesh::balance::Node;
use maily::mesh::{Mesh, MeshConfig, Prompt};
use maily_llm_echo::EchoConfig;

#[tokio::main]
async fn main() -> Result<()> {
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("echo", EchoConfig::default().build()));

    let prompt = Prompt::text("default", "Hello, readers")?;
    let answer = mesh.complete(prompt).await?;

    assert_eq!(answer.into_text().await?, "Hello, readers");
    Ok(())
}
