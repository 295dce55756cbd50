use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};
use std::time::Duration;

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
    shelf: Weak<Mutex<Streams>>,
    state: Mutex<State>,
}

/// A stream that somebody came back to.
pub(super) struct Resumed {
    pub(super) transcript: Arc<Transcript>,
    pub(super) reader: u32,
    pub(super) events: Vec<Bytes>,
    pub(super) ended: bool,
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
            shelf: Arc::downgrade(&self.streams),
            state: Mutex::new(state),
        });
        let mut streams = self.streams.lock();
        streams.by_id.insert(transcript.id, transcript.clone());
        streams.order.push_back(transcript.id);
        streams.make_room(&self.keep, &self.bytes);
        transcript
    }

    /// Finds the stream of an event for the prompt that it answers, and makes the caller its reader.
    pub(super) fn find(&self, id: EventId, prompt: &Prompt) -> Result<Resumed> {
        let transcript = self.streams.lock().by_id.get(&id.stream).cloned();
        let usable = transcript.filter(|transcript| transcript.owner == self.owner(prompt));
        let found = usable.and_then(|transcript| transcript.resume(id.number));
        found.ok_or_else(|| {
            Error::new(Code::StreamGone, "the stream is not kept here").with_operation("mesh::replay")
        })
    }

    fn owner(&self, prompt: &Prompt) -> u64 {
        self.hasher.hash_one((prompt.head.tenant.as_str(), prompt.body()))
    }
}

impl Streams {
    /// Forgets what is too old, and the oldest while there is too much.
    fn make_room(&mut self, keep: &Keep, bytes: &AtomicUsize) {
        let now = Instant::now();
        while let Some(oldest) = self.order.front().copied() {
            let full = self.order.len() > keep.streams || bytes.load(Ordering::Relaxed) > keep.total_bytes;
            if !full && !self.by_id.get(&oldest).is_none_or(|oldest| oldest.is_stale(now)) {
                break;
            }
            self.order.pop_front();
            if let Some(oldest) = self.by_id.remove(&oldest) {
                oldest.forget();
            }
        }
    }
}

impl Transcript {
    /// Goes on behind an event, if it and all before it are kept.
    fn resume(self: Arc<Self>, behind: u32) -> Option<Resumed> {
        let mut state = self.state.lock();
        let is_stale = state.is_stale(Instant::now(), self.keep.time);
        let is_kept = behind <= state.number && state.events.len() == state.number as usize;
        if is_stale || !is_kept {
            return None;
        }
        // In one go with the look at it: what the reader before numbers from here on would be told twice.
        let reader = if state.ended { state.reader } else { state.take_over() };
        let (events, ended) = (state.events.clone(), state.ended);
        drop(state);
        Some(Resumed { transcript: self, reader, events, ended })
    }

    /// Whether this is the reader; if so, it is woken when it is not any more.
    pub(super) fn belongs_to(&self, reader: u32, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        if state.reader == reader && !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        state.reader == reader
    }

    /// Numbers events, keeps them, and returns them for the reader, if this still is the reader. A comment has no number.
    pub(super) fn number<'a>(&self, reader: u32, events: impl Iterator<Item = &'a [u8]>) -> Option<Bytes> {
        let mut state = self.state.lock();
        if state.reader != reader {
            return None;
        }
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
        if state.bytes > self.keep.stream_bytes {
            self.clear(&mut state);
        }
        // Let go before the others are looked at: they may look at this one.
        drop(state);
        if self.total.load(Ordering::Relaxed) > self.keep.total_bytes
            && let Some(streams) = self.shelf.upgrade()
        {
            streams.lock().make_room(&self.keep, &self.total);
        }
        Some(passed.into())
    }

    /// The stream is whole.
    pub(super) fn end(&self) {
        self.state.lock().ended = true;
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.state.lock().is_stale(now, self.keep.time)
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

impl State {
    /// Makes the caller the reader; another one that still reads has to stop.
    fn take_over(&mut self) -> u32 {
        self.touched = Instant::now();
        self.reader += 1;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        self.reader
    }

    fn is_stale(&self, now: Instant, keep: Duration) -> bool {
        now.saturating_duration_since(self.touched) > keep
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        self.total.fetch_sub(self.state.get_mut().bytes, Ordering::Relaxed);
    }
}
