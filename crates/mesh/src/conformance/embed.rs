//! The rules of the [`Embed`] port.

use tower::ServiceExt;

use crate::model::{Embedding, Texts};
use crate::port::Embed;

const TEXTS: [&str; 4] =
    ["The spring sale begins on Monday", "A kettle boils water", "Der Frühling kommt", "x"];

async fn embed<T: Into<String>>(embedder: &impl Embed, texts: impl IntoIterator<Item = T>) -> Vec<Embedding> {
    let texts = Texts::new(texts).expect("the texts are within the limits");
    embedder.clone().oneshot(texts).await.expect("the embedder answers")
}

/// There is one vector for each text, in the order of the texts.
pub async fn one_vector_for_each_text_in_order(embedder: impl Embed) {
    let forward = embed(&embedder, TEXTS).await;
    let mut backward = embed(&embedder, TEXTS.into_iter().rev()).await;
    backward.reverse();
    assert_eq!(forward.len(), TEXTS.len());
    for (forward, backward) in forward.iter().zip(&backward) {
        assert_near(forward, backward);
    }
}

/// All vectors have as many values as the first, and length 1.
pub async fn all_vectors_have_one_dimension_and_length_one(embedder: impl Embed) {
    let vectors = embed(&embedder, TEXTS).await;
    let dimension = vectors[0].as_slice().len();
    assert!(dimension > 0);
    for vector in &vectors {
        assert_eq!(vector.as_slice().len(), dimension);
        assert!((vector.cosine(vector) - 1.0).abs() < 1e-3);
    }
}

/// A text means the same alone, in a batch, and the next time.
pub async fn same_text_gives_the_same_vector_alone_and_in_a_batch(embedder: impl Embed) {
    let batch = embed(&embedder, TEXTS).await;
    for (text, vector) in TEXTS.iter().zip(&batch) {
        assert_near(vector, &embed(&embedder, [*text]).await[0]);
    }
}

/// An empty text has a vector too, of length 0 or 1.
pub async fn empty_text_is_answered(embedder: impl Embed) {
    let vectors = embed(&embedder, ["", "word"]).await;
    assert_eq!(vectors[0].as_slice().len(), vectors[1].as_slice().len());
    let length = vectors[0].cosine(&vectors[0]);
    assert!(length.abs() < 1e-3 || (length - 1.0).abs() < 1e-3);
}

/// A text of the limit is answered; what the model cannot see of it may be cut off.
pub async fn longest_text_is_answered(embedder: impl Embed) {
    let longest = "word ".repeat(Texts::MAX_BYTES / 5);
    assert_eq!(embed(&embedder, [longest]).await.len(), 1);
}

/// Texts about one thing are nearer to each other than to another thing.
pub async fn near_texts_are_nearer_than_others(embedder: impl Embed) {
    let texts = ["the spring sale begins on monday", "our spring sale begins monday", "a kettle boils water"];
    let vectors = embed(&embedder, texts).await;
    assert!(vectors[0].cosine(&vectors[1]) > vectors[0].cosine(&vectors[2]) + 0.1);
}

fn assert_near(left: &Embedding, right: &Embedding) {
    assert_eq!(left.as_slice().len(), right.as_slice().len());
    let worst = left.as_slice().iter().zip(right.as_slice()).map(|(left, right)| (left - right).abs());
    assert!(worst.fold(0.0, f32::max) < 1e-3);
}
