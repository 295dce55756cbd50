//! `Idempotency` and its twin.

use std::future::Future;
use std::sync::Arc;

use maily_errors::Result;
use maily_redis::Key;
use maily_redis::idempotency::{Fingerprint, Idempotency as CoreIdempotency};
use pyo3::prelude::*;

use super::any::AnyStore;
use super::store::Stores;
use super::values::{Blob, Function, duration};
use crate::twins::twins;
use crate::{errors, runtime};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Idempotency>()?;
    module.add_class::<AsyncIdempotency>()?;
    module.add_class::<Answer>()
}

twins! {
    "maily.redis", Records;

    /// Work that is done once per key, and answered the same each time.
    ///
    /// Seconds: an answer is kept for `ttl`, a runner that crashed blocks its key for `lease`, a caller waits for
    /// another one that runs the same work for `wait`.
    sync Idempotency {}

    /// Work that is done once per key, and answered the same each time. Methods return awaitables.
    async AsyncIdempotency {}

    both {
        #[new]
        #[pyo3(signature = (store, /, *, ttl=86_400.0, lease=30.0, wait=0.0, max_answer_bytes=1_048_576))]
        fn new(store: Stores, ttl: f64, lease: f64, wait: f64, max_answer_bytes: usize) -> PyResult<Self> {
            let build = || {
                let records = CoreIdempotency::new(store.into_any())
                    .with_ttl(duration(ttl)?)?
                    .with_lease(duration(lease)?)?
                    .with_wait(duration(wait)?)
                    .with_max_answer_bytes(max_answer_bytes);
                Ok(Self(Records(Arc::new(records))))
            };
            build().map_err(errors::to_py)
        }
    }

    /// Runs the work of a key, or returns the answer that it had.
    ///
    /// `request` is what the key stands for, in parts: the same key with other parts raises the code
    /// `redis-idempotency-mismatch`. `work` takes nothing and returns `bytes` or `str`; in an event loop it may be a
    /// coroutine function. What it raises is raised here, and the key is free again.
    (key, request, work, /) fn run(key: Blob, request: Vec<Blob>, work: Function) -> Answer;
}

/// The answer of work.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct Answer {
    /// What the work returned, now or when it ran.
    value: Blob,
    /// Whether it ran earlier, and not in this call.
    replayed: bool,
    /// Whether the next caller gets this answer too.
    recorded: bool,
}

/// What both classes hold.
pub(super) struct Records(Arc<CoreIdempotency<AnyStore>>);

impl Records {
    fn run(
        &self,
        key: Blob,
        request: Vec<Blob>,
        work: Function,
    ) -> impl Future<Output = Result<Answer>> + Send + use<> {
        let records = Arc::clone(&self.0);
        async move {
            let parts: Vec<&[u8]> = request.iter().map(|part| &*part.0).collect();
            let fingerprint = Fingerprint::of(&parts);
            let work = || async { work.0.call::<_, Blob>(()).await.map(|blob| blob.0) };
            let answer = records.run(&Key::new(key.0)?, fingerprint, work).await?;
            Ok(Answer { value: Blob(answer.value), replayed: answer.replayed, recorded: answer.recorded })
        }
    }
}
