use std::fmt;
use std::mem;
use std::task::{Context, Poll};

use maily_errors::{Error, Result};
use tower_service::Service;

use super::codec::Codec;
use crate::idempotency::{Begin, Fingerprint, Idempotency};
use crate::layer::ResponseFuture;
use crate::model::Key;
use crate::port::Store;

/// A service that runs each key once.
///
/// Dropping the future drops the work where it waited; its key stays taken until the lease ends.
#[derive(Clone)]
pub struct Once<S, F, C, I> {
    idempotency: Idempotency<S>,
    identify: F,
    codec: C,
    inner: I,
}

impl<S, F, C, I> Once<S, F, C, I> {
    pub(super) const fn new(idempotency: Idempotency<S>, identify: F, codec: C, inner: I) -> Self {
        Self { idempotency, identify, codec, inner }
    }
}

impl<S, F, C, I, Req> Service<Req> for Once<S, F, C, I>
where
    S: Store + 'static,
    F: Fn(&Req) -> Option<(Key, Fingerprint)>,
    C: Codec<I::Response> + Clone + Send + Sync + 'static,
    I: Service<Req, Response: Send + Sync, Error: Into<Error>, Future: Send> + Clone + Send + 'static,
    Req: Send + 'static,
{
    type Response = I::Response;
    type Error = Error;
    type Future = ResponseFuture<I::Future, I::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Req) -> Self::Future {
        let Some((key, fingerprint)) = (self.identify)(&req) else {
            return ResponseFuture::call(self.inner.call(req));
        };
        let (idempotency, codec) = (self.idempotency.clone(), self.codec.clone());
        // The service that was ready goes into the future; its clone is asked again before the next request.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        ResponseFuture::stored(Box::pin(once(idempotency, key, fingerprint, codec, inner, req)))
    }
}

async fn once<S, C, I, Req>(
    idempotency: Idempotency<S>,
    key: Key,
    fingerprint: Fingerprint,
    codec: C,
    mut inner: I,
    req: Req,
) -> Result<I::Response>
where
    S: Store,
    C: Codec<I::Response>,
    I: Service<Req, Error: Into<Error>>,
{
    let permit = match idempotency.begin(&key, fingerprint).await? {
        Begin::Replay(kept) => return codec.decode(kept),
        Begin::Run(permit) => permit,
    };
    let result = permit.while_renewed(inner.call(req)).await.map_err(Into::into);
    let kept = result.as_ref().ok().and_then(|response| codec.encode(response).ok().flatten());
    // What the service did is done: if the store cannot be told, its answer is right all the same, and the lease ends
    // by itself.
    match kept {
        Some(kept) => permit.complete(kept).await.ok(),
        None => permit.abandon().await.ok(),
    };
    result
}

impl<S: fmt::Debug, F, C, I: fmt::Debug> fmt::Debug for Once<S, F, C, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("idempotency", &self.idempotency)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
