//! Answers that are whole, as they are kept.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::body::Body;
use crate::model::{Answer, CacheStatus, Cached, Completion, CompletionHead, FinishReason, Format};
use crate::wire::Ending;

/// An answer that was whole.
#[derive(Clone, Debug)]
pub(in crate::layer) struct Kept {
    head: Box<CompletionHead>,
    // One piece: a stream is replayed at once, in one write, and holds no buffer of a connection.
    pub(in crate::layer) body: Bytes,
    pub(in crate::layer) since: Instant,
}

impl Kept {
    /// Keeps an answer, if it decodes to its end: never one that carries an error or was withheld, nor one that came out
    /// of a memory itself.
    pub(in crate::layer) fn of<'a>(
        head: &CompletionHead,
        chunks: impl Iterator<Item = &'a Bytes>,
    ) -> Option<(Self, Answer)> {
        if head.cached.is_some() {
            return None;
        }
        let mut body = BytesMut::new();
        chunks.for_each(|chunk| body.extend_from_slice(chunk));
        let body = body.freeze();
        // Its headers speak of the call that is over: a request id, a rate limit.
        let head = Box::new(CompletionHead {
            format: head.format,
            streamed: head.streamed,
            node: head.node.clone(),
            ..CompletionHead::default()
        });
        let whole = Completion { head: head.clone(), body: Body::full(body.clone()) };
        let answer = whole.into_answer().now_or_never()?.ok()?;
        let finished = matches!(
            answer.finish,
            Some(FinishReason::Stop | FinishReason::Length | FinishReason::ToolCalls)
        );
        finished.then(|| (Self { head, body, since: Instant::now() }, answer))
    }

    /// Gives the answer again.
    pub(in crate::layer) fn again(&self, status: CacheStatus) -> Completion {
        let cached = Some(Cached { status, age: self.since.elapsed() });
        let mut head = self.head.clone();
        head.cached = cached;
        Completion { head, body: Body::full(self.body.clone()) }
    }
}

/// Whether the last chunk of an answer says that nothing follows.
///
/// Most clients leave when they have read that, before the connection says so.
pub(in crate::layer) fn says_done(head: &CompletionHead, last: &Bytes) -> bool {
    match head.format {
        _ if !head.streamed => false,
        // A reason to end is not enough: a count of tokens may follow.
        Format::Chat | Format::Completions | Format::Embeddings => last.trim_ascii_end().ends_with(b"[DONE]"),
        Format::Messages | Format::Responses => {
            last.ends_with(b"\n\n") && Ending::new(head.format, true).is_whole_with(last)
        }
    }
}
