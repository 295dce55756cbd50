//! Prompts through both caches, of which it is known which answer is right: the share of wrong ones stays below its bound.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tower::{Layer, ServiceExt, service_fn};

use super::{Rules, SimilarLayer};
use crate::body::Body;
use crate::layer::cache::{self, CacheLayer};
use crate::model::{CacheStatus, Completion, Embedding, Prompt, Texts};
use crate::port::AnyEmbed;

/// One prompt: its text, where it lies, and the answer that a node gives.
struct Said {
    text: String,
    embedding: Embedding,
    answer: String,
}

/// Topics in the plane: a prompt lies at some angle from the middle of its topic, and the further away it is the likelier it
/// asks for something else. How far is too far differs from topic to topic.
fn workload(seed: u64, topics: usize, count: usize) -> Vec<Said> {
    let mut random = SmallRng::seed_from_u64(seed);
    let middles: Vec<Vec<f32>> =
        (0..topics).map(|_| (0..24).map(|_| random.random_range(-1.0..1.0)).collect()).collect();
    let limits: Vec<(f64, f64)> = (0..topics)
        .map(|_| (random.random_range(0.6..1.02), [20.0, 60.0, 150.0][random.random_range(0..3)]))
        .collect();
    let prompt = |number: usize| {
        // Some topics are asked about much more often than others.
        let topic = (random.random::<f64>().powi(2) * topics as f64) as usize;
        let middle = Embedding::normalized(middles[topic].clone());
        let spread = random.random_range(0.0_f32..0.25);
        let values =
            middle.as_slice().iter().map(|value| value + spread * random.random_range(-1.0_f32..1.0));
        let embedding = Embedding::normalized(values.collect());
        let (limit, steepness) = limits[topic];
        let likely = 1.0 / (1.0 + (-steepness * (f64::from(embedding.cosine(&middle)) - limit)).exp());
        let answer = if random.random_bool(likely) {
            format!("topic {topic}")
        } else {
            format!("topic {topic}, case {}", random.random_range(0..1000))
        };
        Said { text: format!("prompt {number}"), embedding, answer }
    };
    (0..count).map(prompt).collect()
}

struct Outcome {
    similar: usize,
    wrong: usize,
}

async fn run(said: &[Said], max_wrong: f64, seed: u64) -> Outcome {
    let by_text: Arc<HashMap<String, (Embedding, String)>> = Arc::new(
        said.iter().map(|said| (said.text.clone(), (said.embedding.clone(), said.answer.clone()))).collect(),
    );
    let known = by_text.clone();
    let embed = AnyEmbed::new(service_fn(move |texts: Texts| {
        let vectors = texts.into_vec().iter().map(|text| known[text].0.clone()).collect();
        std::future::ready(Ok(vectors))
    }));
    let known = by_text.clone();
    let node = service_fn(move |prompt: Prompt| {
        let answer = known[&prompt.last_user_text().unwrap()].1.clone();
        let body = serde_json::json!({ "object": "chat.completion", "choices": [{ "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": answer } }] });
        std::future::ready(Ok(Completion::new(false, Body::full(body.to_string()))))
    });
    let rules = Rules { max_wrong, seed: Some(seed), ..Rules::default() };
    let service = SimilarLayer::new(rules, embed).layer(node);
    let service = CacheLayer::new(cache::Rules::default()).layer(service);
    let outcome = Mutex::new(Outcome { similar: 0, wrong: 0 });
    for said in said {
        let content = &said.text;
        let body = format!(
            r#"{{"model":"m","temperature":0,"messages":[{{"role":"user","content":"{content}"}}]}}"#
        );
        let answer = service.clone().oneshot(Prompt::parse(body).unwrap()).await.unwrap();
        let similar = answer.head.cached.is_some_and(|cached| cached.status == CacheStatus::Similar);
        let text = answer.into_text().await.unwrap();
        let mut outcome = outcome.lock();
        outcome.similar += usize::from(similar);
        outcome.wrong += usize::from(text != said.answer);
        assert!(similar || text == said.answer, "an answer of a node is always right");
    }
    outcome.into_inner()
}

#[tokio::test]
async fn share_of_wrong_answers_stays_below_its_bound() {
    for max_wrong in [0.01, 0.02] {
        for seed in 0..2 {
            let said = workload(seed, 20, 3_000);
            let Outcome { similar, wrong } = run(&said, max_wrong, seed + 100).await;
            let share = wrong as f64 / said.len() as f64;
            println!("bound {max_wrong}: wrong {share:.4}, {similar} of {} from memory", said.len());
            assert!(share <= max_wrong, "bound {max_wrong}, seed {seed}: {share}");
            assert!(similar * 10 > said.len(), "bound {max_wrong}, seed {seed}: {similar}");
        }
    }
}
