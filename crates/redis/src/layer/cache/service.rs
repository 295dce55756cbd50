use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use parking_lot::Mutex;
use tower_service::Service;

use super::mark::Mark;
use crate::cache::{Cache, Cached};
use crate::layer::ResponseFuture;
use crate::layer::idempotency::Codec;
use crate::model::Key;
use crate::port::Watch;

/// A service whose answers are cached.
///
/// Dropping the future leaves a request that is under way to those who wait for the same answer.
pub struct Remember<S: Watch, F, C, M, I> {
    cache: Cache<S>,
    ttl: Duration,
    identify: F,
    codec: C,
    mark: M,
    inner: I,
}

/// A request that nobody has sent yet, or the answer to it that is not kept. Whoever needs it takes it.
enum Pending<I, Req, Res> {
    Answered(Res),
    Taken,
    Unsent(I, Req),
}

impl<S: Watch, F, C, M, I> Remember<S, F, C, M, I> {
    pub(super) const fn new(
        cache: Cache<S>,
        ttl: Duration,
        identify: F,
        codec: C,
        mark: M,
        inner: I,
    ) -> Self {
        Self { cache, ttl, identify, codec, mark, inner }
    }
}

impl<S, F, C, M, I, Req> Service<Req> for Remember<S, F, C, M, I>
where
    S: Watch + 'static,
    F: Fn(&Req) -> Option<Key>,
    C: Codec<I::Response> + Clone + Send + Sync + 'static,
    M: Mark<I::Response> + Clone + Send + 'static,
    I: Service<Req, Response: Send, Error: Into<Error> + Send, Future: Send> + Clone + Send + 'static,
    I::Response: 'static,
    Req: Send + 'static,
{
    type Response = I::Response;
    type Error = Error;
    type Future = ResponseFuture<I::Future, I::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let Some(key) = (self.identify)(&req) else {
            return ResponseFuture::call(self.inner.call(req));
        };
        // The service that was ready goes into the future; its clone is asked again before the next request.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        let (cache, codec, mark) = (self.cache.clone(), self.codec.clone(), self.mark.clone());
        let answer = remember(cache, self.ttl, key, codec, inner, req);
        ResponseFuture::stored(Box::pin(async move {
            let (response, is_stale) = answer.await?;
            Ok(if is_stale { mark.mark(response) } else { response })
        }))
    }
}

/// Returns the answer, and whether its time is over.
async fn remember<S, C, I, Req>(
    cache: Cache<S>,
    ttl: Duration,
    key: Key,
    codec: C,
    inner: I,
    req: Req,
) -> Result<(I::Response, bool)>
where
    S: Watch + 'static,
    C: Codec<I::Response> + Clone + Send + Sync + 'static,
    I: Service<Req, Response: Send, Error: Into<Error> + Send, Future: Send> + Send + 'static,
    I::Response: 'static,
    Req: Send + 'static,
{
    let pending = Arc::new(Mutex::new(Pending::Unsent(inner, req)));
    let load = {
        let (pending, codec) = (Arc::clone(&pending), codec.clone());
        move || load(pending, codec)
    };
    let cached = cache.get_or_load(&key, ttl, load).await;
    if cached.is_ok() && matches!(*pending.lock(), Pending::Unsent(..)) {
        // Not needed for this answer; the load that refreshes it in the background may still send it.
        return decode(&codec, cached?);
    }
    let left = mem::replace(&mut *pending.lock(), Pending::Taken);
    match left {
        // One's own answer, which is not kept, is better than an old one.
        Pending::Answered(response) => return Ok((response, false)),
        // Another request was sent, and its answer is only for who sent it.
        Pending::Unsent(mut inner, req) if cached.as_ref().is_err_and(is_not_kept) => {
            let call = inner.call(req);
            return call.await.map(|response| (response, false)).map_err(Into::into);
        }
        Pending::Taken | Pending::Unsent(..) => {}
    }
    decode(&codec, cached?)
}

/// Returns a kept answer, and whether its time is over.
fn decode<R>(codec: &impl Codec<R>, cached: Cached) -> Result<(R, bool)> {
    let is_stale = cached.is_stale();
    match cached.into_value() {
        Some(kept) => codec.decode(kept).map(|response| (response, is_stale)),
        // This layer keeps answers only.
        None => {
            Err(Error::new(Code::Corrupt, "the key holds that there is no answer")
                .with_operation("redis::cache"))
        }
    }
}

/// Sends the request, and returns what is to be kept of its answer.
async fn load<C, I, Req>(pending: Arc<Mutex<Pending<I, Req, I::Response>>>, codec: C) -> Result<Option<Bytes>>
where
    C: Codec<I::Response>,
    I: Service<Req, Error: Into<Error>>,
{
    let unsent = mem::replace(&mut *pending.lock(), Pending::Taken);
    // The caller may have given up and taken it back.
    let Pending::Unsent(mut inner, req) = unsent else { return Err(not_kept()) };
    let call = inner.call(req);
    let response = call.await.map_err(Into::into)?;
    if let Ok(Some(kept)) = codec.encode(&response) {
        return Ok(Some(kept));
    }
    *pending.lock() = Pending::Answered(response);
    Err(not_kept())
}

fn not_kept() -> Error {
    Error::from(Code::RedisAnswerNotKept)
}

fn is_not_kept(err: &Error) -> bool {
    err.code() == Code::RedisAnswerNotKept
}

impl<S: Watch, F: Clone, C: Clone, M: Clone, I: Clone> Clone for Remember<S, F, C, M, I> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            ttl: self.ttl,
            identify: self.identify.clone(),
            codec: self.codec.clone(),
            mark: self.mark.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<S: Watch, F, C, M, I: fmt::Debug> fmt::Debug for Remember<S, F, C, M, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remember")
            .field("cache", &self.cache)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
