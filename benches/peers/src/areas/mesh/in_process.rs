//! What the mesh adds to a call in this process, with no HTTP at all.

use std::hint::black_box;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use maily_mesh::balance::Node;
use maily_mesh::{Body, Completion, Mesh, MeshConfig, Prompt};
use tokio::runtime::Builder;
use tower::service_fn;

use super::{line, median};

const ANSWER: &[u8] = br#"{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
const PROMPT: &str = r#"{"model":"small","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Write a subject line for a spring sale e-mail."}]}"#;

/// Asks two nodes that answer at once, through every layer, and reads the answer.
pub(super) fn run() {
    let mesh = Mesh::new(&MeshConfig::default());
    for name in ["left", "right"] {
        let node = service_fn(|_: Prompt| std::future::ready(Ok(Completion::new(false, Body::full(ANSWER)))));
        mesh.nodes().insert(Node::new(name, node).with_renamed("small", "org/Small-1B"));
    }
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut turns: Vec<f64> = (0..ROUNDS).map(|_| runtime.block_on(turn(&mesh))).collect();
    let typical = median(&mut turns);
    let nobody = "no gateway can be called in process";
    line("call in process, every layer", "us", Some(typical), None, nobody, Some(5.0));
}

/// Microseconds for one call.
async fn turn(mesh: &Mesh) -> f64 {
    let (begin, mut calls) = (Instant::now(), 0);
    while begin.elapsed() < TURN {
        for _ in 0..CALLS {
            let answer = mesh.complete(Prompt::parse(PROMPT).expect("valid")).await.expect("answers");
            let mut body = answer.body;
            while let Some(chunk) = body.next().await {
                black_box(chunk).expect("the answer is whole");
            }
        }
        calls += CALLS;
    }
    begin.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

const ROUNDS: usize = 301;
/// Shorter than what a scheduler gives.
const TURN: Duration = Duration::from_millis(1);
const CALLS: u32 = 20;
