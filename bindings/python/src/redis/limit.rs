//! `Limiter` and its twin.

use std::future::Future;

use maily_errors::{Code, Error, Result};
use maily_redis::Key;
use maily_redis::limit::{Decision as CoreDecision, Limiter as CoreLimiter, OnFailure, Quota};
use pyo3::prelude::*;

use super::any::AnyStore;
use super::store::Stores;
use super::values::{Blob, duration};
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Limiter>()?;
    module.add_class::<AsyncLimiter>()?;
    module.add_class::<Decision>()
}

twins! {
    "maily.redis", Limits;

    /// Allows `count` requests in each `per` seconds and name, counted over all processes that share the store.
    ///
    /// `burst` is how many of them may come at once, `count` unless set. When the store gives no answer within
    /// `deadline` seconds, `on_failure` decides: "allow" or "refuse".
    sync Limiter {}

    /// Allows `count` requests in each `per` seconds and name, over all processes. Methods return awaitables.
    async AsyncLimiter {}

    both {
        #[new]
        #[pyo3(signature = (store, /, count, per, *, burst=None, on_failure="refuse", deadline=None))]
        fn new(
            store: Stores,
            count: u32,
            per: f64,
            burst: Option<u32>,
            on_failure: &str,
            deadline: Option<f64>,
        ) -> PyResult<Self> {
            let build = || {
                let quota = Quota::new(count, duration(per)?).with_burst(burst.unwrap_or(count));
                let mut limiter = CoreLimiter::new(store.into_any(), quota, policy(on_failure)?)?;
                if let Some(deadline) = deadline {
                    limiter = limiter.with_deadline(duration(deadline)?);
                }
                Ok(Self(Limits(limiter)))
            };
            build().map_err(errors::to_py)
        }
    }

    /// Takes `cost` if the quota allows it now, and says so.
    (name, cost=1, /) fn take(name: Blob, cost: u32) -> Decision;

    /// Takes one, or raises the code `throttled` with the time to wait.
    (name, /) fn admit(name: Blob) -> Decision;
}

/// What a limiter says to one request.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct Decision {
    /// Whether the request may go on.
    allowed: bool,
    /// How many requests of cost 1 would be allowed now, after this one.
    remaining: u32,
    /// In how many seconds the same request would be allowed, if nobody else asks.
    retry_after: f64,
    /// In how many seconds the burst is whole again, if nobody asks.
    reset_after: f64,
    /// Whether the store failed and `on_failure` decided.
    degraded: bool,
}

impl From<CoreDecision> for Decision {
    fn from(decision: CoreDecision) -> Self {
        Self {
            allowed: decision.allowed,
            remaining: decision.remaining,
            retry_after: decision.retry_after.as_secs_f64(),
            reset_after: decision.reset_after.as_secs_f64(),
            degraded: decision.degraded,
        }
    }
}

/// What both classes hold.
pub(super) struct Limits(CoreLimiter<AnyStore>);

impl Limits {
    fn take(&self, name: Blob, cost: u32) -> impl Future<Output = Result<Decision>> + Send + use<> {
        let limiter = self.0.clone();
        async move { limiter.take(&Key::new(name.0)?, cost).await.map(Into::into) }
    }

    fn admit(&self, name: Blob) -> impl Future<Output = Result<Decision>> + Send + use<> {
        let limiter = self.0.clone();
        async move { limiter.admit(&Key::new(name.0)?).await.map(Into::into) }
    }
}

fn policy(name: &str) -> Result<OnFailure> {
    match name {
        "allow" => Ok(OnFailure::Allow),
        "refuse" => Ok(OnFailure::Refuse),
        _ => Err(Error::new(Code::Invalid, "on_failure is neither \"allow\" nor \"refuse\"")
            .with_operation("python::limiter")),
    }
}
