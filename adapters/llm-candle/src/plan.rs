//! How many tokens each conversation brings to a step.

/// Shares a step among conversations that have so many unread tokens each.
///
/// One that writes brings its one token. Those that read a prompt share 64 tokens, or 16 beside one that
/// writes, so that a long prompt makes a step a little longer and nobody waits for its end. Everybody
/// brings at least one.
pub(crate) fn shares(unread: &[usize]) -> Vec<usize> {
    let readers = unread.iter().filter(|unread| **unread > 1).count();
    let tokens = if readers == unread.len() { STEP_TOKENS } else { TOKENS_BESIDE_WRITERS };
    let share = (tokens / readers.max(1)).max(1);
    unread.iter().map(|unread| share.min(*unread)).collect()
}

/// Prompt tokens of a step that nobody else waits for.
const STEP_TOKENS: usize = 64;
/// Prompt tokens of a step in which somebody writes.
const TOKENS_BESIDE_WRITERS: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::shares;

    #[test]
    fn long_prompt_is_read_in_large_steps_alone_and_in_small_ones_beside_writers() {
        assert_eq!(shares(&[1_000]), [64]);
        assert_eq!(shares(&[1, 1_000, 1]), [1, 16, 1]);
        assert_eq!(shares(&[1, 1]), [1, 1]);
    }

    #[test]
    fn prompts_are_read_side_by_side() {
        assert_eq!(shares(&[1_000, 20, 500]), [21, 20, 21]);
        assert_eq!(shares(&[1, 1_000, 5]), [1, 8, 5]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn everybody_gets_on_in_every_step(unread in prop::collection::vec(1_usize..3_000, 1..=64)) {
            let shares = shares(&unread);

            prop_assert!(shares.iter().zip(&unread).all(|(share, unread)| (1..=*unread).contains(share)));
            let read: usize = shares.iter().zip(&unread).filter(|(_, unread)| **unread > 1).map(|(share, _)| share).sum();
            prop_assert!(read <= 64, "{read} tokens of prompts");
        }
    }
}
