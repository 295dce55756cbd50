//! One connected client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Public};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::command::{Command, Handle, SessionId, ended};
use super::outbox::{Next, Outbox};
use super::replica::{Decoded, decode_vector};
use crate::config::CanvasConfig;
use crate::model::{Grant, Rights};
use crate::sync::{Frame, Presence};

/// A duplex of protocol frames between one client and its room.
///
/// Both directions take `&self`, so one task can wait for both. Dropping it leaves the room.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    room: Arc<Handle>,
    outbox: Arc<Outbox>,
    grant: Grant,
    config: Arc<CanvasConfig>,
    pace: Option<Mutex<Pace>>,
}

impl Session {
    pub(crate) async fn join(
        room: Arc<Handle>,
        grant: Grant,
        config: Arc<CanvasConfig>,
    ) -> Result<Self, Error> {
        let outbox = Arc::new(Outbox::new(config.max_outbox_bytes));
        let (reply, joined) = oneshot::channel();
        room.send(Command::Join { grant: grant.clone(), outbox: Arc::clone(&outbox), reply }).await?;
        let id = joined.await.map_err(|_| ended())??;
        Ok(Self { id, room, outbox, grant, config, pace: None })
    }

    /// Returns who is connected, and what is allowed.
    #[must_use]
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Slows the session down to this many frames and bytes a second. Nothing is dropped: the sender waits.
    #[must_use]
    pub fn with_pace(mut self, frames_per_second: u32, bytes_per_second: u32) -> Self {
        self.pace = Some(Mutex::new(Pace::new(frames_per_second, bytes_per_second)));
        self
    }

    /// Takes one frame of the client; waits while the room has more than it can hold.
    ///
    /// An edit without the right to write is answered by a `Denied` frame, and changes nothing.
    ///
    /// # Errors
    ///
    /// The session goes on after these:
    ///
    /// - [`Code::FrameTooLarge`] when the frame is over the limit.
    /// - [`Code::FrameMalformed`] when it is cut, has bytes left over, or is of no known kind.
    /// - [`Code::UpdateRejected`] when the update in it cannot be read.
    /// - [`Code::AwarenessInvalid`] when a presence state is too large or not JSON.
    ///
    /// And ends with [`Code::Unavailable`] when the room has ended; [`recv`](Self::recv) says why.
    ///
    /// # Cancellation
    ///
    /// Dropping the future before it is ready drops the frame.
    pub async fn send(&self, frame: Bytes) -> Result<(), Error> {
        let bytes = frame.len();
        if bytes > self.config.max_frame_bytes {
            return Err(Error::from(Code::FrameTooLarge)
                .with_operation("session::send")
                .with_context("limit_bytes", Public(self.config.max_frame_bytes)));
        }
        if let Some(pace) = &self.pace {
            let at = pace.lock().next(bytes);
            tokio::time::sleep_until(at).await;
        }
        let session = self.id;
        let command = match Frame::decode(frame)? {
            Frame::Awareness(said) => {
                self.check(&said)?;
                Command::Presence { session, said }
            }
            Frame::QueryAwareness => Command::Query(session),
            Frame::SyncStep1(vector) => Command::Vector { session, vector: decode_vector(&vector)? },
            Frame::SyncStep2(raw) => return self.update(raw, true).await,
            Frame::Update(raw) => return self.update(raw, false).await,
            Frame::Denied(_) => {
                return Err(Error::new(Code::FrameMalformed, "only the server refuses")
                    .with_operation("session::send"));
            }
        };
        self.room.send(command).await
    }

    /// Waits for the next frame for the client; `None` when the session has ended in order.
    ///
    /// # Errors
    ///
    /// The last answer before `None` may be an error, which says why the room ended the session:
    ///
    /// - [`Code::StoreFailed`] when an update could not be stored: connect again and send it again.
    /// - [`Code::TooManyPending`] when the client's updates wait for others that it does not send.
    /// - [`Code::UpdateRejected`] when its update cannot be applied.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no frame.
    pub async fn recv(&self) -> Option<Result<Bytes, Error>> {
        loop {
            match self.outbox.next() {
                Next::Frame(frame) => return Some(Ok(frame)),
                Next::Ended(reason) => return reason.map(Err),
                Next::Nothing => self.outbox.changed().await,
                Next::Lagging => match self.room.send(Command::Lagging(self.id)).await {
                    Ok(()) => self.outbox.asked(),
                    Err(err) => return Some(Err(err)),
                },
            }
        }
    }

    /// Takes a frame that waits already; `None` when there is none. For sending many in one system call.
    #[must_use]
    pub fn try_recv(&self) -> Option<Bytes> {
        if let Next::Frame(frame) = self.outbox.next() { Some(frame) } else { None }
    }

    async fn update(&self, raw: Bytes, answer: bool) -> Result<(), Error> {
        let bytes = raw.len();
        let decoded = Decoded::new(raw)?;
        if self.grant.rights != Rights::Write {
            if !decoded.is_empty() {
                self.outbox.push(Frame::Denied(Code::ReadOnly.title().to_owned()).encode());
            }
            return Ok(());
        }
        if decoded.is_empty() {
            return Ok(());
        }
        let permit = self.room.space(bytes).await?;
        let command = Command::Update { session: self.id, decoded, answer, _permit: permit };
        self.room.send(command).await
    }

    fn check(&self, said: &[Presence]) -> Result<(), Error> {
        let invalid = |message| Error::new(Code::AwarenessInvalid, message).with_operation("session::send");
        for state in said.iter().filter_map(|one| one.state.as_deref()) {
            let limit = self.config.max_presence_bytes;
            if state.len() > limit {
                return Err(invalid("a presence state is too large")
                    .with_context("bytes", Public(state.len()))
                    .with_context("limit_bytes", Public(limit)));
            }
            // A client would stop at text that is not JSON, and everybody in the room is one.
            if let Err(err) = serde_json::from_str::<serde::de::IgnoredAny>(state) {
                return Err(invalid("a presence state is not json").with_source(err));
            }
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The room may have ended before: then nobody needs to know.
        let _ = self.room.leaves.send(self.id);
    }
}

/// Two virtual clocks, one for frames and one for bytes. Source: the generic cell rate algorithm, ITU-T I.371.
#[derive(Debug)]
struct Pace {
    frame: Duration,
    byte_ns: u64,
    frames_at: Instant,
    bytes_at: Instant,
}

impl Pace {
    fn new(frames_per_second: u32, bytes_per_second: u32) -> Self {
        let now = Instant::now();
        Self {
            frame: Duration::from_secs(1) / frames_per_second.max(1),
            byte_ns: 1_000_000_000 / u64::from(bytes_per_second.max(1)),
            frames_at: now,
            bytes_at: now,
        }
    }

    /// Returns when this frame may go. One second's worth may go at once.
    fn next(&mut self, bytes: usize) -> Instant {
        let now = Instant::now();
        let ready = self.frames_at.max(self.bytes_at);
        let cost = Duration::from_nanos(self.byte_ns.saturating_mul(bytes as u64));
        self.frames_at = self.frames_at.max(now) + self.frame;
        self.bytes_at = self.bytes_at.max(now) + cost;
        ready.checked_sub(Duration::from_secs(1)).unwrap_or(now)
    }
}
