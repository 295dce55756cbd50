//! What the layers tell each other about a prompt on its way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tracing::Span;

use super::NodeName;

/// The notes on a prompt: where it has been, and what of its answer the reader has.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// The nodes that it was given to. All attempts share it.
    pub(crate) tried: Tried,
    /// It is one more attempt at a prompt that the budget knows already.
    pub(crate) extra: bool,
    /// The span of the prompt, under which each attempt is one more; none if nobody listens.
    pub(crate) span: Span,
    /// The whole events that the reader has, when the answer has to go on behind them.
    pub(crate) told: Option<Arc<[Bytes]>>,
}

impl Default for Course {
    fn default() -> Self {
        let (tried, span) = (Tried::default(), Span::none());
        Self { tried, extra: false, span, told: None }
    }
}

/// The nodes that a prompt was given to; nothing as long as nobody tracks them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried(Option<Arc<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    attempts: Mutex<Attempts>,
    strict: AtomicBool,
}

#[derive(Debug, Default)]
struct Attempts {
    names: SmallVec<[NodeName; 3]>,
    count: u32,
}

impl Tried {
    /// Begins anew behind an attempt whose answer broke off, at this node.
    pub(crate) fn behind(attempt: u32, node: Option<&NodeName>) -> Self {
        let attempts = Attempts { names: node.into_iter().cloned().collect(), count: attempt };
        Self(Some(Arc::new(Shared { attempts: Mutex::new(attempts), strict: AtomicBool::new(false) })))
    }

    /// Begins to track, unless somebody above does already.
    pub(crate) fn track(&mut self) {
        self.0.get_or_insert_default();
    }

    /// Says whether an attempt may go to a node that was tried, as the last resort: not while another one may be there.
    pub(crate) fn forbid(&self, forbidden: bool) {
        if let Some(shared) = &self.0 {
            shared.strict.store(forbidden, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.strict.load(Ordering::Relaxed))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.attempts.lock().names.is_empty())
    }

    pub(crate) fn holds(&self, node: &NodeName) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.attempts.lock().names.contains(node))
    }

    /// Notes one more attempt, at this node; returns which one it is, from 1.
    pub(crate) fn note(&self, node: &NodeName) -> u32 {
        let Some(shared) = &self.0 else { return 1 };
        let mut attempts = shared.attempts.lock();
        if !attempts.names.contains(node) {
            attempts.names.push(node.clone());
        }
        attempts.count = attempts.count.saturating_add(1);
        attempts.count
    }
}
