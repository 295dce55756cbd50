//! A prompt that a node is asked, and what its answer shows.

use std::fmt;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use maily_errors::Error;

use super::store::Store;
use crate::body::Watch;
use crate::layer::cache::kept::says_done;
use crate::layer::cache::key::Key;
use crate::model::{Completion, CompletionHead, Embedding};

/// What a prompt has in common with similar ones, and what it says itself.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) scope: Key,
    pub(super) text: String,
    /// Whether a node is asked in any case.
    pub(super) fresh: bool,
}

/// A question to a node whose answer says something about the nearest one in memory.
pub(super) struct Question {
    pub(super) store: Arc<Store>,
    pub(super) scope: Key,
    pub(super) text: String,
    pub(super) embedding: Embedding,
    /// The nearest answer, and how similar its prompt is.
    pub(super) nearest: Option<(u64, f32)>,
}

impl Question {
    /// Looks at the answer while it passes, and learns from it when it is whole.
    pub(super) fn watch(self, answer: Completion) -> Completion {
        let Completion { head, body } = answer;
        let watcher = Watcher { question: Some(self), head: head.clone(), chunks: Vec::new(), bytes: 0 };
        Completion { head, body: body.watched(watcher) }
    }
}

struct Watcher {
    question: Option<Question>,
    head: Box<CompletionHead>,
    chunks: Vec<Bytes>,
    bytes: usize,
}

impl Watcher {
    fn learn(&mut self) {
        if let Some(question) = self.question.take() {
            let store = question.store.clone();
            store.answered(question, &self.head, &mem::take(&mut self.chunks));
        }
    }
}

impl Watch for Watcher {
    fn chunk(&mut self, chunk: &Bytes) {
        let Some(question) = &self.question else { return };
        self.bytes += chunk.len();
        if self.bytes > question.store.max_answer_bytes() {
            self.question = None;
            self.chunks.clear();
        } else {
            self.chunks.push(chunk.clone());
        }
    }

    fn end(&mut self, error: Option<&Error>) {
        if error.is_none() {
            self.learn();
        }
        self.question = None;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.chunks.last().is_some_and(|last| says_done(&self.head, last)) {
            self.learn();
        }
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("nearest", &self.nearest).finish_non_exhaustive()
    }
}
