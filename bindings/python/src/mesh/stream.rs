//! Answers that are taken piece by piece.

use std::future::Future;

use maily_errors::Result;
use maily_mesh::Delta;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::answer::Answer;
use super::event::Event;
use super::reader::Reader;
use crate::runtime;
use crate::runtime::Next;
use crate::twins::twins;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Stream>()?;
    module.add_class::<AsyncStream>()?;
    module.add_class::<Events>()?;
    module.add_class::<AsyncEvents>()?;
    module.add_class::<Chunks>()?;
    module.add_class::<AsyncChunks>()
}

/// Writes the two classes of a view on a stream: an iterator, and an asynchronous one.
macro_rules! views {
    (
        $core:ty, $item:ty;
        $(#[$sync_meta:meta])* sync $sync:ident { $($sync_items:tt)* }
        $(#[$async_meta:meta])* async $async:ident { $($async_items:tt)* }
        both { $($both:tt)* }
    ) => {
        twins! {
            "maily.mesh", $core;

            $(#[$sync_meta])*
            sync $sync {
                $($sync_items)*

                fn __iter__(slf: Py<Self>) -> Py<Self> {
                    slf
                }

                fn __next__(&self, py: Python<'_>) -> PyResult<Option<$item>> {
                    runtime::block_on(py, self.0.next())
                }

                fn __enter__(slf: Py<Self>) -> Py<Self> {
                    slf
                }

                /// Leaves the answer.
                #[pyo3(signature = (*raised))]
                fn __exit__(&self, raised: &Bound<'_, PyTuple>) -> bool {
                    let _ = raised;
                    self.0.close();
                    false
                }
            }

            $(#[$async_meta])*
            async $async {
                $($async_items)*

                fn __aiter__(slf: Py<Self>) -> Py<Self> {
                    slf
                }

                fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    let next = self.0.next();
                    runtime::drive(py, async move { Next(next.await) })
                }

                fn __aenter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
                    runtime::drive(py, async move { Ok(slf) })
                }

                /// Leaves the answer.
                #[pyo3(signature = (*raised))]
                fn __aexit__<'py>(&self, py: Python<'py>, raised: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
                    let _ = raised;
                    self.0.close();
                    runtime::drive(py, async move { Ok(false) })
                }
            }

            both {
                /// Leaves the answer: the node is told, and whoever waits for the next piece gets the end.
                fn close(&self) {
                    self.0.close();
                }

                $($both)*
            }
        }
    };
}

views! {
    Tokens, String;

    /// Tokens as they arrive: an iterator of `str`. Dropping or closing it cancels the work at the node.
    sync Stream {
        /// Reads typed events instead of text: thoughts, calls of tools, finish, usage, and where another node went on.
        fn events(&self) -> Events {
            Events(Steps(self.0.0.clone()))
        }

        /// Reads the body itself instead of text.
        fn chunks(&self) -> Chunks {
            Chunks(Pieces(self.0.0.clone()))
        }
    }

    /// Tokens as they arrive: an asynchronous iterator of `str`. Dropping or closing it cancels the work at the node.
    async AsyncStream {
        /// Reads typed events instead of text: thoughts, calls of tools, finish, usage, and where another node went on.
        fn events(&self) -> AsyncEvents {
            AsyncEvents(Steps(self.0.0.clone()))
        }

        /// Reads the body itself instead of text.
        fn chunks(&self) -> AsyncChunks {
            AsyncChunks(Pieces(self.0.0.clone()))
        }
    }

    both {
        /// What has arrived, with what came beside the text: tool calls, thoughts, finish, usage, node.
        #[getter]
        fn answer(&self) -> Answer {
            self.0.0.answer()
        }

        /// The event up to which all is read, to come back by `last_event_id`; of a `resumable` stream.
        #[getter]
        fn last_event_id(&self) -> Option<String> {
            self.0.0.last_event_id()
        }
    }
}

views! {
    Steps, Event;

    /// Everything that is said, as it arrives: an iterator of events. It reads the stream that it is of.
    sync Events {}

    /// Everything that is said, as it arrives: an asynchronous iterator of events. It reads the stream that it is of.
    async AsyncEvents {}

    both {}
}

views! {
    Pieces, Vec<u8>;

    /// The body as it arrives: an iterator of `bytes` in the format of the prompt. It reads the stream that it is of.
    sync Chunks {}

    /// The body as it arrives: an asynchronous iterator of `bytes` in the format of the prompt.
    async AsyncChunks {}

    both {}
}

/// The text of a stream.
pub(super) struct Tokens(pub(super) Reader);

/// The events of a stream.
pub(super) struct Steps(Reader);

/// The bytes of a stream.
pub(super) struct Pieces(Reader);

impl Tokens {
    fn next(&self) -> impl Future<Output = Result<Option<String>>> + Send + use<> {
        let reader = self.0.clone();
        async move {
            loop {
                match reader.event().await? {
                    Some(Event(Delta::Text(text))) => return Ok(Some(text)),
                    Some(_) => {}
                    None => return Ok(None),
                }
            }
        }
    }

    fn close(&self) {
        self.0.close();
    }
}

impl Steps {
    fn next(&self) -> impl Future<Output = Result<Option<Event>>> + Send + use<> {
        let reader = self.0.clone();
        async move { reader.event().await }
    }

    fn close(&self) {
        self.0.close();
    }
}

impl Pieces {
    fn next(&self) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send + use<> {
        let reader = self.0.clone();
        async move { reader.piece().await }
    }

    fn close(&self) {
        self.0.close();
    }
}
