//! Vectors of the real model: near for what means the same, far for what does not.

mod assets;

use maily_embed_ort::EmbedOrt;
use maily_errors::Result;
use maily_mesh::{Embedding, Texts};
use tower::ServiceExt as _;

async fn embed<const N: usize>(embedder: &EmbedOrt, texts: [&str; N]) -> Result<Vec<Embedding>> {
    embedder.clone().oneshot(Texts::new(texts)?).await
}

#[tokio::test]
async fn related_sentences_are_near_and_others_far() -> Result<()> {
    let Some(config) = assets::config() else { return Ok(()) };
    let embedder = config.build()?;

    let vectors = embed(
        &embedder,
        [
            "All garden chairs are half price in our spring sale.",
            "The spring sale: fifty percent off every garden chair.",
            "The committee postponed its vote on the water treaty.",
        ],
    )
    .await?;

    let related = vectors[0].cosine(&vectors[1]);
    let unrelated = vectors[0].cosine(&vectors[2]);
    println!("related {related}, unrelated {unrelated}");
    assert_eq!(vectors[0].as_slice().len(), 384);
    assert!(related > 0.5, "{related}");
    assert!(unrelated < 0.15, "{unrelated}");
    Ok(())
}
