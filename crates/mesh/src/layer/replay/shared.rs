use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use maily_errors::{Code, Error, Result};
use parking_lot::RwLock;
use tokio::time::Instant;

use super::Keep;
use super::page::{self, Kind, Owner, Told};
use super::room::Room;
use crate::model::{EventId, Prompt, StreamId};
use crate::port::Transcripts;

/// Streams that every instance can go on with, once somebody says where they are kept. Clones are the same.
#[derive(Clone)]
pub(super) struct Shared {
    place: Arc<RwLock<Option<Arc<dyn Transcripts>>>>,
    keep: Keep,
    room: Arc<Room>,
}

/// A stream that this instance writes.
pub(super) struct Writer {
    pub(super) transcripts: Arc<dyn Transcripts>,
    pub(super) room: Arc<Room>,
    pub(super) stream: StreamId,
    pub(super) owner: Owner,
    /// The next page, and the last event.
    pub(super) page: u32,
    pub(super) number: u32,
    /// How many bytes the stream may still have.
    pub(super) left: usize,
    /// When the prompt is over, and how long behind that pages are kept.
    ends: Instant,
    behind: Duration,
}

/// A stream that a reader came back to.
pub(super) struct Found {
    pub(super) told: Told,
    pub(super) writer: Writer,
}

impl Shared {
    pub(super) fn new(keep: Keep) -> Self {
        Self { place: Arc::default(), keep, room: Arc::new(Room::new(keep.total_bytes)) }
    }

    pub(super) fn set(&self, transcripts: Arc<dyn Transcripts>) {
        *self.place.write() = Some(transcripts);
    }

    /// Begins a stream; `None` when streams are kept in this process.
    pub(super) fn begin(&self, prompt: &Prompt) -> Option<Writer> {
        let transcripts = self.place.read().clone()?;
        Some(Writer {
            transcripts,
            room: self.room.clone(),
            stream: StreamId::random(),
            owner: Owner::of(prompt),
            page: 0,
            number: 0,
            left: self.keep.stream_bytes,
            ends: prompt.head.deadline.unwrap_or_else(|| Instant::now() + LONGEST),
            behind: self.keep.time,
        })
    }
}

impl Writer {
    /// Finds the stream of an event and takes it over, so that nobody else writes it any more.
    ///
    /// A stream that has ended is only read.
    pub(super) async fn take_over(mut self, last: EventId) -> Result<Found> {
        let mut told = Told::default();
        self.stream = StreamId::new(last.stream);
        for _ in 0..RACES {
            let pages = self.transcripts.read(self.stream, told.pages).await?;
            told.read(self.stream, self.owner, &pages).ok_or_else(gone)?;
            if told.events.len() < last.number as usize || told.pages == 0 {
                return Err(gone());
            }
            self.page = told.pages;
            self.number = told.events.len() as u32;
            if told.ended || self.write(Kind::TakenOver, &[]).await? {
                self.page += 1;
                self.left = self.left.saturating_sub(told.events.iter().map(Bytes::len).sum());
                return Ok(Found { told, writer: self });
            }
        }
        Err(gone())
    }

    /// Writes the next page; the future says whether nobody else did.
    pub(super) fn write(&self, kind: Kind, events: &[u8]) -> BoxFuture<'static, Result<bool>> {
        let content = page::write(self.owner, kind, events);
        self.transcripts.write(self.stream, self.page, content, self.kept_for())
    }

    /// How long a page is kept that is written now.
    pub(super) fn kept_for(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now()) + self.behind
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("set", &self.place.read().is_some()).finish_non_exhaustive()
    }
}

fn gone() -> Error {
    Error::new(Code::StreamGone, "the stream is not kept").with_operation("mesh::replay")
}

/// How long a prompt without a deadline may be answered.
const LONGEST: Duration = Duration::from_secs(600);
/// How often another instance may be faster to write a page. It writes one with each piece of the answer, so this one
/// wins as soon as the model pauses, or when the answer has ended.
const RACES: u32 = 1_000;
