//! The tower service that is the crate: a store behind requests and replies.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use maily_errors::{Error, Result};
use tower_service::Service;

use crate::model::{StoreReply, StoreRequest};
use crate::port::Store;

/// A [`Store`] as a service, so that every layer fits over it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use maily_redis::layer::deadline::DeadlineLayer;
/// use maily_redis::{Key, MemoryStore, StoreReply, StoreRequest, StoreService};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> maily_errors::Result<()> {
/// let store = ServiceBuilder::new()
///     .layer(DeadlineLayer::new(Duration::from_secs(1)))
///     .service(StoreService::new(MemoryStore::default()));
///
/// let key = Key::new("visits")?;
/// let reply = store.oneshot(StoreRequest::Increment { key, by: 2, ttl: None }).await?;
/// assert_eq!(reply, StoreReply::Count(2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct StoreService<S> {
    store: S,
}

impl<S> StoreService<S> {
    /// Creates the service of a store.
    pub const fn new(store: S) -> Self {
        Self { store }
    }
}

impl<S: Store + 'static> Service<StoreRequest> for StoreService<S> {
    type Response = StoreReply;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: StoreRequest) -> Self::Future {
        let store = self.store.clone();
        ResponseFuture { inner: Box::pin(async move { answer(&store, request).await }) }
    }
}

/// The answer of a [`StoreService`].
///
/// Boxed: the futures of the six methods have no names.
pub struct ResponseFuture {
    inner: Pin<Box<dyn Future<Output = Result<StoreReply>> + Send>>,
}

impl Future for ResponseFuture {
    type Output = Result<StoreReply>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

async fn answer(store: &impl Store, request: StoreRequest) -> Result<StoreReply> {
    Ok(match request {
        StoreRequest::CompareAndSet { key, swap } => {
            StoreReply::Done(store.compare_and_set(&key, swap).await?)
        }
        StoreRequest::Expire { key, ttl } => StoreReply::Done(store.expire(&key, ttl).await?),
        StoreRequest::Get { key } => StoreReply::Value(store.get(&key).await?),
        StoreRequest::Increment { key, by, ttl } => StoreReply::Count(store.increment(&key, by, ttl).await?),
        StoreRequest::Remove { key } => StoreReply::Done(store.remove(&key).await?),
        StoreRequest::Set { key, value, ttl } => {
            store.set(&key, value, ttl).await?;
            StoreReply::Done(true)
        }
    })
}
