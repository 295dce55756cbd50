//! Two rankings as one.

use std::collections::HashMap;

use super::near::Near;

/// A row with what the rankings say of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fused {
    pub(super) row: u32,
    /// 1.0 for the first of both rankings.
    pub(super) score: f32,
    /// The score in the ranking of words, 0.0 if it is not there.
    pub(super) words: f32,
}

/// Fuses the ranking by meaning and the ranking by words, in no order.
///
/// A row has 1 / (60 + rank) from each ranking that it is in. Scores of different kinds are never compared.
///
/// Source: Cormack, Clarke and Büttcher, Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods.
pub(super) fn fuse(meaning: &[Near], words: &[Near]) -> Vec<Fused> {
    let mut rows: HashMap<u32, Fused> = HashMap::with_capacity(meaning.len() + words.len());
    for (ranking, has_words) in [(meaning, false), (words, true)] {
        for (rank, near) in (1_u16..).zip(ranking) {
            let row = near.row();
            let fused = rows.entry(row).or_insert(Fused { row, score: 0.0, words: 0.0 });
            // What has nothing to do with the query has no rank: else all would be ranked by their age.
            if near.score() > 0.0 {
                fused.score += (K + 1.0) / (K + f32::from(rank)) / 2.0;
            }
            if has_words {
                fused.words = near.score();
            }
        }
    }
    rows.into_values().collect()
}

/// How little the first ranks stand out.
const K: f32 = 60.0;

#[cfg(test)]
mod tests {
    use super::fuse;
    use crate::recall::near::Near;

    #[test]
    fn row_of_both_rankings_is_before_the_first_of_one() {
        let meaning = [Near::new(0.9, 1), Near::new(0.8, 2)];
        let words = [Near::new(0.7, 3), Near::new(0.6, 2)];

        let mut fused = fuse(&meaning, &words);
        fused.sort_by(|left, right| right.score.total_cmp(&left.score).then(left.row.cmp(&right.row)));

        let rows: Vec<_> = fused.iter().map(|fused| fused.row).collect();
        assert_eq!(rows, [2, 1, 3]);
        assert_eq!((fused[0].words, fused[1].words, fused[1].score), (0.6, 0.0, 0.5));
    }

    #[test]
    fn row_that_shares_nothing_with_the_query_has_no_rank() {
        // Every vector has a distance, also from a query that says nothing.
        let meaning: Vec<Near> = (1..50).map(|row| Near::new(0.0, row)).collect();
        let words = [Near::new(1.0, 60), Near::new(0.01, 1)];

        let fused = fuse(&meaning, &words);

        let score = |row| fused.iter().find(|fused| fused.row == row).map(|fused| fused.score);
        assert!(score(60) > score(1), "{fused:?}");
        assert_eq!(score(2), Some(0.0));
    }

    #[test]
    fn first_of_both_rankings_has_the_score_one() {
        let ranking = [Near::new(0.9, 1)];
        assert_eq!(fuse(&ranking, &ranking)[0].score, 1.0);
    }
}
