use std::sync::Arc;

use futures_core::future::BoxFuture;
use maily_errors::{Code, Error, Result};
use tower::{Layer, ServiceExt};

use super::{MemoryLayer, Rules};
use crate::memory::{ExactIndex, HashEmbedder, Scripted, Step};
use crate::model::{Memory, MemoryId, MemoryQuery, Message, Prompt, Recalled, Tenant};
use crate::port::Recall;

const SALE: &str = "The spring sale begins on Monday";

async fn index() -> Arc<ExactIndex<HashEmbedder>> {
    let index = ExactIndex::new(HashEmbedder);
    index.store(Memory::new(SALE)).await.unwrap();
    index.store(Memory::new("Nobody wrote poems about kettles")).await.unwrap();
    Arc::new(index)
}

#[tokio::test]
async fn only_what_fits_is_recalled() {
    let node = Scripted::new([Step::Answer("Monday".into())]);
    let prompt = Prompt::text("m", "When does the spring sale begin?").unwrap();

    let answer = MemoryLayer::new(index().await).layer(node.clone()).oneshot(prompt).await.unwrap();

    let texts: Vec<_> = answer.head.recalled.iter().map(|memory| memory.text.as_str()).collect();
    assert_eq!(texts, [SALE]);
    let seen = node.seen()[0].read().unwrap().messages;
    assert!(seen[0].content.ends_with("\n[1] The spring sale begins on Monday"));
    assert_eq!(seen[1], Message::user("When does the spring sale begin?"));
}

#[tokio::test]
async fn prompt_passes_unchanged_when_nothing_fits() {
    let node = Scripted::new([Step::Answer("42".into())]);
    let prompt = Prompt::text("m", "What is six times seven?").unwrap();
    let rules = Rules { min_score: 0.99, ..Rules::default() };
    let layer = MemoryLayer::new(index().await).with_rules(rules);

    layer.layer(node.clone()).oneshot(prompt.clone()).await.unwrap();

    assert_eq!(node.seen()[0].body(), prompt.body());
}

#[tokio::test]
async fn another_tenant_recalls_nothing() {
    let node = Scripted::new([Step::Answer("?".into())]);
    let prompt = Prompt::text("m", SALE).unwrap().with_tenant("other");

    let answer = MemoryLayer::new(index().await).layer(node).oneshot(prompt).await.unwrap();

    assert!(answer.head.recalled.is_empty());
}

struct Broken;

impl Recall for Broken {
    fn store(&self, _: Memory) -> BoxFuture<'_, Result<MemoryId>> {
        Box::pin(async { Err(Error::from(Code::Unavailable)) })
    }

    fn search(&self, _: MemoryQuery) -> BoxFuture<'_, Result<Vec<Recalled>>> {
        Box::pin(async { Err(Error::from(Code::Unavailable)) })
    }

    fn forget<'a>(&'a self, _: &'a Tenant, _: &'a MemoryId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Err(Error::from(Code::Unavailable)) })
    }
}

#[tokio::test]
async fn answer_comes_even_when_the_memories_are_broken() {
    let node = Scripted::new([Step::Answer("still".into())]);

    let layer = MemoryLayer::new(Arc::new(Broken)).layer(node);
    let answer = layer.oneshot(Prompt::text("m", "Hi").unwrap()).await.unwrap();

    assert_eq!(answer.into_text().await.unwrap(), "still");
}
