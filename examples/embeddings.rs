//! Finds what means the same, in other words.
//!
//! Run with `cargo run --example embeddings --features mesh`, after `cargo xtask assets`.
#![expect(clippy::print_stdout, reason = "says so when the model is not there")]

use std::path::PathBuf;

use maily::errors::Result;
use maily::mesh::Texts;
use maily_embed_ort::EmbedOrtConfig;
use tower::ServiceExt;

const CAMPAIGNS: [&str; 4] = [
    "Half price on all garden chairs until Sunday",
    "How to prune roses in early spring",
    "Your invoice for March is ready",
    "We have updated our privacy policy",
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let config = EmbedOrtConfig::from_folder(&cache());
    if ![&config.library, &config.model, &config.tokenizer].iter().all(|file| file.exists()) {
        println!("the embedder is not there: run `cargo xtask assets`");
        return Ok(());
    }
    let embedder = config.build()?;
    assert_eq!(embedder.dimension(), 384);
    let campaigns = embedder.clone().oneshot(Texts::new(CAMPAIGNS)?).await?;

    for (question, expected) in [
        ("a discount on outdoor furniture", 0),
        ("gardening advice", 1),
        ("what do I have to pay?", 2),
        ("data protection", 3),
    ] {
        let vector = &embedder.clone().oneshot(Texts::new([question])?).await?[0];
        let nearest = (0..CAMPAIGNS.len()).max_by(|left, right| {
            vector.cosine(&campaigns[*left]).total_cmp(&vector.cosine(&campaigns[*right]))
        });
        assert_eq!(nearest, Some(expected), "{question}");
    }
    Ok(())
}

fn cache() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE").unwrap_or_else(|| {
        let home = || set("HOME").unwrap_or_else(std::env::temp_dir).join(".cache");
        set("XDG_CACHE_HOME").unwrap_or_else(home).join("maily")
    })
}
