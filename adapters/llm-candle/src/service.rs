//! The engine as a mesh node.

use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use maily_errors::{Error, Result};
use maily_mesh::{Completion, Prompt, PromptHead, wire};
use rayon::ThreadPoolBuilder;
use tokio::sync::oneshot;
use tower_service::Service;

use crate::config::LlmCandleConfig;
use crate::desk::Desk;
use crate::engine::{Answer, Engine, Work};
use crate::error;
use crate::gguf::Gguf;
use crate::network::{Network, Part};
use crate::request::Request;
use crate::vocabulary::Vocabulary;

/// A local model as a mesh node: an [`Llm`](maily_mesh::Llm).
///
/// Clones share one model, its places and one queue. Answers that have a place are written side by side, a
/// token of each in a step, on threads of the model, never on the runtime's; an answer is the same, bit for
/// bit, in whatever company it is written.
///
/// # Cancellation
///
/// Dropping the future takes the prompt out of the queue, and dropping the answer gives its place back, both
/// before the next step, which is at most 64 tokens of prompts away.
#[derive(Clone, Debug)]
pub struct LlmCandle {
    engine: Engine,
    config: Arc<LlmCandleConfig>,
}

impl LlmCandleConfig {
    /// Loads the model and starts its thread.
    ///
    /// Takes about half a second and blocks meanwhile: call it before the runtime has work, or inside
    /// `spawn_blocking`. Memory: 124 MB for SmolLM2-135M, and up to 94 MB for 2048 tokens of context in each place.
    ///
    /// # Errors
    ///
    /// - [`Code::ModelMissing`](maily_errors::Code::ModelMissing) when there is no such file.
    /// - [`Code::ModelBroken`](maily_errors::Code::ModelBroken) when the file is damaged, or no SmolLM2.
    /// - [`Code::ConfigInvalid`](maily_errors::Code::ConfigInvalid) when a setting is out of its range.
    pub fn build(self) -> Result<LlmCandle> {
        self.check()?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .thread_name(|index| format!("maily-llm-candle-{index}"))
            .build()
            .map_err(error::failed)?;
        // A header can make the library that reads it panic: to the caller that is damage like any other.
        let desk = pool
            .install(|| catch_unwind(|| self.load()))
            .unwrap_or_else(|_| Err(error::broken(&self.path, "the file cannot be read")))?;
        let engine = Engine::start(&pool, desk, self.waiting);
        Ok(LlmCandle { engine, config: Arc::new(self) })
    }

    fn load(&self) -> Result<Desk> {
        let mut file = Gguf::open(&self.path)?;
        let vocabulary = Vocabulary::load(&file)?;
        let network = Network::load(&mut file, self.context_tokens)?;
        if network.vocabularies() != [vocabulary.len(); 2] {
            return Err(file.broken("the network does not answer with a score for each token"));
        }
        // One token through the network shows whether its weights are numbers.
        let (tokens, mut memory) = ([vocabulary.begin], network.memory());
        let scores =
            network.forward(&mut [Part { memory: &mut memory, tokens: &tokens, scored: true }]).concat();
        if scores.iter().any(|score| !score.is_finite()) {
            return Err(file.broken("the network answers with scores that are not numbers"));
        }
        tracing::debug!(path = %file.path().display(), model = %self.model, "local model loaded");
        Ok(Desk::new(network, vocabulary, self.context_tokens, self.places))
    }
}

impl LlmCandle {
    /// Returns the name that clients ask for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.config.model
    }

    /// Returns what the model has done since it was loaded.
    #[must_use]
    pub fn work(&self) -> Work {
        self.engine.work()
    }
}

impl Service<Prompt> for LlmCandle {
    type Response = Completion;
    type Error = Error;
    type Future = ResponseFuture;

    /// Ready while the model runs. A full queue refuses the call instead, so that a balancer which polls
    /// many nodes holds no place in a queue that it does not use.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(if self.engine.is_running() { Ok(()) } else { Err(error::stopped()) })
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let answer = Request::read(&prompt, &self.config).and_then(|request| self.engine.submit(request));
        ResponseFuture { state: answer.map_err(Some), head: Some(prompt.head) }
    }
}

/// Waits for the model's turn.
#[derive(Debug)]
pub struct ResponseFuture {
    state: Result<oneshot::Receiver<Result<Answer>>, Option<Error>>,
    head: Option<Box<PromptHead>>,
}

impl Future for ResponseFuture {
    type Output = Result<Completion>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &mut self.state {
            Ok(turn) => ready!(Pin::new(turn).poll(cx)).unwrap_or_else(|_| Err(error::stopped())),
            Err(err) => Err(err.take().unwrap_or_else(error::stopped)),
        };
        let head = self.head.take();
        Poll::Ready(answer.and_then(|answer| {
            let head = head.ok_or_else(error::stopped)?;
            Ok(wire::answer(&head, answer))
        }))
    }
}
