//! A document, edited from within the process.

use std::sync::Arc;

use bytes::Bytes;
use maily_errors::{Code, Error};
use tokio::sync::{oneshot, watch};
use yrs::{StateVector, Transaction, TransactionMut};

use super::command::{Command, Handle, Outcome, ended};
use super::replica::Replica;
use crate::model::{DocumentName, Mark};
use crate::scene::{self, Geom, ItemId, Meta, NewElement, Scene};
use crate::view;

/// A document that is open in this process.
///
/// Its edits go the way of everybody's: they are stored before they are acknowledged, and everybody who is
/// connected sees them. A clone is a handle to the same document; while one lives, the document stays open.
///
/// # Examples
///
/// ```
/// use maily_canvas::Canvas;
/// use maily_canvas::scene::{ElementKind, Geom, NewElement};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), maily_errors::Error> {
/// let document = Canvas::in_memory().open(&"spring".parse()?).await?;
/// let title = NewElement::new(ElementKind::Text, Geom::new(24.0, 24.0, 552.0, 48.0));
///
/// let id = document.insert_element(title).await?;
/// document.append_text(&id, "Spring ").await?;
/// document.append_text(&id, "sale").await?;
///
/// let scene = document.scene().await?;
/// assert_eq!(scene.element(id.as_str()).map(|element| element.text.as_str()), Some("Spring sale"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    name: DocumentName,
    room: Arc<Handle>,
}

impl Document {
    pub(crate) const fn new(name: DocumentName, room: Arc<Handle>) -> Self {
        Self { name, room }
    }

    /// Returns the name.
    #[must_use]
    pub const fn name(&self) -> &DocumentName {
        &self.name
    }

    /// Sets title, size and background, as far as they are given.
    ///
    /// # Errors
    ///
    /// As [`insert_element`](Self::insert_element).
    pub async fn set_meta(&self, meta: Meta) -> Result<(), Error> {
        self.edit(move |txn| scene::set_meta(txn, &meta)).await
    }

    /// Adds a layer in front of the others, with a fresh id if none is given.
    ///
    /// # Errors
    ///
    /// - [`Code::Conflict`] when there is a layer of this id.
    /// - As [`insert_element`](Self::insert_element).
    pub async fn insert_layer(&self, id: Option<ItemId>, name: impl Into<String>) -> Result<ItemId, Error> {
        let name = name.into();
        self.edit(move |txn| scene::insert_layer(txn, id, &name)).await
    }

    /// Adds an element in front of the others of its layer, and returns its id.
    ///
    /// # Errors
    ///
    /// - [`Code::SceneInvalid`] when a value is out of its range, or there is no such layer; it names the element.
    /// - [`Code::Conflict`] when there is an element of this id.
    /// - [`Code::StoreFailed`] when it could not be stored; then the document is as it was.
    /// - [`Code::Unavailable`] when the room has ended: open the document again.
    pub async fn insert_element(&self, element: NewElement) -> Result<ItemId, Error> {
        self.edit(move |txn| scene::insert_element(txn, element)).await
    }

    /// Replaces the text of an element. What is equal at both ends stays, with the cursors of others in it.
    ///
    /// # Errors
    ///
    /// - [`Code::NotFound`] when there is no such element.
    /// - As [`insert_element`](Self::insert_element).
    pub async fn set_text(&self, element: &ItemId, text: impl Into<String>) -> Result<(), Error> {
        let (id, text) = (element.clone(), text.into());
        self.edit(move |txn| scene::set_text(txn, &id, &text)).await
    }

    /// Adds to the end of the text of an element: what a model writes appears as it is written.
    ///
    /// # Errors
    ///
    /// As [`set_text`](Self::set_text).
    pub async fn append_text(&self, element: &ItemId, text: impl Into<String>) -> Result<(), Error> {
        let (id, text) = (element.clone(), text.into());
        self.edit(move |txn| scene::append_text(txn, &id, &text)).await
    }

    /// Moves an element, or changes its size.
    ///
    /// # Errors
    ///
    /// As [`set_text`](Self::set_text).
    pub async fn move_element(&self, element: &ItemId, geom: Geom) -> Result<(), Error> {
        let id = element.clone();
        self.edit(move |txn| scene::move_element(txn, &id, geom)).await
    }

    /// Removes an element.
    ///
    /// # Errors
    ///
    /// As [`set_text`](Self::set_text).
    pub async fn remove_element(&self, element: &ItemId) -> Result<(), Error> {
        let id = element.clone();
        self.edit(move |txn| scene::remove_element(txn, &id)).await
    }

    /// Returns what is on the canvas.
    ///
    /// # Errors
    ///
    /// - [`Code::SceneInvalid`] when an element does not follow the model; the violations name it.
    /// - [`Code::Unavailable`] when the room has ended.
    pub async fn scene(&self) -> Result<Scene, Error> {
        self.read(|txn| scene::read(txn)).await?
    }

    /// Draws the canvas as SVG, with marks on it; without marks it is drawn once until the next edit.
    ///
    /// # Errors
    ///
    /// As [`scene`](Self::scene).
    pub async fn export_svg(&self, marks: Vec<Mark>) -> Result<Arc<str>, Error> {
        if marks.is_empty() {
            return self.view("svg", |scene| view::svg(scene, &[])).await;
        }
        let scene = self.scene().await?;
        Ok(view::svg(&scene, &marks).into())
    }

    /// Writes the canvas as the HTML of an e-mail; it is written once until the next edit.
    ///
    /// # Errors
    ///
    /// As [`scene`](Self::scene).
    pub async fn export_html(&self) -> Result<Arc<str>, Error> {
        self.view("html", view::html).await
    }

    /// Returns the whole document as one Yjs update, in v1 encoding.
    ///
    /// # Errors
    ///
    /// - [`Code::Unavailable`] when the room has ended.
    pub async fn update(&self) -> Result<Bytes, Error> {
        self.ask(|replica| replica.diff(&StateVector::default())).await
    }

    /// Starts to watch for changes, by anybody.
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        Changes { version: self.room.version.clone() }
    }

    async fn view(
        &self,
        kind: &'static str,
        draw: impl FnOnce(&Scene) -> String + Send + 'static,
    ) -> Result<Arc<str>, Error> {
        self.ask(move |replica| {
            let version = replica.version();
            if let Some((drawn, view)) = replica.views.get(kind)
                && *drawn == version
            {
                return Ok(Arc::clone(view));
            }
            let view: Arc<str> = draw(&replica.read(|txn| scene::read(txn))?).into();
            replica.views.insert(kind, (version, Arc::clone(&view)));
            Ok(view)
        })
        .await?
    }

    async fn edit<T: Send + 'static>(
        &self,
        edit: impl FnOnce(&mut TransactionMut<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(move |replica: &mut Replica| {
            let (result, update) = replica.edit(edit)?;
            // The answer leaves when the edit is stored, or says why it is not.
            let done = Box::new(move |stored: Result<(), Error>| {
                let _ = reply.send(stored.and(result));
            });
            Ok(Outcome { update, done })
        });
        self.room.send(Command::Task(task)).await?;
        answer.await.map_err(|_| ended())?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(move |replica| replica.read(read)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Replica) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let task = Box::new(move |replica: &mut Replica| {
            let result = ask(replica);
            let done = Box::new(move |stored: Result<(), Error>| {
                let _ = reply.send(stored.map(|()| result));
            });
            Ok(Outcome { update: None, done })
        });
        self.room.send(Command::Task(task)).await?;
        answer.await.map_err(|_| ended())?
    }
}

/// The changes of a document, one after another; several that come at once count as one.
#[derive(Clone, Debug)]
pub struct Changes {
    version: watch::Receiver<u64>,
}

impl Changes {
    /// Waits for the next change, and returns how many there were since the document was opened.
    ///
    /// # Errors
    ///
    /// - [`Code::Unavailable`] when the room has ended.
    ///
    /// # Cancellation
    ///
    /// Dropping the future loses no change.
    pub async fn next(&mut self) -> Result<u64, Error> {
        self.version
            .changed()
            .await
            .map_err(|_| Error::from(Code::Unavailable).with_operation("changes::next"))?;
        Ok(*self.version.borrow_and_update())
    }
}
