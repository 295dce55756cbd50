use std::future::{Ready, ready};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::task::{Context, Poll};

use maily_errors::Error;
use tower_service::Service;

use crate::model::{Embedding, Texts};

/// An embedder without a model: texts are near when they share words.
///
/// Each word counts into one of 256 places, so "spring sale" finds "sale in spring", and does not
/// find "discount in April". Good enough for tests, and for a machine without the model file.
///
/// Source: Weinberger et al., Feature Hashing for Large Scale Multitask Learning, section 2.
#[derive(Clone, Copy, Debug, Default)]
pub struct HashEmbedder;

impl HashEmbedder {
    /// How many values a vector has.
    pub const DIMENSION: usize = 256;
}

impl Service<Texts> for HashEmbedder {
    type Response = Vec<Embedding>;
    type Error = Error;
    type Future = Ready<Result<Vec<Embedding>, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, texts: Texts) -> Self::Future {
        ready(Ok(texts.as_slice().iter().map(|text| embed(text)).collect()))
    }
}

fn embed(text: &str) -> Embedding {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut values = vec![0.0; HashEmbedder::DIMENSION];
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let hash = hasher.hash_one(word.to_lowercase());
        let place = usize::from(hash.to_le_bytes()[0]);
        // The sign of another bit keeps two words that share a place from adding up.
        values[place] += if hash >> 63 == 0 { 1.0 } else { -1.0 };
    }
    Embedding::normalized(values)
}
