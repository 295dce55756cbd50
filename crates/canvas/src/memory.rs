//! Every port in memory: for tests, examples and the first five minutes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt, stream};
use maily_errors::{Code, Error};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::model::{Caller, DocumentName, Grant, Mark, Stored};
use crate::port::{Access, Bus, DocStore, Overlay};
use crate::scene::Scene;

/// A [`DocStore`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    documents: Mutex<BTreeMap<DocumentName, Log>>,
}

#[derive(Debug, Default)]
struct Log {
    snapshot: Option<Bytes>,
    covered: u64,
    updates: Vec<Bytes>,
}

impl DocStore for MemoryStore {
    fn append<'a>(
        &'a self,
        document: &'a DocumentName,
        updates: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        let mut documents = self.documents.lock();
        let log = documents.entry(document.clone()).or_default();
        log.updates.extend(updates);
        ready(Ok(log.covered + log.updates.len() as u64)).boxed()
    }

    fn load<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        let documents = self.documents.lock();
        let stored = documents.get(document).map(|log| {
            let last = log.covered + log.updates.len() as u64;
            Stored::new(log.snapshot.clone(), log.updates.clone(), last)
        });
        ready(Ok(stored)).boxed()
    }

    fn compact<'a>(
        &'a self,
        document: &'a DocumentName,
        upto: u64,
        snapshot: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let mut documents = self.documents.lock();
        if let Some(log) = documents.get_mut(document)
            && upto > log.covered
        {
            let covered = usize::try_from(upto - log.covered).unwrap_or(usize::MAX).min(log.updates.len());
            log.updates.drain(..covered);
            log.covered += covered as u64;
            log.snapshot = Some(snapshot);
        }
        ready(Ok(())).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<DocumentName>, Error>> {
        ready(Ok(self.documents.lock().keys().cloned().collect())).boxed()
    }

    fn remove<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<bool, Error>> {
        ready(Ok(self.documents.lock().remove(document).is_some())).boxed()
    }
}

/// A [`Bus`] between canvases of one process.
#[derive(Debug, Default)]
pub struct MemoryBus {
    topics: Mutex<HashMap<DocumentName, broadcast::Sender<Bytes>>>,
}

impl MemoryBus {
    fn topic(&self, document: &DocumentName) -> broadcast::Sender<Bytes> {
        let mut topics = self.topics.lock();
        topics.entry(document.clone()).or_insert_with(|| broadcast::channel(BUFFER).0).clone()
    }
}

impl Bus for MemoryBus {
    fn publish<'a>(&'a self, document: &'a DocumentName, frame: Bytes) -> BoxFuture<'a, Result<(), Error>> {
        // Nobody listens: nobody misses it.
        let _ = self.topic(document).send(frame);
        ready(Ok(())).boxed()
    }

    fn subscribe<'a>(
        &'a self,
        document: &'a DocumentName,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Bytes, Error>>, Error>> {
        let receiver = self.topic(document).subscribe();
        let frames = stream::unfold(receiver, async |mut receiver| match receiver.recv().await {
            Ok(frame) => Some((Ok(frame), receiver)),
            Err(broadcast::error::RecvError::Closed) => None,
            Err(broadcast::error::RecvError::Lagged(count)) => {
                let err = Error::new(Code::Unavailable, "the bus was faster than its reader")
                    .with_operation("bus::subscribe")
                    .with_context("missed_frames", count);
                Some((Err(err), receiver))
            }
        });
        ready(Ok(frames.boxed())).boxed()
    }
}

/// An [`Access`] that lets everybody write, as on one's own machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenAccess;

impl Access for OpenAccess {
    fn grant<'a>(&'a self, _: &'a DocumentName, _: &'a Caller) -> BoxFuture<'a, Result<Grant, Error>> {
        ready(Ok(Grant::write())).boxed()
    }
}

/// An [`Access`] by a list of keys, each good for all documents.
///
/// # Examples
///
/// ```
/// use maily_canvas::memory::KeyAccess;
/// use maily_canvas::model::{Caller, Grant, Rights};
/// use maily_canvas::port::Access;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), maily_errors::Error> {
/// let access = KeyAccess::default().with_key("reader", Grant::read().with_user("Ada"));
/// let caller = Caller::with_key("reader".to_owned().into());
///
/// let grant = access.grant(&"spring".parse()?, &caller).await?;
/// assert_eq!(grant.rights, Rights::Read);
/// assert!(access.grant(&"spring".parse()?, &Caller::default()).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct KeyAccess {
    grants: HashMap<String, Grant>,
}

impl KeyAccess {
    /// Adds a key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>, grant: Grant) -> Self {
        self.grants.insert(key.into(), grant);
        self
    }
}

impl Access for KeyAccess {
    fn grant<'a>(&'a self, _: &'a DocumentName, caller: &'a Caller) -> BoxFuture<'a, Result<Grant, Error>> {
        let known = caller.key.as_ref().and_then(|key| self.grants.get(key.expose()));
        let refused = || Error::from(Code::Unauthorized).with_operation("access::grant");
        ready(known.cloned().ok_or_else(refused)).boxed()
    }
}

/// An [`Overlay`] with the same marks for every scene.
#[derive(Clone, Debug, Default)]
pub struct FixedOverlay {
    marks: Vec<Mark>,
}

impl FixedOverlay {
    /// Creates an overlay of these marks.
    #[must_use]
    pub const fn new(marks: Vec<Mark>) -> Self {
        Self { marks }
    }
}

impl Overlay for FixedOverlay {
    fn marks<'a>(&'a self, _: &'a DocumentName, scene: &'a Scene) -> BoxFuture<'a, Result<Vec<Mark>, Error>> {
        let marks = self.marks.iter().filter(|mark| scene.element(&mark.element).is_some());
        ready(Ok(marks.cloned().collect())).boxed()
    }
}

/// Frames that a slow reader of the bus may be behind.
const BUFFER: usize = 1024;
