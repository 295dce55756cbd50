mod costs;
mod leases;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::time::advance;
use tower::{Layer, ServiceExt};

use super::tab::LEASES;
use super::{Keys, Limit, LimitLayer, LimitUsage};
use crate::account::{Grant, Per, Pot, Unit};
use crate::clock::Clock;
use crate::config::{KeyConfig, PriceConfig};
use crate::memory::{LocalAccounts, Scripted, Step};
use crate::model::{Completion, Format, PassedOn, Priority, Prompt};
use crate::port::Accounts;

/// Thirty seconds into a minute, twelve hours into a day.
const START: Duration = Duration::from_secs(1_709_208_030);
const MINUTE: Duration = Duration::from_secs(60);

fn keys(config: KeyConfig) -> Keys {
    let keys = Keys::new(Clock::starting_at(START));
    keys.price(&PriceConfig::new("m", 1.0, 2.0)).unwrap();
    keys.insert(config).unwrap();
    keys
}

fn node(keys: &Keys, step: Step) -> (Limit<Scripted>, Scripted) {
    let scripted = Scripted::new([step]);
    (LimitLayer::new(keys.clone()).layer(scripted.clone()), scripted)
}

/// A prompt of 92 bytes, which is 24 tokens, with an answer of at most 6.
fn prompt() -> Prompt {
    let body =
        r#"{"model":"m","max_tokens":6,"stream":true,"messages":[{"role":"user","content":"Hello!!!!"}]}"#;
    Prompt::parse(body).unwrap().with_key("a")
}

const PROMPT_TOKENS: u64 = 24;

fn limit(keys: &Keys, unit: Unit) -> LimitUsage {
    keys.usage()[0].limits.iter().find(|limit| limit.unit == unit).unwrap().clone()
}

async fn ask(node: &Limit<Scripted>) -> Result<Completion> {
    node.clone().oneshot(prompt()).await
}

#[tokio::test(start_paused = true)]
async fn prompt_without_a_key_passes_and_one_of_an_unknown_key_does_not() {
    let keys = keys(KeyConfig::new("a").with_requests_per_minute(1));
    let (node, scripted) = node(&keys, Step::Answer("Hi".into()));

    for _ in 0..3 {
        let answer = node.clone().oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap();
        assert!(answer.head.headers.is_empty());
    }
    let err = node.oneshot(prompt().with_key("b")).await.unwrap_err();

    assert_eq!((err.code(), scripted.calls()), (Code::Unauthorized, 3));
}

#[tokio::test(start_paused = true)]
async fn requests_are_refused_until_the_minute_ends() {
    let keys = keys(KeyConfig::new("a").with_requests_per_minute(2));
    let (node, scripted) = node(&keys, Step::Answer("Hi".into()));
    for left in ["1", "0"] {
        let answer = ask(&node).await.unwrap();
        assert_eq!(answer.head.headers["x-ratelimit-remaining-requests"], left);
        assert_eq!(answer.head.headers["x-ratelimit-reset-requests"], "30s");
    }

    let err = ask(&node).await.unwrap_err();

    assert_eq!((err.code(), err.retry_after()), (Code::KeyLimit, Some(Duration::from_secs(30))));
    assert_eq!(PassedOn::of(&err).unwrap()["x-ratelimit-remaining-requests"], "0");
    assert!(!format!("{err:?}").contains("Hello"));
    advance(Duration::from_secs(30)).await;
    assert!(ask(&node).await.is_ok());
    assert_eq!(scripted.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_reserved_and_then_settled_by_what_the_node_says() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000));
    let (node, _) = node(&keys, Step::Answer("three words here".into()));
    let streamed = prompt().with_stream().unwrap();

    let answer = node.oneshot(streamed).await.unwrap();
    let held = limit(&keys, Unit::Tokens);
    answer.into_text().await.unwrap();

    assert!(held.reserved > PROMPT_TOKENS + 6, "asking for a count made the prompt longer: {held:?}");
    assert_eq!(held.spent, 0);
    let settled = limit(&keys, Unit::Tokens);
    // The script counts one token for the prompt.
    assert_eq!((settled.reserved, settled.spent, settled.remaining), (0, 4, 996));
}

#[tokio::test(start_paused = true)]
async fn nothing_stays_reserved_however_a_prompt_ends() {
    let steps = [
        (Step::Answer("Hi you".into()), PROMPT_TOKENS + 2),
        (Step::Cut("Hi you".into()), PROMPT_TOKENS + 1),
        (Step::Fail(Code::NodeFailed), 0),
        (Step::Hang, PROMPT_TOKENS),
        (Step::Stall("Hi you".into()), PROMPT_TOKENS + 1),
    ];
    for (step, tokens) in steps {
        let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000).with_concurrent(1));
        let (node, _) = node(&keys, step.clone());

        let mut asked = Box::pin(ask(&node));
        if let Some(Ok(answer)) = asked.as_mut().now_or_never() {
            assert_eq!(keys.usage()[0].running, 1);
            let mut body = answer.body;
            while let Some(Some(Ok(_))) = body.next().now_or_never() {}
        }
        drop(asked);

        let usage = keys.usage().remove(0);
        assert_eq!((usage.running, usage.requests, usage.limits[0].reserved), (0, 1, 0), "{step:?}");
        assert_eq!((usage.tokens, usage.limits[0].spent), (tokens, tokens), "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn answer_that_is_never_read_costs_its_prompt() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000));
    let (node, _) = node(&keys, Step::Answer("Hi you".into()));

    drop(ask(&node).await.unwrap());

    let spent = limit(&keys, Unit::Tokens);
    assert_eq!((spent.reserved, spent.spent), (0, PROMPT_TOKENS));
}

#[tokio::test(start_paused = true)]
async fn long_answer_holds_more_and_is_a_debt_above_the_limit() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(100));
    let (node, _) = node(&keys, Step::Answer("word ".repeat(200)));

    let mut body = ask(&node).await.unwrap().body;
    for _ in 0..150 {
        body.next().await.unwrap().unwrap();
    }
    let meanwhile = ask(&node).await.unwrap_err();
    while body.next().await.is_some() {}

    assert_eq!(meanwhile.code(), Code::KeyLimit);
    let spent = limit(&keys, Unit::Tokens);
    assert!(spent.spent > 200 && spent.remaining == 0, "{spent:?}");
    // What was spent too much is paid for in the next minutes.
    for paid in [100, 24] {
        advance(MINUTE).await;
        let err = ask(&node).await.map(drop);
        assert_eq!(err.map_err(|err| err.code()), if paid == 100 { Err(Code::KeyLimit) } else { Ok(()) });
    }
}

#[tokio::test(start_paused = true)]
async fn spent_budget_is_not_worth_a_retry_before_its_window_ends() {
    let per_prompt = PROMPT_TOKENS + 6 * 2;
    let keys = keys(KeyConfig::new("a").with_budget(per_prompt * 2 - 1, Per::Day));
    let (node, _) = node(&keys, Step::Answer("a b c d e f".into()));
    drop(ask(&node).await.unwrap().body.collect::<Vec<_>>().await);

    let err = ask(&node).await.unwrap_err();

    assert_eq!(err.code(), Code::BudgetSpent);
    assert!(!err.is_temporary());
    assert_eq!(err.retry_after(), Some(Duration::from_secs(12 * 3_600 - 30)));
    advance(Duration::from_secs(12 * 3_600)).await;
    assert!(ask(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn prompt_that_never_fits_is_told_so_at_once() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(PROMPT_TOKENS + 5));
    let (node, scripted) = node(&keys, Step::Answer("Hi".into()));

    let err = ask(&node).await.unwrap_err();

    assert_eq!((err.code(), scripted.calls()), (Code::PromptOverLimit, 0));
    assert!(!err.is_temporary());
}

#[tokio::test(start_paused = true)]
async fn answer_whose_length_is_a_guess_is_never_too_long() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(100));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));

    assert!(node.oneshot(Prompt::text("m", "Hi").unwrap().with_key("a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn key_that_holds_as_much_as_the_limit_is_let_in() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(PROMPT_TOKENS + 6));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));

    assert!(ask(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn prompts_under_way_are_counted_to_the_end_of_their_answers() {
    let keys = keys(KeyConfig::new("a").with_concurrent(1));
    let (node, _) = node(&keys, Step::Answer("Hi you".into()));
    let first = ask(&node).await.unwrap();

    let err = ask(&node).await.unwrap_err();
    assert_eq!((err.code(), err.retry_after()), (Code::KeyLimit, Some(Duration::from_secs(1))));

    first.into_text().await.unwrap();
    assert!(ask(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn key_says_which_models_and_which_class() {
    let keys = keys(KeyConfig::new("a").with_model("small").with_priority(Priority::Standard));
    let (node, scripted) = node(&keys, Step::Answer("Hi".into()));

    assert_eq!(ask(&node).await.unwrap_err().code(), Code::ModelNotAllowed);
    for asked in [Priority::Interactive, Priority::Batch] {
        let prompt = prompt().with_model("small").with_priority(asked);
        drop(node.clone().oneshot(prompt).await.unwrap());
    }

    let classes: Vec<_> = scripted.seen().iter().map(|prompt| prompt.head.priority).collect();
    assert_eq!(classes, [Priority::Standard, Priority::Batch], "a caller may only ask for less");
}

#[tokio::test(start_paused = true)]
async fn client_of_messages_gets_headers_of_its_own() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000));
    let (node, _) = node(&keys, Step::Answer("Hi".into()));
    let body = r#"{"model":"m","max_tokens":6,"messages":[{"role":"user","content":"Hi"}]}"#;
    let prompt = Prompt::parse_as(Format::Messages, body).unwrap().with_key("a");

    let answer = node.oneshot(prompt).await.unwrap();

    assert_eq!(answer.head.headers["anthropic-ratelimit-tokens-limit"], "1000");
    assert_eq!(answer.head.headers["anthropic-ratelimit-tokens-reset"], "2024-02-29T12:01:00Z");
    assert!(!answer.head.headers.contains_key("x-ratelimit-limit-tokens"));
}

#[test]
fn two_keys_with_one_secret_are_refused() {
    let keys = Keys::default();
    let secret = "0123456789abcdef";
    let digest = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";
    keys.insert(KeyConfig::new("a").with_secret(secret)).unwrap();
    let mut hashed = KeyConfig::new("b");
    hashed.sha256 = Some(digest.to_owned().into());

    assert_eq!(keys.insert(hashed.clone()).unwrap_err().code(), Code::ConfigInvalid);
    assert!(keys.remove("a"));
    keys.insert(hashed).unwrap();

    assert_eq!(keys.find(secret).unwrap().as_str(), "b");
    assert!(!format!("{keys:?}").contains(secret));
}

#[test]
fn key_out_of_its_range_is_refused() {
    let wrong = [
        KeyConfig::new(""),
        KeyConfig::new("n".repeat(65)),
        KeyConfig::new("a").with_secret("15 characters.."),
        KeyConfig::new("a").with_requests_per_minute(0),
        KeyConfig::new("a").with_tokens_per_minute(Pot::MAX_LIMIT + 1),
        KeyConfig::new("a").with_concurrent(0),
        KeyConfig::new("a").with_budget(0, Per::Day),
    ];
    for config in wrong {
        assert_eq!(
            Keys::default().insert(config.clone()).unwrap_err().code(),
            Code::ConfigInvalid,
            "{config:?}"
        );
    }
    let right =
        KeyConfig::new("n".repeat(64)).with_secret("16 characters...").with_tokens_per_minute(Pot::MAX_LIMIT);
    Keys::default().insert(right).unwrap();
}

/// What happens next to the prompts of a key.
#[derive(Clone, Copy, Debug)]
enum Move {
    Ask,
    Leave(usize),
    Pass(u64),
    Read(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => Just(Move::Ask),
        2 => (0_usize..8).prop_map(Move::Leave),
        2 => (0_usize..8).prop_map(Move::Read),
        1 => (1_u64..40).prop_map(Move::Pass),
    ];
    prop::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_happens_all_is_settled_and_no_more_is_spent_than_there_is(
        moves in moves(),
        tokens in 40_u64..600,
        requests in 1_u64..20,
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let config = KeyConfig::new("a").with_tokens_per_minute(tokens).with_requests_per_minute(requests);
            let keys = keys(config);
            // Answers within what is reserved for them.
            let (node, _) = node(&keys, Step::Answer("a b c d".into()));
            let mut open = Vec::new();
            for step in moves {
                match step {
                    Move::Ask => match ask(&node).await {
                        Ok(answer) => open.push(answer.body),
                        Err(err) => prop_assert!(
                            [Code::KeyLimit, Code::PromptOverLimit].contains(&err.code())
                        ),
                    },
                    Move::Leave(at) if at < open.len() => drop(open.swap_remove(at)),
                    Move::Read(at) if at < open.len() => {
                        let _ = open.swap_remove(at).collect::<Vec<_>>().await;
                    }
                    Move::Pass(seconds) => advance(Duration::from_secs(seconds)).await,
                    _ => {}
                }
                let usage = keys.usage().remove(0);
                prop_assert_eq!(usage.running as usize, open.len());
                for limit in &usage.limits {
                    prop_assert!(limit.spent + limit.reserved <= limit.limit, "{:?}", limit);
                    prop_assert!(limit.spent + limit.reserved + limit.remaining <= limit.limit, "{:?}", limit);
                }
            }
            open.clear();
            let usage = keys.usage().remove(0);
            prop_assert_eq!(usage.running, 0);
            prop_assert!(usage.limits.iter().all(|limit| limit.reserved == 0));
            // All that was not spent is there again.
            prop_assert!(
                usage.limits.iter().all(|limit| limit.spent + limit.remaining == limit.limit), "{:?}", usage
            );
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn answer_that_goes_on_in_the_next_minute_is_paid_for_there() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1000));
    let (node, _) = node(&keys, Step::Answer("word ".repeat(400)));
    let mut body = ask(&node).await.unwrap().body;
    for _ in 0..100 {
        body.next().await.unwrap().unwrap();
    }

    advance(MINUTE).await;
    let before = limit(&keys, Unit::Tokens).remaining;
    for _ in 0..200 {
        body.next().await.unwrap().unwrap();
    }
    let meanwhile = limit(&keys, Unit::Tokens).remaining;
    while body.next().await.is_some() {}

    assert!((before - 230..=before - 166).contains(&meanwhile), "{before} {meanwhile}");
    // All but what the first minute had, which was a lease.
    let after = limit(&keys, Unit::Tokens);
    assert_eq!((after.reserved, after.remaining), (0, 1000 - (PROMPT_TOKENS + 400) + 1000 / LEASES));
}

#[tokio::test(start_paused = true)]
async fn amount_that_no_limit_can_be_is_refused() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1000));

    for tokens in [1001, u64::MAX / 2 + 1, u64::MAX] {
        let refused = keys.charge(Some(&"a".into()), Format::Embeddings, None, tokens).await.unwrap_err();
        assert_eq!(refused.code(), Code::PromptOverLimit);
    }
    assert_eq!(limit(&keys, Unit::Tokens).remaining, 1000);
}
