//! An answer that is taken piece by piece, in one of two ways: decoded, or as it is on the wire.

use std::sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt;
use http::HeaderMap;
use maily_errors::{Code, Error, Result};
use maily_mesh::wire::Deltas;
use maily_mesh::{Body, Completion, CompletionHead, Mesh};
use tokio::sync::{Mutex, Notify};

use super::answer::Answer;
use super::ask::Ask;
use super::blocks::{Blocks, Marks};
use super::event::Event;

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
}

impl Reader {
    pub(super) fn new(mesh: Mesh, ask: Ask) -> Self {
        let state = State::Begin(Box::new((mesh, ask)));
        Self { state: Arc::new(Mutex::new(state)), told: Told::default(), left: Arc::default() }
    }

    pub(super) async fn event(&self) -> Result<Option<Event>> {
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

    pub(super) async fn piece(&self) -> Result<Option<Vec<u8>>> {
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

    pub(super) fn close(&self) {
        match self.state.try_lock() {
            Ok(mut state) => *state = State::Ended,
            // Somebody waits for the next piece: he ends it.
            Err(_) => self.left.notify_one(),
        }
    }

    pub(super) fn answer(&self) -> Answer {
        let facts = self.told.facts();
        Answer::from(facts.answer.clone()).with_wire(&facts.headers, None)
    }

    pub(super) fn last_event_id(&self) -> Option<String> {
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
                    *self = Self::Decoding(Box::new(Decoding { deltas, marks }));
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
        let Some(delta) = self.deltas.try_next().await? else {
            told.read(&self.marks);
            return Ok(None);
        };
        told.facts().answer.add(delta.clone());
        // With more of the same event to come, a reader who comes back begins with it again.
        if self.deltas.is_drained() {
            told.read(&self.marks);
        }
        Ok(Some(Event(delta)))
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
