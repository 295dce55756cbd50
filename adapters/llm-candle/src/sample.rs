//! Chooses the next token.

use crate::request::Sampling;

/// Draws tokens; the same seed and scores give the same tokens.
pub(crate) struct Sampler {
    sampling: Sampling,
    state: u64,
    candidates: Vec<(u32, f32)>,
}

impl Sampler {
    pub(crate) fn new(sampling: Sampling, seed: u64) -> Self {
        Self { sampling, state: seed, candidates: Vec::new() }
    }

    /// Chooses from `scores` what follows the `recent` tokens.
    ///
    /// `None` if the scores are not numbers. Runs in O(scores) plus a sort of the likely few.
    pub(crate) fn pick(&mut self, mut scores: Vec<f32>, recent: &[u32]) -> Option<u32> {
        self.penalize(&mut scores, recent);
        let (best, top) = largest(&scores)?;
        if self.sampling.temperature <= 0.0 {
            return Some(best);
        }
        // What is 20 steps of the temperature below the best has a chance below e^-20.
        let floor = top - 20.0 * self.sampling.temperature;
        self.candidates.clear();
        for (id, &score) in (0_u32..).zip(&scores) {
            if score >= floor {
                self.candidates.push((id, ((score - top) / self.sampling.temperature).exp()));
            }
        }
        // By chance, then by id: a sort that never depends on the order before it.
        self.candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut total: f32 = self.candidates.iter().map(|candidate| candidate.1).sum();
        total = self.keep_likely(total * self.sampling.top_p, total);
        let mut target = self.next_unit() * total;
        for &(id, weight) in &self.candidates {
            target -= weight;
            if target < 0.0 {
                return Some(id);
            }
        }
        self.candidates.last().map(|candidate| candidate.0)
    }

    /// Keeps the fewest most likely candidates that together reach `mass`; returns their sum.
    ///
    /// Source: Holtzman et al. 2019, nucleus sampling (arXiv 1904.09751).
    fn keep_likely(&mut self, mass: f32, total: f32) -> f32 {
        let mut sum = 0.0;
        for (index, candidate) in self.candidates.iter().enumerate() {
            sum += candidate.1;
            if sum >= mass {
                self.candidates.truncate(index + 1);
                return sum;
            }
        }
        total
    }

    /// Makes tokens that were there already less likely.
    ///
    /// Source: Keskar et al. 2019, section 4.1 (arXiv 1909.05858).
    fn penalize(&self, scores: &mut [f32], recent: &[u32]) {
        let penalty = self.sampling.repeat_penalty;
        for (index, id) in recent.iter().enumerate() {
            let seen = recent[..index].contains(id);
            if let (false, Some(score)) = (seen, scores.get_mut(*id as usize)) {
                *score = if *score > 0.0 { *score / penalty } else { *score * penalty };
            }
        }
    }

    /// Returns the next number in `0.0..1.0`.
    ///
    /// Source: Steele, Lea, Flood 2014, `SplitMix64`. Written out, so that no update of a library
    /// changes what a seed gives.
    fn next_unit(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // 24 bits are what an f32 holds exactly.
        (mixed >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// Returns the index and the value of the largest score, the first of equal ones.
fn largest(scores: &[f32]) -> Option<(u32, f32)> {
    let mut best = None;
    let mut top = f32::NEG_INFINITY;
    for (id, &score) in (0_u32..).zip(scores) {
        if score.is_nan() {
            return None;
        }
        if score > top {
            (best, top) = (Some(id), score);
        }
    }
    best.map(|id| (id, top))
}

#[cfg(test)]
mod tests;
