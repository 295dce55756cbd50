//! A machine with a model: it reads one prompt at a time, writes many, and caches what it read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::{StreamExt, stream};
use maily_errors::{Code, Error, Result};
use maily_mesh::{Body, Completion, Prompt};
use parking_lot::Mutex;
use tokio::time::sleep;
use tower_service::Service;

/// Bytes of a block of the cache: 16 tokens, as in vLLM.
const BLOCK: usize = 64;
const DECODE: Duration = Duration::from_secs(1);

/// A simulated machine. Clones are the same one.
#[derive(Clone)]
pub(super) struct Machine {
    shared: Arc<Shared>,
}

struct Shared {
    tokens_per_second: f64,
    /// The machine reads prompts in the order in which they come.
    reading: tokio::sync::Mutex<()>,
    cache: Mutex<Cache>,
    dead: AtomicBool,
    inflight: AtomicU32,
    calls: AtomicU32,
    tokens: AtomicU64,
    cached: AtomicU64,
}

/// Blocks by the hash of all up to them; the oldest go first.
struct Cache {
    known: std::collections::HashSet<u64>,
    order: VecDeque<u64>,
    capacity: usize,
}

impl Machine {
    pub(super) fn new(tokens_per_second: f64) -> Self {
        let cache = Cache { known: Default::default(), order: VecDeque::new(), capacity: 6000 };
        Self {
            shared: Arc::new(Shared {
                tokens_per_second,
                reading: tokio::sync::Mutex::new(()),
                cache: Mutex::new(cache),
                dead: AtomicBool::new(false),
                inflight: AtomicU32::new(0),
                calls: AtomicU32::new(0),
                tokens: AtomicU64::new(0),
                cached: AtomicU64::new(0),
            }),
        }
    }

    pub(super) fn set_dead(&self, dead: bool) {
        self.shared.dead.store(dead, Relaxed);
        if dead {
            let mut cache = self.shared.cache.lock();
            cache.known.clear();
            cache.order.clear();
        }
    }

    pub(super) fn calls(&self) -> u32 {
        self.shared.calls.load(Relaxed)
    }

    pub(super) fn inflight(&self) -> u32 {
        self.shared.inflight.load(Relaxed)
    }

    /// Tokens of all prompts, and those of them that were cached.
    pub(super) fn tokens(&self) -> (u64, u64) {
        (self.shared.tokens.load(Relaxed), self.shared.cached.load(Relaxed))
    }

    async fn answer(self, prompt: Prompt) -> Result<Completion> {
        let shared = &self.shared;
        shared.calls.fetch_add(1, Relaxed);
        if shared.dead.load(Relaxed) {
            return Err(Error::new(Code::NodeUnreachable, "nobody listens"));
        }
        let guard = Inflight::new(self.clone());
        let cost = {
            let _turn = shared.reading.lock().await;
            let (tokens, cached) = shared.cache.lock().read(prompt.body());
            shared.tokens.fetch_add(tokens, Relaxed);
            shared.cached.fetch_add(cached, Relaxed);
            let fresh = (tokens - cached) as f64 + 20.0;
            sleep(Duration::from_secs_f64(fresh / shared.tokens_per_second)).await;
            guard
        };
        let first = stream::iter([Ok(Bytes::from_static(b"data: first\n\n"))]);
        let rest = stream::once(async move {
            sleep(DECODE).await;
            drop(cost);
            Ok(Bytes::from_static(b"data: last\n\n"))
        });
        Ok(Completion::new(true, Body::stream(first.chain(rest))))
    }
}

impl Cache {
    /// Reads a prompt and returns its tokens, and those that were there already.
    fn read(&mut self, body: &[u8]) -> (u64, u64) {
        let (mut hash, mut cached, mut hit) = (0_u64, 0, true);
        for block in body.chunks(BLOCK) {
            hash = block
                .iter()
                .fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
            let fresh = self.known.insert(hash);
            hit &= !fresh;
            cached += u64::from(hit) * (BLOCK as u64 / 4);
            if fresh {
                self.order.push_back(hash);
            }
        }
        while self.order.len() > self.capacity {
            let oldest = self.order.pop_front().expect("there are more than fit");
            self.known.remove(&oldest);
        }
        let tokens = body.len() as u64 / 4;
        (tokens, cached.min(tokens))
    }
}

struct Inflight(Machine);

impl Inflight {
    fn new(machine: Machine) -> Self {
        machine.shared.inflight.fetch_add(1, Relaxed);
        Self(machine)
    }
}

impl Drop for Inflight {
    fn drop(&mut self) {
        self.0.shared.inflight.fetch_sub(1, Relaxed);
    }
}

impl Service<Prompt> for Machine {
    type Response = Completion;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Completion>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        Box::pin(self.clone().answer(prompt))
    }
}
