use std::sync::Arc;

use super::{Prepared, Shelf};
use crate::model::{Archived, Embedding, Tenant};
use crate::recall::random::{Random, vector};

const DIMENSION: usize = 32;

fn memory(number: u64, text: impl Into<String>, embedding: Embedding) -> Prepared {
    let (text, tenant) = (text.into(), Tenant::default());
    Prepared::new(Arc::new(Archived { number, tenant, text, embedding, created_ms: 0, ends_ms: None }))
}

fn settle(shelf: &mut Shelf, exact: usize) {
    while let Some(step) = shelf.plan(exact) {
        shelf.take(step, exact);
    }
}

fn best(shelf: &Shelf, query: &Embedding) -> Vec<u64> {
    // No word in common, so that the meaning alone decides.
    shelf.search("nothing", query, 10, 0).iter().map(|found| found.memory.number).collect()
}

#[test]
fn search_below_the_bound_is_that_of_a_plain_comparison() {
    let mut random = Random::new(5);
    let vectors: Vec<_> = (0..1_000).map(|_| vector(&mut random, DIMENSION)).collect();
    let mut shelf = Shelf::default();
    for (number, vector) in (1..).zip(&vectors) {
        shelf.insert(memory(number, format!("text {number}"), vector.clone()));
    }
    for _ in 0..40 {
        let query = vector(&mut random, DIMENSION);
        let mut truth: Vec<(f32, u64)> =
            vectors.iter().map(|vector| vector.cosine(&query)).zip(1..).collect();
        truth.sort_by(|left, right| right.0.total_cmp(&left.0));

        let found = best(&shelf, &query);

        assert_eq!(found, truth[..10].iter().map(|(_, number)| *number).collect::<Vec<_>>());
    }
}

#[test]
fn row_of_a_forgotten_memory_is_used_again() {
    let mut random = Random::new(6);
    let mut shelf = Shelf::default();
    for number in 1..=1_000 {
        shelf.insert(memory(number, "same words", vector(&mut random, DIMENSION)));
        if number > 10 {
            assert!(shelf.remove(number - 10).is_some());
        }
    }
    assert_eq!((shelf.len(), shelf.rows.len()), (10, 11));
    assert!(shelf.remove(5).is_none());
    assert_eq!(shelf.search("words", &vector(&mut random, DIMENSION), 100, 0).len(), 10);
}

#[test]
fn shelf_over_the_bound_forgets_heals_and_goes_back_below() {
    let mut random = Random::new(7);
    let vectors: Vec<_> = (0..1_500).map(|_| vector(&mut random, DIMENSION)).collect();
    let mut shelf = Shelf::default();
    for (number, vector) in (1..).zip(&vectors) {
        shelf.insert(memory(number, format!("text {number}"), vector.clone()));
    }
    assert!(shelf.needs_care(400));
    settle(&mut shelf, 400);
    assert_eq!((shelf.waiting(), shelf.graph.as_ref().unwrap().len()), (0, 1_500));
    assert_eq!(best(&shelf, &vectors[0])[0], 1);

    // A third goes, more comes, and what is gone stays gone through it all.
    (1..=500).for_each(|number| drop(shelf.remove(number)));
    assert!(!best(&shelf, &vectors[0]).contains(&1));
    assert!(shelf.needs_care(400));
    settle(&mut shelf, 400);
    assert_eq!((shelf.dead.len(), shelf.graph.as_ref().unwrap().len()), (0, 1_000));
    shelf.insert(memory(9_000, "again", vectors[0].clone()));
    assert_eq!(best(&shelf, &vectors[0])[0], 9_000);
    settle(&mut shelf, 400);
    assert_eq!(best(&shelf, &vectors[0])[0], 9_000);
    assert_eq!(best(&shelf, &vectors[700])[0], 701);

    (501..=1_400).for_each(|number| drop(shelf.remove(number)));
    settle(&mut shelf, 400);
    assert!(shelf.graph.is_none());
    assert_eq!(shelf.free.len() + shelf.len(), shelf.rows.len());
    assert_eq!(best(&shelf, &vectors[1_450])[0], 1_451);
}

#[test]
fn step_that_was_planned_before_a_memory_went_changes_nothing() {
    let mut random = Random::new(8);
    let mut shelf = Shelf::default();
    for number in 1..=100 {
        shelf.insert(memory(number, "text", vector(&mut random, DIMENSION)));
    }
    let start = shelf.plan(10).unwrap();
    shelf.take(start, 10);
    let link = shelf.plan(10).unwrap();
    shelf.remove(1);
    // The row is taken by another memory before the link is made.
    shelf.insert(memory(200, "text", vector(&mut random, DIMENSION)));

    shelf.take(link, 10);

    assert_eq!((shelf.graph.as_ref().unwrap().len(), shelf.waiting()), (0, 100));
}
