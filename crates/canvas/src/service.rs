//! The canvas: documents by name, sessions for clients, handles for the process itself.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use maily_errors::{Code, Error};
use tower_service::Service;

use crate::config::CanvasConfig;
use crate::memory::{MemoryStore, OpenAccess};
use crate::model::{Caller, DocumentName};
use crate::port::{Access, Bus, DocStore, Overlay};
use crate::room::{Document, Registry, Session};

/// A request to take part in a document.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Join {
    /// The document.
    pub document: DocumentName,
    /// Who asks.
    pub caller: Caller,
}

impl Join {
    /// Creates a request.
    #[must_use]
    pub const fn new(document: DocumentName, caller: Caller) -> Self {
        Self { document, caller }
    }
}

/// The documents of a process. A clone is a handle to the same ones.
///
/// It is the [`Service`] of this crate: [`Join`] in, [`Session`] out. Layers go around it.
///
/// # Examples
///
/// ```
/// use maily_canvas::model::Caller;
/// use maily_canvas::sync::Frame;
/// use maily_canvas::{Canvas, Join};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), maily_errors::Error> {
/// let canvas = Canvas::in_memory();
/// let session = canvas.clone().oneshot(Join::new("spring".parse()?, Caller::default())).await?;
///
/// let first = session.recv().await.transpose()?;
/// assert!(matches!(first.map(Frame::decode), Some(Ok(Frame::SyncStep1(_)))));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Canvas {
    registry: Arc<Registry>,
    access: Arc<dyn Access>,
    overlays: Vec<Arc<dyn Overlay>>,
}

/// Builds a [`Canvas`].
pub struct Builder {
    store: Arc<dyn DocStore>,
    bus: Option<Arc<dyn Bus>>,
    access: Arc<dyn Access>,
    overlays: Vec<Arc<dyn Overlay>>,
    config: CanvasConfig,
}

impl Builder {
    /// Carries edits to the other processes that serve the same documents.
    #[must_use]
    pub fn with_bus(mut self, bus: Arc<dyn Bus>) -> Self {
        self.bus = Some(bus);
        self
    }

    /// Decides who may do what; without it everybody may write.
    #[must_use]
    pub fn with_access(mut self, access: Arc<dyn Access>) -> Self {
        self.access = access;
        self
    }

    /// Adds marks to what is drawn.
    #[must_use]
    pub fn with_overlay(mut self, overlay: Arc<dyn Overlay>) -> Self {
        self.overlays.push(overlay);
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_config(mut self, config: CanvasConfig) -> Self {
        self.config = config;
        self
    }

    /// Builds it.
    #[must_use]
    pub fn build(self) -> Canvas {
        let registry = Registry::new(self.store, self.bus, Arc::new(self.config));
        Canvas { registry: Arc::new(registry), access: self.access, overlays: self.overlays }
    }
}

impl Canvas {
    /// Starts to build a canvas on a store.
    #[must_use]
    pub fn builder(store: Arc<dyn DocStore>) -> Builder {
        Builder {
            store,
            bus: None,
            access: Arc::new(OpenAccess),
            overlays: Vec::new(),
            config: CanvasConfig::default(),
        }
    }

    /// Creates a canvas whose documents are gone when it is.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::builder(Arc::new(MemoryStore::default())).build()
    }

    /// Opens a document for this process itself, which may write. It is created by its first edit.
    ///
    /// # Errors
    ///
    /// - [`Code::RoomFull`] when too many documents are open.
    /// - [`Code::StoreCorrupt`] or [`Code::StoreFailed`] when it cannot be loaded; nothing is written then.
    pub async fn open(&self, document: &DocumentName) -> Result<Document, Error> {
        let document = Document::new(document.clone(), self.registry.open(document).await?);
        // The load gate: an answer means that it is loaded.
        document.update().await?;
        Ok(document)
    }

    /// Opens a document that has been stored.
    ///
    /// # Errors
    ///
    /// - [`Code::DocumentNotFound`] when nothing of this name was stored.
    /// - As [`open`](Self::open).
    pub async fn find(&self, document: &DocumentName) -> Result<Document, Error> {
        let exists = self.registry.is_open(document) || self.registry.store().load(document).await?.is_some();
        if !exists {
            return Err(Error::from(Code::DocumentNotFound).with_operation("canvas::find"));
        }
        self.open(document).await
    }

    /// Lets a caller take part in a document.
    ///
    /// # Errors
    ///
    /// - [`Code::Unauthorized`] or [`Code::Forbidden`] when access is refused.
    /// - [`Code::RoomFull`] when too many people are there, or too many documents are open.
    /// - [`Code::StoreCorrupt`] or [`Code::StoreFailed`] when it cannot be loaded; nothing is written then.
    pub async fn join(&self, join: &Join) -> Result<Session, Error> {
        let grant = self.access.grant(&join.document, &join.caller).await?;
        let room = self.registry.open(&join.document).await?;
        Session::join(room, grant, Arc::clone(self.registry.config())).await
    }

    /// Lists the names of all stored documents, ascending.
    ///
    /// # Errors
    ///
    /// As the store's.
    pub async fn documents(&self) -> Result<Vec<DocumentName>, Error> {
        self.registry.store().list().await
    }

    /// Removes a document from the store, and says whether there was one.
    ///
    /// # Errors
    ///
    /// - [`Code::Conflict`] while it is open.
    /// - As the store's.
    pub async fn remove(&self, document: &DocumentName) -> Result<bool, Error> {
        if self.registry.is_open(document) {
            return Err(Error::new(Code::Conflict, "the document is open").with_operation("canvas::remove"));
        }
        self.registry.store().remove(document).await
    }

    /// Draws a document as SVG, with the marks of all overlays.
    ///
    /// # Errors
    ///
    /// As [`Document::export_svg`], and those of the overlays.
    pub async fn export_svg(&self, document: &Document) -> Result<Arc<str>, Error> {
        let mut marks = Vec::new();
        if !self.overlays.is_empty() {
            let scene = document.scene().await?;
            for overlay in &self.overlays {
                marks.extend(overlay.marks(document.name(), &scene).await?);
            }
        }
        document.export_svg(marks).await
    }

    /// Returns how many documents are open.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.registry.len()
    }
}

impl std::fmt::Debug for Canvas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canvas").field("rooms", &self.rooms()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Service<Join> for Canvas {
    type Response = Session;
    type Error = Error;
    type Future = JoinFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, join: Join) -> JoinFuture {
        let canvas = self.clone();
        // Boxed: the ports below answer with boxed futures, whose types cannot be named.
        JoinFuture { inner: Box::pin(async move { canvas.join(&join).await }) }
    }
}

/// The future of a [`Join`].
pub struct JoinFuture {
    inner: BoxFuture<'static, Result<Session, Error>>,
}

impl Future for JoinFuture {
    type Output = Result<Session, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for JoinFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinFuture").finish_non_exhaustive()
    }
}
