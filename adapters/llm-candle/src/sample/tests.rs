use super::Sampler;
use crate::request::Sampling;

const PLAIN: Sampling = Sampling { temperature: 1.0, top_p: 1.0, repeat_penalty: 1.0 };

#[test]
fn temperature_zero_takes_the_best() {
    let mut sampler = Sampler::new(Sampling { temperature: 0.0, ..PLAIN }, 1);

    assert_eq!(sampler.pick(vec![0.1, 3.0, 2.9], &[]), Some(1));
}

#[test]
fn same_seed_draws_the_same_tokens() {
    let draw = |seed| {
        let mut sampler = Sampler::new(PLAIN, seed);
        (0..64).map(|_| sampler.pick(vec![1.0; 16], &[]).unwrap()).collect::<Vec<_>>()
    };

    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
}

#[test]
fn tokens_are_drawn_as_often_as_their_chance_says() {
    // e^0 : e^ln(3) = 1 : 3.
    let mut sampler = Sampler::new(PLAIN, 42);
    let second = (0..4_000).filter(|_| sampler.pick(vec![0.0, 3.0_f32.ln()], &[]) == Some(1)).count();

    // Four standard deviations of a binomial(4000, 0.75) are 110.
    assert!((2_890..=3_110).contains(&second), "{second} of 4000");
}

#[test]
fn top_p_leaves_out_the_unlikely() {
    let mut sampler = Sampler::new(Sampling { top_p: 0.7, ..PLAIN }, 3);

    let unlikely = (0..500).filter(|_| sampler.pick(vec![0.0, 3.0_f32.ln()], &[]) == Some(0)).count();

    assert_eq!(unlikely, 0);
}

#[test]
fn repeated_token_becomes_less_likely() {
    let repeat = Sampling { temperature: 0.0, repeat_penalty: 2.0, ..PLAIN };

    assert_eq!(Sampler::new(repeat, 1).pick(vec![3.0, 2.0], &[0, 0]), Some(1));
    assert_eq!(Sampler::new(repeat, 1).pick(vec![3.0, 2.0], &[]), Some(0));
}

#[test]
fn scores_that_are_no_numbers_give_no_token() {
    assert_eq!(Sampler::new(PLAIN, 1).pick(vec![1.0, f32::NAN], &[]), None);
    assert_eq!(Sampler::new(PLAIN, 1).pick(vec![], &[]), None);
}
