use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::Error;
use parking_lot::Mutex;
use tower_service::Service;

use super::ResponseFuture;
use super::recent::Recent;
use crate::model::Event;
use crate::service::Ingested;

/// Drops events that the service below has stored a moment ago.
#[derive(Clone, Debug)]
pub struct Dedupe<S> {
    inner: S,
    recent: Arc<Mutex<Recent>>,
}

impl<S> Dedupe<S> {
    pub(super) const fn new(inner: S, recent: Arc<Mutex<Recent>>) -> Self {
        Self { inner, recent }
    }
}

impl<S> Service<Vec<Event>> for Dedupe<S>
where
    S: Service<Vec<Event>, Response = Ingested, Error = Error>,
{
    type Response = Ingested;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut events: Vec<Event>) -> Self::Future {
        let before = events.len();
        let recent = self.recent.lock();
        events.retain(|event| !recent.contains(&event.key()));
        drop(recent);
        let dropped = (before - events.len()) as u64;
        let keys = events.iter().map(Event::key).collect();
        ResponseFuture::new(self.inner.call(events), dropped, keys, self.recent.clone())
    }
}
