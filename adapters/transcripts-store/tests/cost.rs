//! What a stream of 66 events costs that another instance can go on with. Figures: with `--release -- --nocapture`.
#![expect(clippy::unwrap_used, reason = "a test that says what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use maily_mesh::layer::replay::{Keep, ReplayLayer};
use maily_mesh::memory::LocalTranscripts;
use maily_mesh::{Body, Completion, Prompt, Transcripts};
use maily_store_redis::RedisConfig;
use maily_store_redis::testing::Server;
use maily_transcripts_store::StoreTranscripts;
use tower::{Layer, ServiceExt, service_fn};

const EVENTS: usize = 66;
const EVENT: &[u8] = b"data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";
const PROMPT: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;

/// Reads streams one after the other; returns the time of one, and the processor's part of it.
async fn streams(transcripts: Option<Arc<dyn Transcripts>>, numbered: bool, count: u32) -> [Duration; 2] {
    let layer = ReplayLayer::new(Keep { total_bytes: 1 << 30, ..Keep::default() });
    transcripts.into_iter().for_each(|transcripts| layer.share(transcripts));
    let mesh = layer.layer(service_fn(|_: Prompt| {
        let events = (0..EVENTS).map(|_| Ok(Bytes::from_static(EVENT)));
        std::future::ready(Ok(Completion::new(true, Body::stream(stream::iter(events)))))
    }));
    let prompt = Prompt::parse(PROMPT).unwrap();
    let prompt = if numbered { prompt.with_event_ids() } else { prompt };
    let (start, busy) = (Instant::now(), processor_time());
    for _ in 0..count {
        let body = mesh.clone().oneshot(prompt.clone()).await.unwrap().body;
        assert_eq!(body.count().await, EVENTS);
    }
    [start.elapsed() / count, (processor_time() - busy) / count]
}

/// What this process has used of the processor, to 10 ms.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>())
}

#[tokio::test]
async fn stream_that_is_kept_costs_a_round_trip_for_each_piece() {
    let Some(server) = Server::start() else { return };
    let store = StoreTranscripts::new(RedisConfig::new(server.url()).build().unwrap());
    let optimized = !cfg!(debug_assertions);
    let count = if optimized { 20_000 } else { 20 };

    for (what, transcripts, numbered, count) in [
        ("not numbered", None, false, count),
        ("numbered, in this process", None, true, count),
        (
            "numbered, shared in memory",
            Some(Arc::new(LocalTranscripts::default()) as Arc<dyn Transcripts>),
            true,
            count / 20,
        ),
        ("numbered, shared on Valkey", Some(Arc::new(store)), true, count / 20),
    ] {
        let [time, busy] = streams(transcripts, numbered, count.max(10)).await;
        println!("{what}: {time:?} a stream, {busy:?} of the processor");
    }
}
