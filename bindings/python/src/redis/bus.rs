//! `Bus`, its subscriptions and their twins.

use std::future::Future;
use std::sync::Arc;

use maily_errors::Result;
use maily_redis::bus::{Bus as _, Channel, Heard, Subscription as CoreSubscription};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use tokio::sync::{Mutex, Notify};

use super::any::AnyStore;
use super::store::Stores;
use super::values::Blob;
use crate::runtime;
use crate::runtime::{Next, Process};
use crate::twins::twins;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Bus>()?;
    module.add_class::<AsyncBus>()?;
    module.add_class::<Subscription>()?;
    module.add_class::<AsyncSubscription>()?;
    module.add_class::<Missed>()
}

twins! {
    "maily.redis", Messages;

    /// Messages for whoever listens now, in every process that shares the store. Kept nowhere.
    sync Bus {}

    /// Messages for whoever listens now, in every process that shares the store. Methods return awaitables.
    async AsyncBus {}

    both {
        #[new]
        #[pyo3(signature = (store, /))]
        fn new(store: Stores) -> Self {
            Self(Messages(store.into_any()))
        }
    }

    /// Sends a message of at most 1 MiB to every subscription of the channel.
    (channel, message, /) fn publish(channel: Blob, message: Blob) -> ();

    /// Listens to a channel from now on. Up to `buffer` messages wait for a slow reader, then the oldest are dropped.
    (channel, /, *, buffer=1024) fn subscribe(channel: Blob, buffer: usize) -> Subscription | AsyncSubscription;
}

/// What both classes hold.
pub(super) struct Messages(AnyStore);

impl Messages {
    fn publish(&self, channel: Blob, message: Blob) -> impl Future<Output = Result<()>> + Send + use<> {
        let bus = self.0.clone();
        async move { bus.publish(&Channel::new(channel.0)?, message.0).await }
    }

    fn subscribe(
        &self,
        channel: Blob,
        buffer: usize,
    ) -> impl Future<Output = Result<Hearing>> + Send + use<> {
        let bus = self.0.clone();
        async move { Ok(Hearing::new(bus.subscribe(&Channel::new(channel.0)?, buffer).await?)) }
    }
}

twins! {
    "maily.redis", Hearing;

    /// What a channel says: an iterator of `bytes`, with a `Missed` where messages may be missing. Ends with `close`.
    sync Subscription {
        fn __iter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        fn __next__(&self, py: Python<'_>) -> PyResult<Option<Word>> {
            runtime::block_on(py, self.0.next())
        }
    }

    /// What a channel says: an asynchronous iterator of `bytes` and `Missed`. Ends with `close`.
    async AsyncSubscription {
        fn __aiter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            let next = self.0.next();
            runtime::drive(py, async move { Next(next.await) })
        }
    }

    both {
        /// Ends the subscription, and every wait for its next message.
        fn close(&self) {
            self.0.close();
        }
    }
}

/// A subscription until it is closed.
pub(super) struct Hearing {
    subscription: Arc<Mutex<Option<CoreSubscription>>>,
    closed: Arc<Notify>,
    process: Process,
}

impl Hearing {
    fn new(subscription: CoreSubscription) -> Self {
        let subscription = Arc::new(Mutex::new(Some(subscription)));
        Self { subscription, closed: Arc::default(), process: Process::current() }
    }

    /// Whoever waits for the next message hears of it, and lets go of the subscription.
    fn close(&self) {
        self.closed.notify_one();
        if let Ok(mut idle) = self.subscription.try_lock() {
            *idle = None;
        }
    }

    fn next(&self) -> impl Future<Output = Result<Option<Word>>> + Send + use<> {
        let (subscription, closed) = (Arc::clone(&self.subscription), Arc::clone(&self.closed));
        let process = self.process;
        async move {
            process.check()?;
            let mut held = subscription.lock().await;
            let Some(hearing) = held.as_mut() else { return Ok(None) };
            tokio::select! {
                biased;
                () = closed.notified() => {
                    *held = None;
                    Ok(None)
                }
                heard = hearing.recv() => Ok(Some(Word(heard))),
            }
        }
    }
}

/// What was heard.
struct Word(Heard);

impl<'py> IntoPyObject<'py> for Word {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0 {
            Heard::Message(message) => Blob(message).into_bound_py_any(py),
            Heard::Missed(missed) => {
                Missed { dropped: missed.dropped, link_lost: missed.link_lost }.into_bound_py_any(py)
            }
        }
    }
}

/// Messages before the next one may be missing.
#[pyclass(frozen, get_all, module = "maily.redis")]
struct Missed {
    /// How many messages were dropped here, because the reader was slower than they came.
    dropped: u64,
    /// Whether the link was lost for a time; what was published then is not known.
    link_lost: bool,
}
