//! Numbers for tests, the same in every run.

use crate::model::Embedding;

/// A generator with a seed: splitmix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        super::graph::mix(self.0)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// About normal: the sum of twelve uniform numbers.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32).sum::<f32>() - 6.0
    }
}

/// Returns a vector of any direction.
pub(crate) fn vector(random: &mut Random, dimension: usize) -> Embedding {
    Embedding::normalized((0..dimension).map(|_| random.normal()).collect())
}

/// Returns a vector beside another one.
pub(crate) fn beside(random: &mut Random, center: &Embedding, noise: f32) -> Embedding {
    let spread = noise / (center.as_slice().len() as f32).sqrt();
    Embedding::normalized(center.as_slice().iter().map(|value| value + spread * random.normal()).collect())
}
