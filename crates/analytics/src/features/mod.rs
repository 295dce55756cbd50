//! Rows of named numbers, hashed.
//!
//! A name becomes its 64-bit hash at once and is not kept: a row is two numbers per feature, no text. A linear
//! model takes the low bits as its index; a model with fixed columns hashes its column names the same way
//! ([`Features::hash`]) and looks them up.

use maily_errors::{Code, Error, Public, Result};

#[cfg(test)]
mod tests;

/// One row: what is known about one thing to predict.
///
/// Holds at most 1,024 features, each a finite number. A name that is added twice counts twice.
///
/// # Examples
///
/// ```
/// use maily_analytics::Features;
///
/// let row = Features::new().with("opens_30d", 4.0)?.with_category("plan", "free")?.with_words("subject", "Hi Ann!")?;
/// assert_eq!(row.len(), 4);
/// assert!(Features::new().with("age", f32::NAN).is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Features {
    pairs: Vec<(u64, f32)>,
}

impl Features {
    /// The most features of a row.
    pub const LIMIT: usize = 1024;

    /// Creates a row without features.
    #[must_use]
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Adds a number.
    ///
    /// A wide range is better given as its logarithm: `balance.abs().ln_1p() * balance.signum()`.
    ///
    /// # Errors
    ///
    /// [`Code::FeaturesInvalid`] when it is not finite or the row is full.
    pub fn with(mut self, name: &str, value: f32) -> Result<Self> {
        self.push(Self::hash(name), value)?;
        Ok(self)
    }

    /// Adds one of several choices, such as `plan` = `free`.
    ///
    /// # Errors
    ///
    /// [`Code::FeaturesInvalid`] when the row is full.
    pub fn with_category(mut self, name: &str, choice: &str) -> Result<Self> {
        self.push(Self::hash_pair(name, choice), 1.0)?;
        Ok(self)
    }

    /// Adds the words of a text, in lower case, each with the same weight; together they weigh 1.
    ///
    /// # Errors
    ///
    /// [`Code::FeaturesInvalid`] when the row is full.
    pub fn with_words(mut self, name: &str, text: &str) -> Result<Self> {
        let words: Vec<_> = words(text).collect();
        // The weight of the whole text is its Euclidean length, so that long texts do not outweigh short ones.
        let weight = 1.0 / (words.len().max(1) as f32).sqrt();
        for word in words {
            self.push(Self::hash_pair(name, &word), weight)?;
        }
        Ok(self)
    }

    /// Adds all features of another row.
    ///
    /// # Errors
    ///
    /// [`Code::FeaturesInvalid`] when the row is full.
    pub fn with_all(mut self, other: &Self) -> Result<Self> {
        for &(hash, value) in &other.pairs {
            self.push(hash, value)?;
        }
        Ok(self)
    }

    fn push(&mut self, hash: u64, value: f32) -> Result<()> {
        if !value.is_finite() {
            return Err(Error::new(Code::FeaturesInvalid, "a feature is not a finite number")
                .with_operation("analytics::features")
                .with_context("position", Public(self.pairs.len())));
        }
        if self.pairs.len() == Self::LIMIT {
            return Err(Error::new(Code::FeaturesInvalid, "the row has too many features")
                .with_operation("analytics::features")
                .with_context("limit", Public(Self::LIMIT)));
        }
        self.pairs.push((hash, value));
        Ok(())
    }

    /// Returns how many features the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Returns whether the row has no feature.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Iterates over the features: hash and value, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (u64, f32)> + '_ {
        self.pairs.iter().copied()
    }

    /// Returns the hash that stands for a name.
    ///
    /// Source: FNV-1a 64, with the finalizer of splitmix64 because FNV's low bits alone are weak.
    #[must_use]
    pub fn hash(name: &str) -> u64 {
        mix(fnv(OFFSET, name))
    }

    /// Returns the hash that stands for one choice of a name.
    #[must_use]
    pub fn hash_pair(name: &str, choice: &str) -> u64 {
        mix(fnv(fnv(OFFSET, name) ^ 0xff, choice))
    }
}

/// Splits a text into words, in lower case. A mark that says something, such as an emoji, is a word.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| c.is_whitespace() || (c.is_ascii_punctuation() && c != '%' && c != '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

fn fnv(start: u64, text: &str) -> u64 {
    text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
