//! What is sent to a room.

use std::sync::Arc;

use maily_errors::{Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use yrs::StateVector;

use super::outbox::Outbox;
use super::replica::{Decoded, Poisoned, Replica};
use crate::model::Grant;
use crate::sync::Presence;

/// A session within its room.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct SessionId(pub(crate) u64);

/// What came out of a task: an update to store, and what to do once it is stored (or not).
pub(crate) struct Outcome {
    pub(crate) update: Option<bytes::Bytes>,
    pub(crate) done: Box<dyn FnOnce(Result<(), Error>) + Send>,
}

/// Work on the document, done by the room.
pub(crate) type Task = Box<dyn FnOnce(&mut Replica) -> Result<Outcome, Poisoned> + Send>;

pub(crate) enum Command {
    Join {
        grant: Grant,
        outbox: Arc<Outbox>,
        reply: oneshot::Sender<Result<SessionId, Error>>,
    },
    /// The session has read everything, and something was left out.
    Lagging(SessionId),
    Presence {
        session: SessionId,
        said: Vec<Presence>,
    },
    Query(SessionId),
    Task(Task),
    Update {
        session: SessionId,
        decoded: Decoded,
        answer: bool,
        _permit: OwnedSemaphorePermit,
    },
    Vector {
        session: SessionId,
        vector: StateVector,
    },
}

/// The way into a room. The room ends when the last one is dropped.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) inbox: mpsc::Sender<Command>,
    pub(crate) leaves: mpsc::UnboundedSender<SessionId>,
    /// Kibibytes that may wait in the inbox.
    pub(crate) space: Arc<Semaphore>,
    pub(crate) version: watch::Receiver<u64>,
}

impl Handle {
    pub(crate) async fn send(&self, command: Command) -> Result<(), Error> {
        self.inbox.send(command).await.map_err(|_| ended())
    }

    /// Waits until there is space for this many bytes.
    pub(crate) async fn space(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        Arc::clone(&self.space).acquire_many_owned(kibibytes).await.map_err(|_| ended())
    }
}

/// The room is gone, which a next try may find open again.
pub(crate) fn ended() -> Error {
    Error::new(Code::Unavailable, "the document was closed").with_operation("room::send")
}

/// The same error for one more receiver.
pub(crate) fn again(err: &Error) -> Error {
    Error::new(err.code(), err.message()).with_operation("room::run")
}
