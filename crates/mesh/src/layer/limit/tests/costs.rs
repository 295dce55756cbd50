//! What a prompt costs, and who pays for it.

use std::future::ready;

use futures_util::stream;
use tower::service_fn;

use super::*;
use crate::balance::{Node, Nodes};
use crate::body::Body;
use crate::layer::cache::{CacheLayer, Rules};
use crate::layer::replay::{Keep, ReplayLayer};
use crate::layer::resume::ResumeLayer;

const WORD: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}]}\n\n";

const STOP: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

#[tokio::test(start_paused = true)]
async fn money_is_tokens_times_prices() {
    let keys = keys(KeyConfig::new("a").with_budget(1_000_000, Per::Month));
    let (node, _) = node(&keys, Step::Answer("three words here".into()));

    let answer = node.oneshot(prompt().with_stream().unwrap()).await.unwrap();
    assert!(answer.head.headers.contains_key("x-maily-budget-remaining-micros"));
    answer.into_text().await.unwrap();

    let spent = limit(&keys, Unit::Micros);
    assert_eq!((spent.spent, spent.ends), (1 + 2 * 3, Some(1_709_251_200)), "until the first of March");
    assert_eq!(keys.usage()[0].cost_micros, 7);
}

#[tokio::test(start_paused = true)]
async fn default_costs_what_the_model_costs_that_answers() {
    let nodes = Nodes::default();
    let answering = || Scripted::new([Step::Answer("three words here".into())]);
    nodes.insert(Node::new("first", answering()).with_model("m").with_model("a").with_price(9.0));
    let keys = keys(KeyConfig::new("a").with_budget(1_000_000, Per::Month));
    keys.price_by(nodes.clone());
    let cost = async |model: &str| {
        let before = keys.usage()[0].cost_micros;
        let prompt = Prompt::text(model, "Hello!!!!").unwrap().with_key("a");
        let node = LimitLayer::new(keys.clone()).layer(answering());
        node.oneshot(prompt).await.unwrap().into_text().await.unwrap();
        keys.usage()[0].cost_micros - before
    };

    assert_eq!(cost("default").await, cost("m").await, "as it is listed: the first in the settings");
    nodes.remove("first");
    nodes.insert(Node::new("second", answering()).with_model("b").with_price(9.0));
    assert!(cost("default").await > 0);
    assert_eq!(cost("default").await, cost("b").await, "as the node says");
}

#[tokio::test(start_paused = true)]
async fn answer_from_memory_costs_a_request() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000).with_requests_per_minute(10));
    let scripted = Scripted::new([Step::Answer("Hi you".into())]);
    let node = LimitLayer::new(keys.clone()).layer(CacheLayer::new(Rules::default()).layer(scripted.clone()));
    let body = r#"{"model":"m","temperature":0,"messages":[{"role":"user","content":"Hi"}]}"#;
    let prompt = Prompt::parse(body).unwrap().with_key("a");

    node.clone().oneshot(prompt.clone()).await.unwrap().into_text().await.unwrap();
    let first = limit(&keys, Unit::Tokens).spent;
    node.oneshot(prompt).await.unwrap().into_text().await.unwrap();

    assert_eq!((scripted.calls(), limit(&keys, Unit::Tokens).spent), (1, first));
    assert_eq!(limit(&keys, Unit::Requests).spent, 2);
}

#[tokio::test(start_paused = true)]
async fn answer_that_its_first_reader_leaves_is_paid_for_once_by_who_reads_on() {
    for leaves in [true, false] {
        let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000));
        let node = service_fn(|_: Prompt| {
            let chunks = [WORD.repeat(9), "data: [DONE]\n\n".to_owned()];
            let body = stream::iter(chunks.map(|chunk| Ok(chunk.into())));
            ready(Ok::<_, Error>(Completion::new(true, Body::stream(body))))
        });
        let node = LimitLayer::new(keys.clone()).layer(CacheLayer::new(Rules::default()).layer(node));
        let body = r#"{"model":"m","stream":true,"seed":1,"messages":[{"role":"user","content":"Hi"}]}"#;
        let prompt = || Prompt::parse(body).unwrap().with_key("a");
        let read = body.len() as u64 / 4 + 1;

        let first = node.clone().oneshot(prompt()).await.unwrap();
        let others = [node.clone().oneshot(prompt()).await.unwrap(), node.oneshot(prompt()).await.unwrap()];
        let mut readers = Vec::new();
        if leaves {
            drop(first)
        } else {
            readers.push(first)
        }
        readers.extend(others);
        for reader in readers {
            assert_eq!(reader.into_text().await.unwrap(), "Hi".repeat(9));
        }

        let left = if leaves { read } else { 0 };
        assert_eq!(limit(&keys, Unit::Tokens).spent, left + read + 9, "{leaves}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_pays_for_each_word_once() {
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":5,\"total_tokens\":35}}\n\n";
    for end in ["", usage] {
        let keys = keys(KeyConfig::new("a").with_tokens_per_minute(1_000));
        let calls = Arc::new(AtomicUsize::new(0));
        let node = service_fn(move |_: Prompt| {
            let said = match calls.fetch_add(1, Relaxed) {
                0 => stream::iter(vec![WORD.to_owned(); 4]).chain(stream::pending()).left_stream(),
                _ => {
                    let rest = [
                        WORD.replace("Hi", " you").repeat(5),
                        STOP.to_owned(),
                        end.to_owned(),
                        "data: [DONE]\n\n".to_owned(),
                    ];
                    stream::iter(rest).right_stream()
                }
            };
            ready(Ok::<_, Error>(Completion::new(true, Body::stream(said.map(|said| Ok(said.into()))))))
        });
        let node = ReplayLayer::new(Keep::default()).layer(ResumeLayer::default().layer(node));
        let node = LimitLayer::new(keys.clone()).layer(node);
        let body = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
        let prompt = || Prompt::parse(body).unwrap().with_key("a");
        let read = body.len() as u64 / 4 + 1;

        let mut first = node.clone().oneshot(prompt().with_event_ids()).await.unwrap().body;
        let mut ids = Vec::new();
        for _ in 0..4 {
            let event = String::from_utf8(first.next().await.unwrap().unwrap().to_vec()).unwrap();
            ids.extend(event.lines().find_map(|line| line.strip_prefix("id: ")).map(str::to_owned));
        }
        drop(first);
        assert_eq!(limit(&keys, Unit::Tokens).spent, read + 4);
        // Of the four words two were lost on their way.
        let again = node.oneshot(prompt().with_last_event(ids[1].parse().unwrap())).await.unwrap();

        assert_eq!(again.into_text().await.unwrap(), "Hi".repeat(2) + &" you".repeat(5));
        // The prompt was read a second time, with the words so far.
        let second = if end.is_empty() { read } else { 30 - 4 };
        assert_eq!(limit(&keys, Unit::Tokens).spent, read + 4 + second + 5, "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_a_stream_that_has_ended_pays_a_request_and_reads_its_format() {
    let keys = keys(KeyConfig::new("a").with_tokens_per_minute(10_000).with_requests_per_minute(10));
    let scripted = Scripted::new([Step::Answer("Hi you".into())]);
    let node = LimitLayer::new(keys.clone()).layer(ReplayLayer::new(Keep::default()).layer(scripted.clone()));
    let body = r#"{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let prompt = || Prompt::parse_as(Format::Messages, body).unwrap().with_key("a");

    let first = node.clone().oneshot(prompt().with_event_ids()).await.unwrap();
    let events: Vec<_> = first.body.map(Result::unwrap).collect().await;
    let events = String::from_utf8(events.concat()).unwrap();
    let id = events.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().parse().unwrap();
    let spent = limit(&keys, Unit::Tokens).spent;
    let again = node.oneshot(prompt().with_last_event(id)).await.unwrap();

    assert_eq!(again.into_text().await.unwrap(), "Hi you");
    assert_eq!((scripted.calls(), limit(&keys, Unit::Tokens).spent), (1, spent));
    assert_eq!(limit(&keys, Unit::Requests).spent, 2);
}
