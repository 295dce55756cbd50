use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Keep;
use super::events::comment;
use super::shared::Shared;
use crate::model::{EventId, Prompt};

/// The streams that are kept. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    keep: Keep,
    streams: Arc<Mutex<Streams>>,
    bytes: Arc<AtomicUsize>,
    hasher: RandomState,
    /// Where streams are kept instead, if they are shared.
    pub(super) shared: Shared,
}

#[derive(Debug, Default)]
struct Streams {
    by_id: HashMap<u128, Arc<Transcript>>,
    // In the order in which they began.
    order: VecDeque<u128>,
}

/// The events of one stream, numbers included.
#[derive(Debug)]
pub(super) struct Transcript {
    id: u128,
    // Of the prompt and the tenant.
    owner: u64,
    keep: Keep,
    total: Arc<AtomicUsize>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    events: Vec<Bytes>,
    bytes: usize,
    touched: Instant,
    number: u32,
    ended: bool,
    reader: u32,
    waker: Option<Waker>,
}

impl Shelf {
    pub(super) fn new(keep: Keep) -> Self {
        Self {
            keep,
            streams: Arc::default(),
            bytes: Arc::default(),
            hasher: RandomState::new(),
            shared: Shared::new(keep),
        }
    }

    /// Begins to keep a stream; the oldest ones make room.
    pub(super) fn begin(&self, prompt: &Prompt) -> Arc<Transcript> {
        let state = State {
            events: Vec::new(),
            bytes: 0,
            touched: Instant::now(),
            number: 0,
            ended: false,
            reader: 0,
            waker: None,
        };
        let transcript = Arc::new(Transcript {
            id: rand::random(),
            owner: self.owner(prompt),
            keep: self.keep,
            total: self.bytes.clone(),
            state: Mutex::new(state),
        });
        let mut streams = self.streams.lock();
        streams.by_id.insert(transcript.id, transcript.clone());
        streams.order.push_back(transcript.id);
        let now = Instant::now();
        while let Some(oldest) = streams.order.front().copied() {
            let full = streams.order.len() > self.keep.streams
                || self.bytes.load(Ordering::Relaxed) > self.keep.total_bytes;
            let stale = streams.by_id.get(&oldest).is_none_or(|oldest| oldest.is_stale(now));
            if !full && !stale {
                break;
            }
            streams.order.pop_front();
            if let Some(oldest) = streams.by_id.remove(&oldest) {
                oldest.forget();
            }
        }
        transcript
    }

    /// Finds the stream of an event for the prompt that it answers.
    pub(super) fn find(&self, id: EventId, prompt: &Prompt) -> Result<Arc<Transcript>> {
        let transcript = self.streams.lock().by_id.get(&id.stream).cloned();
        let usable = |transcript: &Arc<Transcript>| {
            transcript.owner == self.owner(prompt)
                && !transcript.is_stale(Instant::now())
                && transcript.has(id.number)
        };
        transcript.filter(usable).ok_or_else(|| {
            Error::new(Code::StreamGone, "the stream is not kept here").with_operation("mesh::replay")
        })
    }

    fn owner(&self, prompt: &Prompt) -> u64 {
        self.hasher.hash_one((prompt.head.tenant.as_str(), prompt.body()))
    }
}

impl Transcript {
    /// The events so far, and whether they are all.
    pub(super) fn events(&self) -> (Vec<Bytes>, bool) {
        let state = self.state.lock();
        (state.events.clone(), state.ended)
    }

    /// Makes the caller the reader; another one that still reads has to stop.
    pub(super) fn take_over(&self) -> u32 {
        let mut state = self.state.lock();
        state.touched = Instant::now();
        state.reader += 1;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        state.reader
    }

    /// Whether this is the reader; if so, it is woken when it is not any more.
    pub(super) fn belongs_to(&self, reader: u32, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        if state.reader == reader && !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        state.reader == reader
    }

    /// Numbers events, keeps them, and returns them for the reader. A comment has no number.
    pub(super) fn number<'a>(&self, events: impl Iterator<Item = &'a [u8]>) -> Bytes {
        let mut state = self.state.lock();
        state.touched = Instant::now();
        let mut passed = Vec::new();
        for event in events {
            if let Some(comment) = comment(event) {
                passed.extend_from_slice(comment);
                passed.push(b'\n');
                continue;
            }
            state.number += 1;
            let id = EventId { stream: self.id, number: state.number };
            let event: Bytes = [format!("id: {id}\n").as_bytes(), event].concat().into();
            passed.extend_from_slice(&event);
            if state.events.len() + 1 == state.number as usize {
                state.bytes += event.len();
                self.total.fetch_add(event.len(), Ordering::Relaxed);
                state.events.push(event);
            }
        }
        if state.bytes > self.keep.stream_bytes || self.total.load(Ordering::Relaxed) > self.keep.total_bytes
        {
            self.clear(&mut state);
        }
        passed.into()
    }

    /// The stream is whole.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
    }

    fn has(&self, number: u32) -> bool {
        let state = self.state.lock();
        number <= state.number && state.events.len() == state.number as usize
    }

    fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.state.lock().touched) > self.keep.time
    }

    fn forget(&self) {
        self.clear(&mut self.state.lock());
    }

    fn clear(&self, state: &mut State) {
        self.total.fetch_sub(std::mem::take(&mut state.bytes), Ordering::Relaxed);
        // Fewer events than numbers: nobody can come back to it.
        state.events = Vec::new();
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.total.fetch_sub(self.state.get_mut().bytes, Ordering::Relaxed);
    }
}
