//! A Yjs client as a room sees it, and a store that is slow or broken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maily_canvas::memory::MemoryStore;
use maily_canvas::model::{Caller, Stored};
use maily_canvas::port::DocStore;
use maily_canvas::sync::Frame;
use maily_canvas::{Canvas, DocumentName, Join, Session};
use maily_errors::{Code, Error};
use tokio::sync::Semaphore;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update};

/// A Yjs client, as far as a room can tell.
pub(crate) struct Client {
    pub(crate) doc: Doc,
    pub(crate) session: Session,
}

impl Client {
    pub(crate) async fn join(canvas: &Canvas) -> Self {
        Self::with(canvas, Doc::new(), Caller::default()).await
    }

    pub(crate) async fn with(canvas: &Canvas, doc: Doc, caller: Caller) -> Self {
        let session = canvas.join(&Join::new(name(), caller)).await.unwrap();
        let client = Self { doc, session };
        client.send(&Frame::SyncStep1(client.vector())).await;
        client
    }

    pub(crate) fn vector(&self) -> Bytes {
        self.doc.transact().state_vector().encode_v1().into()
    }

    pub(crate) async fn send(&self, frame: &Frame) {
        self.session.send(frame.encode()).await.unwrap();
    }

    /// Types at the end, and sends the update.
    pub(crate) async fn types(&self, text: &str) {
        let update = {
            let shared = self.doc.get_or_insert_text("text");
            let mut txn = self.doc.transact_mut();
            shared.push(&mut txn, text);
            txn.encode_update_v1()
        };
        self.send(&Frame::Update(update.into())).await;
    }

    pub(crate) fn text(&self) -> String {
        let shared = self.doc.get_or_insert_text("text");
        shared.get_string(&self.doc.transact())
    }

    pub(crate) async fn next(&self) -> Frame {
        Frame::decode(self.session.recv().await.unwrap().unwrap()).unwrap()
    }

    /// Reads frames, as a provider does, until one of them makes the condition true.
    pub(crate) async fn until(&self, mut holds: impl FnMut(&Self, &Frame) -> bool) {
        loop {
            let frame = self.next().await;
            match &frame {
                Frame::SyncStep1(vector) => {
                    let vector = StateVector::decode_v1(vector).unwrap();
                    let missing = self.doc.transact().encode_diff_v1(&vector);
                    self.send(&Frame::SyncStep2(missing.into())).await;
                }
                Frame::SyncStep2(update) | Frame::Update(update) => {
                    self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
                }
                _ => {}
            }
            if holds(self, &frame) {
                return;
            }
        }
    }

    pub(crate) async fn synced(self) -> Self {
        self.until(|_, frame| matches!(frame, Frame::SyncStep2(_))).await;
        self
    }
}

pub(crate) fn name() -> DocumentName {
    "spring".parse().unwrap()
}

/// A store whose appends wait for permission, or fail.
#[derive(Default)]
pub(crate) struct Slow {
    pub(crate) inner: MemoryStore,
    pub(crate) gate: Option<Arc<Semaphore>>,
    pub(crate) appends: AtomicUsize,
    pub(crate) broken: AtomicBool,
    pub(crate) unreadable: AtomicBool,
}

impl DocStore for Slow {
    fn append<'a>(
        &'a self,
        document: &'a DocumentName,
        updates: Vec<Bytes>,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        async move {
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            if self.broken.load(Ordering::SeqCst) {
                return Err(Error::from(Code::StoreFailed));
            }
            self.appends.fetch_add(1, Ordering::SeqCst);
            self.inner.append(document, updates).await
        }
        .boxed()
    }

    fn load<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<Option<Stored>, Error>> {
        if self.unreadable.load(Ordering::SeqCst) {
            return async { Err(Error::from(Code::StoreCorrupt)) }.boxed();
        }
        self.inner.load(document)
    }

    fn compact<'a>(
        &'a self,
        document: &'a DocumentName,
        upto: u64,
        snapshot: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.inner.compact(document, upto, snapshot)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<DocumentName>, Error>> {
        self.inner.list()
    }

    fn remove<'a>(&'a self, document: &'a DocumentName) -> BoxFuture<'a, Result<bool, Error>> {
        self.inner.remove(document)
    }
}
