use super::Graph;
use crate::model::Embedding;
use crate::recall::codes::{Code, Codes};
use crate::recall::random::{Random, beside, vector};

const DIMENSION: usize = 32;

/// Some crowds of vectors, and questions from among them.
fn crowds(random: &mut Random, count: usize) -> Vec<Embedding> {
    let centers: Vec<_> = (0..20).map(|_| vector(random, DIMENSION)).collect();
    let one = |_| {
        let center = random.below(centers.len());
        beside(random, &centers[center], 0.7)
    };
    (0..count).map(one).collect()
}

fn graph_of(vectors: &[Embedding], lives: impl Fn(u32) -> bool + Copy) -> (Codes, Graph) {
    let (mut codes, mut graph) = (Codes::default(), Graph::default());
    for (row, vector) in (0..).zip(vectors) {
        codes.put(row, Code::new(vector).as_ref());
    }
    for row in 0..vectors.len() as u32 {
        let links = graph.plan(&codes, row, lives);
        graph.link(&codes, links);
    }
    (codes, graph)
}

/// How many of the ten best are found, as a part of one.
fn recall(
    random: &mut Random,
    vectors: &[Embedding],
    (codes, graph): &(Codes, Graph),
    lives: impl Fn(u32) -> bool + Copy,
) -> f32 {
    let mut hits = 0;
    for _ in 0..30 {
        let one = random.below(vectors.len());
        let query = beside(random, &vectors[one], 0.5);
        let mut truth: Vec<(f32, u32)> = (0..)
            .zip(vectors)
            .filter(|(row, _)| lives(*row))
            .map(|(row, vector)| (vector.cosine(&query), row))
            .collect();
        truth.sort_by(|left, right| right.0.total_cmp(&left.0));
        let found = graph.nearest(codes, Code::new(&query).as_ref(), 64, lives);
        assert!(found.iter().all(|near| lives(near.row())), "a dead row was found");
        hits += truth[..10].iter().filter(|(_, row)| found.iter().any(|near| near.row() == *row)).count();
    }
    hits as f32 / 300.0
}

#[test]
fn graph_finds_nearly_all_of_the_best() {
    let mut random = Random::new(1);
    let vectors = crowds(&mut random, 1_200);
    let built = graph_of(&vectors, |_| true);

    let found = recall(&mut random, &vectors, &built, |_| true);

    assert!(found >= 0.99, "{found}");
}

#[test]
fn healed_graph_finds_what_is_left_and_never_what_is_gone() {
    let mut random = Random::new(2);
    let vectors = crowds(&mut random, 1_200);
    let mut built = graph_of(&vectors, |_| true);
    let lives = |row: u32| !row.is_multiple_of(3);
    let before = recall(&mut random, &vectors, &built, lives);

    let (codes, graph) = &mut built;
    for row in (0..1_200).filter(|row| lives(*row)) {
        if let Some(healed) = graph.plan_healing(codes, row, |row| !lives(row)) {
            graph.heal(healed);
        }
    }
    graph.take_out(&(0..1_200).filter(|row| !lives(*row)).collect::<Vec<_>>());

    assert_eq!(graph.len(), 800);
    let after = recall(&mut random, &vectors, &built, lives);
    assert!(before >= 0.99 && after >= 0.98, "{before} {after}");
}

#[test]
fn many_equal_vectors_are_all_reached() {
    let mut random = Random::new(3);
    let same = vector(&mut random, DIMENSION);
    let vectors: Vec<_> = (0..300).map(|_| same.clone()).collect();
    let (codes, graph) = graph_of(&vectors, |_| true);

    let found = graph.nearest(&codes, Code::new(&same).as_ref(), 64, |_| true);

    assert_eq!(found.len(), 64);
}

#[test]
fn empty_graph_and_graph_without_living_rows_find_nothing() {
    let mut random = Random::new(4);
    let query = vector(&mut random, DIMENSION);
    assert!(Graph::default().nearest(&Codes::default(), Code::new(&query).as_ref(), 10, |_| true).is_empty());

    let (codes, graph) = graph_of(&crowds(&mut random, 50), |_| true);
    assert!(graph.nearest(&codes, Code::new(&query).as_ref(), 10, |_| false).is_empty());
}
