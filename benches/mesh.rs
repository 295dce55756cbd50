//! What the mesh adds to a prompt in process: the whole stack, and its parts.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use futures_util::StreamExt;
use maily::mesh::account::Per;
use maily::mesh::balance::Node;
use maily::mesh::layer::cache::{CacheLayer, Rules};
use maily::mesh::layer::similar::Judge;
use maily::mesh::memory::HashEmbedder;
use maily::mesh::recall::{Memories, Vectors};
use maily::mesh::wire::SseDecoder;
use maily::mesh::{
    Body, CacheStatus, Completion, Embedding, KeyConfig, Memory, MemoryQuery, Mesh, MeshConfig, PriceConfig,
    Prompt, Recall, Texts,
};
use tower::{Layer, ServiceExt, service_fn};

const ANSWER: &[u8] = br#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
const EVENT: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";

fn prompt(bytes: usize, stream: bool) -> String {
    let text = "lorem ipsum ".repeat(bytes / 12);
    format!(
        r#"{{"model":"small","messages":[{{"role":"user","content":"{text}"}}],"stream":{stream},"seed":1}}"#
    )
}

/// A mesh whose two nodes answer at once, so that what is left is the mesh.
fn mesh(frames: usize) -> Mesh {
    let mesh = Mesh::new(&MeshConfig::default());
    for name in ["left", "right"] {
        let node = service_fn(move |prompt: Prompt| {
            let body = if prompt.head.stream {
                Body::stream(futures_util::stream::iter(
                    (0..frames).map(|_| Ok(Bytes::from_static(EVENT.as_bytes()))),
                ))
            } else {
                Body::full(ANSWER)
            };
            std::future::ready(Ok(Completion::new(prompt.head.stream, body)))
        });
        mesh.nodes().insert(Node::new(name, node).with_renamed("small", "org/Small-1B"));
    }
    mesh
}

fn in_process(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group("mesh");
    for (name, body, frames) in [
        ("stack, 300 B prompt, one object", prompt(200, false), 1),
        ("stack, 32 KiB prompt, one object", prompt(32 * 1024, false), 1),
        ("stack, 300 B prompt, 66 events", prompt(200, true), 66),
    ] {
        let mesh = mesh(frames);
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| async {
                let answer =
                    mesh.complete(Prompt::parse(body.clone()).expect("valid")).await.expect("answers");
                let mut body = answer.body;
                while let Some(chunk) = body.next().await {
                    black_box(chunk).expect("the answer is whole");
                }
            });
        });
    }
    group.finish();
}

/// An answer from memory: what the cache costs beside reading the head, which every prompt pays.
fn memory(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group("mesh cache");
    for (name, bytes) in [("300 B", 200), ("1 KiB", 1024), ("32 KiB", 32 * 1024)] {
        let node = service_fn(|_: Prompt| std::future::ready(Ok(Completion::new(false, Body::full(ANSWER)))));
        let cache = CacheLayer::new(Rules::default()).layer(node);
        let prompt = Prompt::parse(prompt(bytes, false)).expect("valid");
        let ask = || async {
            let answer = cache.clone().oneshot(prompt.clone()).await.expect("answers");
            let mut body = answer.body;
            while let Some(chunk) = body.next().await {
                black_box(chunk).expect("the answer is whole");
            }
            answer.head.cached.map(|cached| cached.status)
        };
        runtime.block_on(ask());
        assert_eq!(runtime.block_on(ask()), Some(CacheStatus::Hit));
        group.bench_function(format!("hit, {name} prompt"), |bencher| {
            bencher.to_async(&runtime).iter(&ask);
        });
    }
    let mut judge = Judge::new(0.01);
    group.bench_function("judge a similar prompt", |bencher| {
        judge.learn(0.9, true);
        bencher.iter(|| judge.hit_probability(black_box(0.93)));
    });
    group.finish();
}

/// What a key costs beside a prompt without one: reserving, counting, settling, headers.
fn keys(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut group = criterion.benchmark_group("mesh keys");
    for (name, stream) in [("300 B prompt, one object", false), ("300 B prompt, 66 events", true)] {
        let mesh = mesh(66);
        let all = u64::from(u32::MAX);
        let config = KeyConfig::new("team-a").with_secret(SECRET).with_concurrent(8);
        let config = config.with_requests_per_minute(all).with_tokens_per_minute(all * 1000);
        mesh.keys().insert(config.with_budget(all * 1000, Per::Month)).expect("a key");
        mesh.keys().price(&PriceConfig::new("small", 2.5, 10.0)).expect("a price");
        for key in [None, Some("team-a")] {
            let prompt = Prompt::parse(prompt(200, stream)).expect("valid");
            let prompt = key.into_iter().fold(prompt, Prompt::with_key);
            let what = if key.is_some() { "with a key" } else { "without" };
            group.bench_function(format!("{name}, {what}"), |bencher| {
                bencher.to_async(&runtime).iter(|| async {
                    let mut body = mesh.complete(prompt.clone()).await.expect("answers").body;
                    while let Some(chunk) = body.next().await {
                        black_box(chunk).expect("the answer is whole");
                    }
                });
            });
        }
        if !stream {
            group.bench_function("find a key by its secret", |bencher| {
                bencher.iter(|| mesh.keys().find(black_box(SECRET)));
            });
        }
    }
    group.finish();
}

const SECRET: &str = "sk-0123456789abcdef0123456789abcdef";

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mesh parts");
    for (name, bytes) in [("300 B", 200), ("32 KiB", 32 * 1024)] {
        let body = Bytes::from(prompt(bytes, true));
        group.bench_function(format!("read the head, {name}"), |bencher| {
            bencher.iter(|| Prompt::parse(black_box(body.clone())).expect("valid"));
        });
        group.bench_function(format!("splice the model, {name}"), |bencher| {
            let prompt = Prompt::parse(body.clone()).expect("valid");
            bencher.iter_batched(
                || prompt.clone(),
                |prompt| prompt.with_model("org/Small-1B"),
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("decode 66 events", |bencher| {
        let stream = EVENT.repeat(66);
        bencher.iter(|| {
            let mut decoder = SseDecoder::default();
            decoder.push(stream.as_bytes()).expect("valid");
            std::iter::from_fn(|| decoder.next()).count()
        });
    });
    let texts = Texts::new(["spring sale on monday", "a kettle boils water"]).expect("within the limits");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let vectors = runtime.block_on(HashEmbedder.oneshot(texts)).expect("embeds");
    let wide = |vector: &Embedding| Embedding::normalized(vector.as_slice().repeat(2)[..384].to_vec());
    let (left, right) = (wide(&vectors[0]), wide(&vectors[1]));
    group.bench_function("compare two vectors of 384", |bencher| {
        bencher.iter(|| black_box(&left).cosine(black_box(&right)))
    });
    group.finish();
}

/// Vectors and texts of some crowds; the peers in `benches/peers` are measured on the same kind.
fn recall(criterion: &mut Criterion) {
    let mut state = 384_u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let centers: Vec<Vec<f32>> = (0..500).map(|_| (0..384).map(|_| noise()).collect()).collect();
    let mut vector =
        |at: usize| Embedding::normalized(centers[at % 500].iter().map(|value| value + noise()).collect());
    let mut group = criterion.benchmark_group("mesh recall");
    for (name, exact, count) in [
        ("every one of 1,000 vectors", usize::MAX, 1_000),
        ("every one of 20,000 vectors", usize::MAX, 20_000),
        ("a graph of 20,000 vectors", 1_000, 20_000),
    ] {
        let mut vectors = Vectors::new(exact);
        for at in 0..count {
            vectors.insert(vector(at));
        }
        vectors.settle();
        let query = vector(7);
        group.bench_function(name, |bencher| bencher.iter(|| vectors.nearest(black_box(&query), 10)));
    }

    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let memories = Memories::new(HashEmbedder);
    let topics = ["the spring sale", "a kettle", "the summer letter", "an order", "tea for two"];
    runtime.block_on(async {
        for number in 0..10_000 {
            let text = format!("note {number} about {} of customer {}", topics[number % 5], number / 7);
            memories.store(Memory::new(text)).await.expect("there is room");
        }
    });
    group.bench_function("10,000 memories by meaning and words, embedding included", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            let query = MemoryQuery::new("what did customer 700 order in the spring sale?");
            memories.search(query).await.expect("answers")
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1))
        .sample_size(30);
    targets = in_process, memory, keys, parts, recall
}
criterion_main!(benches);
