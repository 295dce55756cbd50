use super::Vectors;
use crate::model::Embedding;
use crate::recall::random::{Random, vector};

const DIMENSION: usize = 32;

fn filled(random: &mut Random, exact: usize, count: usize) -> (Vec<Embedding>, Vectors) {
    let all: Vec<_> = (0..count).map(|_| vector(random, DIMENSION)).collect();
    let mut vectors = Vectors::new(exact);
    for (row, vector) in (0..).zip(&all) {
        assert_eq!(vectors.insert(vector.clone()), row);
    }
    (all, vectors)
}

#[test]
fn search_below_the_bound_is_that_of_a_plain_comparison() {
    let mut random = Random::new(5);
    let (all, vectors) = filled(&mut random, 1_000, 1_000);
    for _ in 0..40 {
        let query = vector(&mut random, DIMENSION);
        let mut truth: Vec<(u32, f32)> = (0..).zip(all.iter().map(|vector| vector.cosine(&query))).collect();
        truth.sort_by(|left, right| right.1.total_cmp(&left.1));

        assert_eq!(vectors.nearest(&query, 10), truth[..10]);
    }
    assert!(!vectors.needs_care());
}

#[test]
fn row_of_a_removed_vector_is_used_again() {
    let mut random = Random::new(6);
    let mut vectors = Vectors::new(1_000);
    for _ in 0..100 {
        let row = vectors.insert(vector(&mut random, DIMENSION));
        assert!(row < 2 && vectors.remove(row) && !vectors.remove(row));
    }
    assert!(vectors.is_empty() && vectors.nearest(&vector(&mut random, DIMENSION), 5).is_empty());
}

#[test]
fn vectors_over_the_bound_go_heal_and_come_back_below() {
    let mut random = Random::new(7);
    let (all, mut vectors) = filled(&mut random, 200, 750);
    assert!(vectors.needs_care());
    vectors.settle();
    assert_eq!((vectors.waiting(), vectors.graph.as_ref().unwrap().len()), (0, 750));
    let best = |vectors: &Vectors, of: usize| vectors.nearest(&all[of], 1)[0].0 as usize;
    assert_eq!(best(&vectors, 0), 0);

    // A third goes, more comes, and what is gone stays gone through it all.
    (0..250).for_each(|row| assert!(vectors.remove(row)));
    assert_ne!(best(&vectors, 0), 0);
    assert!(vectors.needs_care());
    vectors.settle();
    assert_eq!((vectors.dead.len(), vectors.graph.as_ref().unwrap().len()), (0, 500));
    let again = vectors.insert(all[0].clone()) as usize;
    assert_eq!(best(&vectors, 0), again);
    vectors.settle();
    assert_eq!((best(&vectors, 0), best(&vectors, 350)), (again, 350));

    (250..700).for_each(|row| assert!(vectors.remove(row)));
    vectors.settle();
    assert!(vectors.graph.is_none());
    assert_eq!(vectors.free.len() + vectors.len(), vectors.rows.len());
    assert_eq!(best(&vectors, 725), 725);
}

#[test]
fn step_that_was_planned_before_a_vector_went_changes_nothing() {
    let mut random = Random::new(8);
    let (_, mut vectors) = filled(&mut random, 10, 100);
    let start = vectors.plan().unwrap();
    vectors.take(start);
    let link = vectors.plan().unwrap();
    vectors.remove(0);
    // The row is taken by another vector before the link is made.
    assert_eq!(vectors.insert(vector(&mut random, DIMENSION)), 0);

    vectors.take(link);

    assert_eq!((vectors.graph.as_ref().unwrap().len(), vectors.waiting()), (0, 100));
}
