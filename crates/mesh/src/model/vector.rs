//! Texts and the vectors that stand for them.

use std::sync::Arc;

use maily_errors::{Code, Error, Public, Result};
use serde::{Deserialize, Serialize};

/// Texts to turn into vectors: 1 to 2048 of them, each of at most 65 536 bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Texts(Vec<String>);

impl Texts {
    /// The most texts in one call.
    pub const MAX_COUNT: usize = 2048;
    /// The longest text, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Creates a batch.
    ///
    /// # Errors
    ///
    /// - [`Code::Invalid`] for no text at all.
    /// - [`Code::TooLarge`] for too many, or one that is too long.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        let texts: Vec<String> = texts.into_iter().map(Into::into).collect();
        let refuse = |code, message| Err(Error::new(code, message).with_operation("mesh::texts"));
        if texts.is_empty() {
            return refuse(Code::Invalid, "there is no text to embed");
        }
        if texts.len() > Self::MAX_COUNT {
            return refuse(Code::TooLarge, "too many texts in one call")
                .map_err(|err| err.with_context("limit", Public(Self::MAX_COUNT)));
        }
        if texts.iter().any(|text| text.len() > Self::MAX_BYTES) {
            return refuse(Code::TooLarge, "a text is too long to embed")
                .map_err(|err| err.with_context("limit_bytes", Public(Self::MAX_BYTES)));
        }
        Ok(Self(texts))
    }

    /// Returns about how many tokens they have: a quarter of the bytes of each, and one more.
    #[must_use]
    pub fn estimate_tokens(&self) -> u32 {
        // 2048 texts of 64 KiB are 2^25 tokens at most.
        self.0.iter().map(|text| text.len() as u32 / 4 + 1).sum()
    }

    /// Returns the texts, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Returns the texts, in order.
    #[must_use]
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

/// A vector that stands for a text. Its length is 1, or 0 for a text that says nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Embedding(Arc<[f32]>);

impl Embedding {
    /// Creates a vector and scales it to length 1. Values that are not finite count as 0.
    #[must_use]
    pub fn normalized(mut values: Vec<f32>) -> Self {
        values.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = 0.0);
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        if length > 0.0 {
            values.iter_mut().for_each(|value| *value /= length);
        }
        Self(values.into())
    }

    /// Takes values as they are, which were written of an embedding before.
    #[must_use]
    pub fn from_normalized(values: Vec<f32>) -> Self {
        Self(values.into())
    }

    /// Returns the values.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// Returns whether this is the other one itself, not only equal to it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the cosine of the angle to another vector, -1.0 to 1.0. Both have length 1.
    ///
    /// Runs in O(dimension); vectors of different dimensions are compared over the shorter one.
    #[must_use]
    pub fn cosine(&self, other: &Self) -> f32 {
        // Eight sums that do not wait for each other, so that the compiler uses vector instructions.
        let mut sums = [0.0_f32; 8];
        let (left, left_rest) = self.0.as_chunks::<8>();
        let (right, right_rest) = other.0.as_chunks::<8>();
        for (left, right) in left.iter().zip(right) {
            for lane in 0..8 {
                sums[lane] += left[lane] * right[lane];
            }
        }
        let rest: f32 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
        sums.iter().sum::<f32>() + rest
    }
}
