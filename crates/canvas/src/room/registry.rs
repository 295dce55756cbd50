//! The open rooms.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use maily_errors::{Code, Error, Public};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, watch};
use tracing::Instrument;

use super::actor::{self, Parts};
use super::command::Handle;
use crate::config::CanvasConfig;
use crate::model::DocumentName;
use crate::port::{Bus, DocStore};

/// Finds the room of a document, or opens it. There is never more than one.
pub(crate) struct Registry {
    store: Arc<dyn DocStore>,
    bus: Option<Arc<dyn Bus>>,
    config: Arc<CanvasConfig>,
    rooms: Mutex<HashMap<DocumentName, Open>>,
}

struct Open {
    handle: Weak<Handle>,
    ended: watch::Receiver<()>,
}

/// Held by the task of a room; takes it off the list when it ends, however it ends.
struct Entry {
    registry: Arc<Registry>,
    document: DocumentName,
    _ended: watch::Sender<()>,
}

impl Registry {
    pub(crate) fn new(
        store: Arc<dyn DocStore>,
        bus: Option<Arc<dyn Bus>>,
        config: Arc<CanvasConfig>,
    ) -> Self {
        Self { store, bus, config, rooms: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &Arc<dyn DocStore> {
        &self.store
    }

    pub(crate) const fn config(&self) -> &Arc<CanvasConfig> {
        &self.config
    }

    /// Returns how many rooms are open.
    pub(crate) fn len(&self) -> usize {
        self.rooms.lock().len()
    }

    pub(crate) fn is_open(&self, document: &DocumentName) -> bool {
        self.rooms.lock().get(document).is_some_and(|open| open.handle.strong_count() > 0)
    }

    pub(crate) async fn open(self: &Arc<Self>, document: &DocumentName) -> Result<Arc<Handle>, Error> {
        loop {
            let mut ended = match self.find(document)? {
                Ok(handle) => return Ok(handle),
                Err(ended) => ended,
            };
            // The room before this one is still storing: its task drops the sender at the end.
            while ended.changed().await.is_ok() {}
        }
    }

    fn find(
        self: &Arc<Self>,
        document: &DocumentName,
    ) -> Result<Result<Arc<Handle>, watch::Receiver<()>>, Error> {
        let mut rooms = self.rooms.lock();
        if let Some(open) = rooms.get(document) {
            return Ok(open.handle.upgrade().ok_or_else(|| open.ended.clone()));
        }
        let limit = self.config.max_rooms;
        if rooms.len() >= limit {
            return Err(Error::new(Code::RoomFull, "too many documents are open")
                .with_operation("room::open")
                .with_context("limit_rooms", Public(limit)));
        }
        let (inbox, commands) = mpsc::channel(INBOX);
        let (leaves, left) = mpsc::unbounded_channel();
        let (changes, version) = watch::channel(0);
        let (alive, ended) = watch::channel(());
        // The largest frame must fit, or it would wait for ever.
        let bytes = self.config.max_inbox_bytes.max(self.config.max_frame_bytes);
        let space = Arc::new(Semaphore::new(bytes.div_ceil(1024)));
        let handle = Arc::new(Handle { inbox, leaves, space, version });
        let open = Open { handle: Arc::downgrade(&handle), ended };
        rooms.insert(document.clone(), open);
        drop(rooms);

        let entry = Entry { registry: Arc::clone(self), document: document.clone(), _ended: alive };
        let parts = Parts {
            document: document.clone(),
            store: Arc::clone(&self.store),
            bus: self.bus.clone(),
            config: Arc::clone(&self.config),
            inbox: commands,
            leaves: left,
            version: changes,
        };
        // Below nothing: the request that opened it ends long before it does.
        let span = tracing::info_span!(parent: None, "room", document = %document);
        // Owned by its handles: it ends when the last one is dropped.
        tokio::spawn(
            async move {
                let _entry = entry;
                actor::run(parts).await;
            }
            .instrument(span),
        );
        Ok(Ok(handle))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.registry.rooms.lock().remove(&self.document);
    }
}

/// Commands that may wait for a room.
const INBOX: usize = 1024;
