use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tower_service::Service;

use crate::body::Body;
use crate::model::{Completion, Delta, FinishReason, Format, Prompt, PromptHead, Usage};
use crate::wire;

/// What a [`Scripted`] node does with one prompt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Answers with the text, a word in a chunk.
    Answer(String),
    /// Begins to answer with the text, then the stream is cut.
    Cut(String),
    /// Fails with the code.
    Fail(Code),
    /// Never answers.
    Hang,
    /// Begins to answer with the text, then falls silent.
    Stall(String),
    /// Asks to come back after a while.
    Throttle(Duration),
}

/// A node that follows a script, and keeps what it was asked. Clones share both.
///
/// # Examples
///
/// ```
/// use maily_mesh::memory::{Scripted, Step};
/// use maily_mesh::Prompt;
/// use tower::ServiceExt;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let node = Scripted::new([Step::Answer("Hello you".into())]);
/// let answer = node.clone().oneshot(Prompt::text("m", "Hi")?).await?;
/// assert_eq!(answer.into_text().await?, "Hello you");
/// assert_eq!(node.calls(), 1);
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Scripted {
    steps: Arc<[Step]>,
    seen: Arc<Mutex<Vec<Prompt>>>,
}

impl Scripted {
    /// Creates a node; after the last step it repeats the last step, without any it hangs.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect(), seen: Arc::default() }
    }

    /// Returns how often it was asked.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.seen.lock().len()
    }

    /// Returns what it was asked, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Prompt> {
        self.seen.lock().clone()
    }
}

impl Service<Prompt> for Scripted {
    type Response = Completion;
    type Error = Error;
    // Boxed, because one step never ends and the others are ready: no short type names both.
    type Future = BoxFuture<'static, Result<Completion>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, prompt: Prompt) -> Self::Future {
        let index = {
            let mut seen = self.seen.lock();
            seen.push(prompt.clone());
            seen.len().min(self.steps.len())
        };
        let step = index.checked_sub(1).map_or(&Step::Hang, |index| &self.steps[index]);
        let fail = |code| Error::new(code, "the script says so").with_operation("scripted::call");
        match step {
            Step::Answer(text) => boxed(Ok(wire::answer(&prompt.head, stream::iter(words(text).map(Ok))))),
            Step::Cut(text) => {
                boxed(Ok(half(&prompt.head, text, stream::iter([Err(fail(Code::StreamCut))]))))
            }
            Step::Fail(code) => boxed(Err(fail(*code))),
            Step::Hang => Box::pin(std::future::pending()),
            Step::Stall(text) => boxed(Ok(half(&prompt.head, text, stream::pending()))),
            Step::Throttle(delay) => boxed(Err(fail(Code::NodeThrottled).with_retry_after(*delay))),
        }
    }
}

/// What half an answer looks like on the wire; an object is as broken as its first bytes.
fn half(
    head: &PromptHead,
    text: &str,
    then: impl Stream<Item = Result<Delta>> + Send + 'static,
) -> Completion {
    let said = (!text.is_empty()).then(|| Delta::Text(text.to_owned()));
    if head.stream && head.format != Format::Chat {
        return wire::answer(head, stream::iter(said.map(Ok)).chain(then));
    }
    let chunks = wire::Chunks::new(head.model.clone());
    let said = said.map(|said| Ok(chunks.delta(&said)));
    let then = then.map_ok(move |delta| chunks.delta(&delta));
    Completion::new(head.stream, Body::stream(stream::iter(said).chain(then)))
}

fn boxed(answer: Result<Completion>) -> BoxFuture<'static, Result<Completion>> {
    let future: Ready<Result<Completion>> = ready(answer);
    Box::pin(future)
}

fn words(text: &str) -> impl Iterator<Item = Delta> + Send + use<> {
    let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let usage = Usage::new(1, u32::try_from(words.len()).unwrap_or(u32::MAX));
    words.into_iter().map(Delta::Text).chain([Delta::Finish(FinishReason::Stop), Delta::Usage(usage)])
}
