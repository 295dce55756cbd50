use std::sync::Arc;

use proptest::prelude::*;

use super::{Layer, Network, Part, Shape, angles};
use crate::matrix::Matrix;
use crate::memory::Memory;

const TOKENS: usize = 50;
const CONTEXT: usize = 160;

/// A random sequence, small enough to be read by.
struct Dice(u32);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % below
    }

    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next(2_001) as f32 / 4_000.0 - 0.25).collect()
    }

    fn matrix(&mut self, rows: usize, columns: usize) -> Matrix {
        Matrix::new(&self.numbers(rows * columns), columns).unwrap()
    }
}

/// Three layers with two heads that share one key head.
fn network() -> Network {
    let shape = Shape { heads: 2, key_heads: 1, width: 32, epsilon: 1e-5 };
    let mut dice = Dice(1);
    let layers = (0..3).map(|_| Layer {
        attention_norm: dice.numbers(64),
        query_key_value: dice.matrix(128, 64),
        attention_output: dice.matrix(64, 64),
        feed_norm: dice.numbers(64),
        gate_up: dice.matrix(2 * 96, 64),
        down: dice.matrix(64, 96),
    });
    let layers = layers.collect();
    let embedding = Arc::new(dice.matrix(TOKENS, 64));
    let norm = vec![1.0; 64];
    Network {
        output: Arc::clone(&embedding),
        embedding,
        layers,
        norm,
        shape,
        angles: angles(32, 1e4, CONTEXT),
    }
}

fn read(network: &Network, memory: &mut Memory, tokens: &[u32]) -> Vec<f32> {
    network.forward(&mut [Part { memory, tokens, scored: true }]).remove(0)
}

#[test]
fn scores_depend_on_every_token_and_on_their_order() {
    let network = network();
    let scores = |tokens: &[u32]| read(&network, &mut network.memory(), tokens);

    assert_ne!(scores(&[1, 2, 3]), scores(&[4, 2, 3]));
    assert_ne!(scores(&[1, 2, 3]), scores(&[2, 1, 3]));
    assert_eq!(scores(&[1, 2, 3]).len(), TOKENS);
}

#[test]
fn part_that_is_not_scored_only_reads() {
    let network = network();
    let (mut one, mut other) = (network.memory(), network.memory());
    let tokens = [1, 2, 3, 4];

    let scores = network.forward(&mut [
        Part { memory: &mut one, tokens: &tokens[..3], scored: false },
        Part { memory: &mut other, tokens: &tokens, scored: true },
    ]);

    assert_eq!((one.len(), other.len(), scores.len()), (3, 4, 1));
    assert_eq!(scores[0], read(&network, &mut one, &tokens[3..]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_mixture_of_conversations_is_each_one_alone(
        lengths in prop::collection::vec(1_usize..CONTEXT, 1..5),
        seed in any::<u32>(),
    ) {
        let network = network();
        let mut dice = Dice(seed);
        let conversations: Vec<Vec<u32>> = lengths
            .iter()
            .map(|length| (0..*length).map(|_| dice.next(TOKENS) as u32).collect())
            .collect();

        // Each step takes some of them, each by some of its tokens.
        let mut memories: Vec<Memory> = conversations.iter().map(|_| network.memory()).collect();
        let mut scores = vec![Vec::new(); conversations.len()];
        while scores.iter().any(Vec::is_empty) {
            let (mut parts, mut who) = (Vec::new(), Vec::new());
            for ((index, memory), tokens) in memories.iter_mut().enumerate().zip(&conversations) {
                let known = memory.len();
                let count = dice.next(40).min(tokens.len() - known);
                if count > 0 {
                    let scored = known + count == tokens.len();
                    parts.push(Part { memory, tokens: &tokens[known..][..count], scored });
                    who.extend(scored.then_some(index));
                }
            }
            if parts.is_empty() {
                continue;
            }
            for (index, result) in who.into_iter().zip(network.forward(&mut parts)) {
                scores[index] = result;
            }
        }

        for (scores, tokens) in scores.iter().zip(&conversations) {
            // Equal as numbers is equal bit for bit: none of them is NaN, and no score is exactly zero.
            prop_assert_eq!(scores, &read(&network, &mut network.memory(), tokens));
        }
    }

    #[test]
    fn conversation_goes_on_from_a_copy_as_from_itself(length in 2_usize..CONTEXT, shared in 1_usize..CONTEXT) {
        let network = network();
        let shared = shared.min(length - 1);
        let tokens: Vec<u32> = (0..length).map(|at| (at * 7 % TOKENS) as u32).collect();
        let mut other = network.memory();
        read(&network, &mut other, &[&tokens[..shared], &[1, 2, 3][..(CONTEXT - shared).min(3)]].concat());

        let mut copy = network.memory();
        copy.copy(&other, shared);
        let scores = read(&network, &mut copy, &tokens[shared..]);

        prop_assert_eq!(scores, read(&network, &mut network.memory(), &tokens));
    }
}
