use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use maily_errors::Result;
use parking_lot::Mutex;
use pin_project_lite::pin_project;

use super::recent::Recent;
use crate::model::EventKey;
use crate::service::Ingested;

pin_project! {
    /// Remembers the events once they are stored.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        dropped: u64,
        keys: Vec<EventKey>,
        recent: Arc<Mutex<Recent>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(inner: F, dropped: u64, keys: Vec<EventKey>, recent: Arc<Mutex<Recent>>) -> Self {
        Self { inner, dropped, keys, recent }
    }
}

impl<F: Future<Output = Result<Ingested>>> Future for ResponseFuture<F> {
    type Output = Result<Ingested>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut ingested = ready!(this.inner.poll(cx))?;
        let mut recent = this.recent.lock();
        for key in this.keys.drain(..) {
            recent.insert(key);
        }
        ingested.duplicates += *this.dropped;
        Poll::Ready(Ok(ingested))
    }
}
