//! Answers that are taken piece by piece.

use std::future::Future;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use http::HeaderMap;
use maily_errors::{Code, Error, Result};
use maily_mesh::wire::Deltas;
use maily_mesh::{Body, Completion, CompletionHead, Delta, Mesh};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio::sync::{Mutex, Notify};

use super::answer::Answer;
use super::ask::Ask;
use super::blocks::{Blocks, Marks};
use super::event::Event;
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
                    Some(Event::Delta(Delta::Text(text))) => return Ok(Some(text)),
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

/// An answer that is taken piece by piece. Clones read the same one.
#[derive(Clone)]
pub(super) struct Reader {
    state: Arc<Mutex<State>>,
    told: Told,
    left: Arc<Notify>,
}

/// What was told so far, for whoever asks while another task reads.
#[derive(Clone, Default)]
struct Told(Arc<StdMutex<Facts>>);

#[derive(Default)]
struct Facts {
    answer: maily_mesh::Answer,
    headers: HeaderMap,
    last_event_id: Option<String>,
}

enum State {
    Begin(Box<(Mesh, Ask)>),
    Decoding(Box<Decoding>),
    Passing(Box<Blocks>, Marks),
    Ended,
}

struct Decoding {
    deltas: Deltas,
    marks: Marks,
    /// What comes behind the marker that was given out before.
    held: Option<Delta>,
}

impl Reader {
    pub(super) fn new(mesh: Mesh, ask: Ask) -> Self {
        let state = State::Begin(Box::new((mesh, ask)));
        Self { state: Arc::new(Mutex::new(state)), told: Told::default(), left: Arc::default() }
    }

    async fn event(&self) -> Result<Option<Event>> {
        let mut state = self.state.lock().await;
        tokio::select! {
            biased;
            () = self.left.notified() => {
                *state = State::Ended;
                Ok(None)
            }
            event = state.event(&self.told) => event,
        }
    }

    async fn piece(&self) -> Result<Option<Vec<u8>>> {
        let mut state = self.state.lock().await;
        tokio::select! {
            biased;
            () = self.left.notified() => {
                *state = State::Ended;
                Ok(None)
            }
            piece = state.piece(&self.told) => piece,
        }
    }

    fn close(&self) {
        match self.state.try_lock() {
            Ok(mut state) => *state = State::Ended,
            // Somebody waits for the next piece: he ends it.
            Err(_) => self.left.notify_one(),
        }
    }

    fn answer(&self) -> Answer {
        let facts = self.told.facts();
        Answer::from(facts.answer.clone()).with_wire(&facts.headers, None)
    }

    fn last_event_id(&self) -> Option<String> {
        self.told.facts().last_event_id.clone()
    }
}

impl Told {
    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, head: &CompletionHead) {
        let mut facts = self.facts();
        facts.answer = maily_mesh::Answer::of(head);
        facts.headers = head.headers.clone();
    }

    fn read(&self, marks: &Marks) {
        self.facts().last_event_id = marks.id();
    }
}

impl State {
    /// Takes the next step; whatever fails, or is cancelled, ends the answer.
    async fn event(&mut self, told: &Told) -> Result<Option<Event>> {
        loop {
            match std::mem::replace(self, Self::Ended) {
                Self::Ended => return Ok(None),
                Self::Passing(..) => return Err(read_otherwise()),
                Self::Begin(asked) => {
                    let (Completion { head, body }, marks) = begin(*asked, told).await?;
                    let deltas = Completion { head, body: Body::stream(Blocks::new(body, marks.clone())) };
                    let deltas = deltas.into_deltas();
                    *self = Self::Decoding(Box::new(Decoding { deltas, marks, held: None }));
                }
                Self::Decoding(mut decoding) => {
                    let Some(event) = decoding.next(told).await? else { return Ok(None) };
                    *self = Self::Decoding(decoding);
                    return Ok(Some(event));
                }
            }
        }
    }

    /// Takes the next bytes; whatever fails, or is cancelled, ends the answer.
    async fn piece(&mut self, told: &Told) -> Result<Option<Vec<u8>>> {
        loop {
            match std::mem::replace(self, Self::Ended) {
                Self::Ended => return Ok(None),
                Self::Decoding(_) => return Err(read_otherwise()),
                Self::Begin(asked) => {
                    let (completion, marks) = begin(*asked, told).await?;
                    *self = Self::Passing(Box::new(Blocks::new(completion.body, marks.clone())), marks);
                }
                Self::Passing(mut blocks, marks) => {
                    let Some(piece) = blocks.try_next().await? else { return Ok(None) };
                    told.read(&marks);
                    *self = Self::Passing(blocks, marks);
                    return Ok(Some(piece.to_vec()));
                }
            }
        }
    }
}

impl Decoding {
    async fn next(&mut self, told: &Told) -> Result<Option<Event>> {
        let delta = match self.held.take() {
            Some(delta) => delta,
            None => {
                let Some(delta) = self.deltas.try_next().await? else {
                    told.read(&self.marks);
                    return Ok(None);
                };
                if let Some(mark) = self.marks.resumed() {
                    self.held = Some(delta);
                    told.facts().answer.node = Some(mark.node.clone().into());
                    return Ok(Some(Event::Resumed { after: mark.after, node: mark.node }));
                }
                delta
            }
        };
        told.facts().answer.add(delta.clone());
        // With more of the same event to come, a reader who comes back begins with it again.
        if self.deltas.is_drained() {
            told.read(&self.marks);
        }
        Ok(Some(Event::Delta(delta)))
    }
}

/// Asks the mesh.
async fn begin((mesh, ask): (Mesh, Ask), told: &Told) -> Result<(Completion, Marks)> {
    let completion = mesh.complete(ask.begin()).await?;
    told.begin(&completion.head);
    Ok((completion, Marks::default()))
}

fn read_otherwise() -> Error {
    Error::new(Code::Invalid, "a stream is read as text and events, or as bytes, not both")
        .with_operation("python::mesh")
}
