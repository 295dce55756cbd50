//! `maily.canvas`: the core `canvas` for Python.

use std::path::PathBuf;
use std::sync::Arc;

use maily_canvas::Canvas as Core;
use maily_canvas::Document as CoreDocument;
use maily_canvas::scene::{Geom, ItemId, NewElement};
use maily_errors::{Code, Error, Result};
use maily_store_redb::RedbConfig;
use pyo3::prelude::*;
use serde::Serialize;

use crate::runtime::Here;
use crate::{errors, runtime};

/// Fills `maily._maily.canvas`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Canvas>()?;
    module.add_class::<Document>()?;
    module.add_class::<AsyncCanvas>()?;
    module.add_class::<AsyncDocument>()
}

/// The documents in a file; without a path they are in the memory of this object.
///
/// They belong to the process that opened them: in a child of a fork their calls raise the code `unsupported`.
#[pyclass(frozen, module = "maily.canvas")]
struct Canvas(Arc<Here<Core>>);

/// The documents in a file; without a path they are in memory. Every method returns an awaitable.
#[pyclass(frozen, module = "maily.canvas")]
struct AsyncCanvas(Arc<Here<Core>>);

/// A document that is open. Its edits are on the disk when they return, and everybody who is connected sees them.
#[pyclass(frozen, module = "maily.canvas")]
struct Document(Arc<Here<CoreDocument>>);

/// A document that is open. Every method returns an awaitable.
#[pyclass(frozen, module = "maily.canvas")]
struct AsyncDocument(Arc<Here<CoreDocument>>);

#[pymethods]
impl Canvas {
    #[new]
    #[pyo3(signature = (path=None))]
    fn new(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        runtime::block_on(py, canvas(path)).map(Self)
    }

    /// Opens a document; its first edit creates it.
    #[pyo3(signature = (name, /))]
    fn open(&self, py: Python<'_>, name: String) -> PyResult<Document> {
        runtime::block_on(py, open(self.0.clone(), name)).map(Document)
    }

    /// Lists the names of all stored documents, ascending.
    fn documents(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        runtime::block_on(py, documents(self.0.clone()))
    }
}

#[pymethods]
impl AsyncCanvas {
    #[new]
    #[pyo3(signature = (path=None))]
    fn new(py: Python<'_>, path: Option<PathBuf>) -> PyResult<Self> {
        runtime::block_on(py, canvas(path)).map(Self)
    }

    /// Opens a document; its first edit creates it.
    #[pyo3(signature = (name, /))]
    fn open<'py>(&self, py: Python<'py>, name: String) -> PyResult<Bound<'py, PyAny>> {
        let opened = open(self.0.clone(), name);
        runtime::spawn(py, async move { opened.await.map(AsyncDocument) })
    }

    /// Lists the names of all stored documents, ascending.
    fn documents<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, documents(self.0.clone()))
    }
}

#[pymethods]
impl Document {
    /// The name of the document.
    #[getter]
    fn name(&self) -> PyResult<String> {
        self.0.get().map(|document| document.name().to_string()).map_err(errors::to_py)
    }

    /// Adds an element in front of the others of its layer, and returns its id.
    ///
    /// `kind` is text, image, button, shape or divider; `geom` is (left, top, width, height) in pixels.
    #[pyo3(signature = (kind, geom, *, id=None, layer=None, text=String::new(), src=None, alt=String::new(), href=None, fill=None, color=None, size=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn insert_element(
        &self,
        py: Python<'_>,
        kind: String,
        geom: [f64; 4],
        id: Option<String>,
        layer: Option<String>,
        text: String,
        src: Option<String>,
        alt: String,
        href: Option<String>,
        fill: Option<String>,
        color: Option<String>,
        size: Option<f64>,
    ) -> PyResult<String> {
        let element = Keywords { kind, geom, id, layer, text, src, alt, href, fill, color, size };
        runtime::block_on(py, insert_element(self.0.clone(), element))
    }

    /// Moves an element, or changes its size: (left, top, width, height) in pixels.
    #[pyo3(signature = (id, geom, /))]
    fn move_element(&self, py: Python<'_>, id: String, geom: [f64; 4]) -> PyResult<()> {
        runtime::block_on(py, move_element(self.0.clone(), id, geom))
    }

    /// Replaces the text of an element.
    #[pyo3(signature = (id, text, /))]
    fn set_text(&self, py: Python<'_>, id: String, text: String) -> PyResult<()> {
        runtime::block_on(py, set_text(self.0.clone(), id, text))
    }

    /// Adds to the end of the text of an element.
    #[pyo3(signature = (id, text, /))]
    fn append_text(&self, py: Python<'_>, id: String, text: String) -> PyResult<()> {
        runtime::block_on(py, append_text(self.0.clone(), id, text))
    }

    /// Removes an element.
    #[pyo3(signature = (id, /))]
    fn remove_element(&self, py: Python<'_>, id: String) -> PyResult<()> {
        runtime::block_on(py, remove_element(self.0.clone(), id))
    }

    /// Returns what is on the canvas: layers and elements, from back to front.
    fn scene(&self, py: Python<'_>) -> PyResult<Json> {
        runtime::block_on(py, scene(self.0.clone()))
    }

    /// Draws the canvas as SVG.
    fn export_svg(&self, py: Python<'_>) -> PyResult<String> {
        runtime::block_on(py, export_svg(self.0.clone()))
    }

    /// Writes the canvas as the HTML of an e-mail.
    fn export_html(&self, py: Python<'_>) -> PyResult<String> {
        runtime::block_on(py, export_html(self.0.clone()))
    }
}

#[pymethods]
impl AsyncDocument {
    /// The name of the document.
    #[getter]
    fn name(&self) -> PyResult<String> {
        self.0.get().map(|document| document.name().to_string()).map_err(errors::to_py)
    }

    /// Adds an element in front of the others of its layer, and returns its id.
    ///
    /// `kind` is text, image, button, shape or divider; `geom` is (left, top, width, height) in pixels.
    #[pyo3(signature = (kind, geom, *, id=None, layer=None, text=String::new(), src=None, alt=String::new(), href=None, fill=None, color=None, size=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn insert_element<'py>(
        &self,
        py: Python<'py>,
        kind: String,
        geom: [f64; 4],
        id: Option<String>,
        layer: Option<String>,
        text: String,
        src: Option<String>,
        alt: String,
        href: Option<String>,
        fill: Option<String>,
        color: Option<String>,
        size: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let element = Keywords { kind, geom, id, layer, text, src, alt, href, fill, color, size };
        runtime::spawn(py, insert_element(self.0.clone(), element))
    }

    /// Moves an element, or changes its size: (left, top, width, height) in pixels.
    #[pyo3(signature = (id, geom, /))]
    fn move_element<'py>(&self, py: Python<'py>, id: String, geom: [f64; 4]) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, move_element(self.0.clone(), id, geom))
    }

    /// Replaces the text of an element.
    #[pyo3(signature = (id, text, /))]
    fn set_text<'py>(&self, py: Python<'py>, id: String, text: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, set_text(self.0.clone(), id, text))
    }

    /// Adds to the end of the text of an element.
    #[pyo3(signature = (id, text, /))]
    fn append_text<'py>(&self, py: Python<'py>, id: String, text: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, append_text(self.0.clone(), id, text))
    }

    /// Removes an element.
    #[pyo3(signature = (id, /))]
    fn remove_element<'py>(&self, py: Python<'py>, id: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, remove_element(self.0.clone(), id))
    }

    /// Returns what is on the canvas: layers and elements, from back to front.
    fn scene<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, scene(self.0.clone()))
    }

    /// Draws the canvas as SVG.
    fn export_svg<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, export_svg(self.0.clone()))
    }

    /// Writes the canvas as the HTML of an e-mail.
    fn export_html<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, export_html(self.0.clone()))
    }
}

/// A value that reaches Python as what `json.loads` makes of it.
struct Json(String);

impl<'py> IntoPyObject<'py> for Json {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.0,))
    }
}

/// The keyword arguments of a new element.
#[derive(Serialize)]
struct Keywords {
    kind: String,
    geom: [f64; 4],
    id: Option<String>,
    layer: Option<String>,
    text: String,
    src: Option<String>,
    alt: String,
    href: Option<String>,
    fill: Option<String>,
    color: Option<String>,
    size: Option<f64>,
}

impl Keywords {
    fn element(&self) -> Result<NewElement> {
        serde_json::to_value(self).and_then(serde_json::from_value).map_err(|err| {
            Error::new(Code::SceneInvalid, "the element is not valid")
                .with_operation("python::insert_element")
                .with_context("why", err.to_string())
        })
    }
}

async fn canvas(path: Option<PathBuf>) -> Result<Arc<Here<Core>>> {
    let canvas = match path {
        Some(path) => Core::builder(Arc::new(RedbConfig::new(path).documents().await?)).build(),
        None => Core::in_memory(),
    };
    Ok(Arc::new(Here::new(canvas)))
}

async fn open(canvas: Arc<Here<Core>>, name: String) -> Result<Arc<Here<CoreDocument>>> {
    Ok(Arc::new(Here::new(canvas.get()?.open(&name.parse()?).await?)))
}

async fn documents(canvas: Arc<Here<Core>>) -> Result<Vec<String>> {
    Ok(canvas.get()?.documents().await?.into_iter().map(String::from).collect())
}

async fn insert_element(document: Arc<Here<CoreDocument>>, element: Keywords) -> Result<String> {
    Ok(document.get()?.insert_element(element.element()?).await?.into())
}

async fn move_element(document: Arc<Here<CoreDocument>>, id: String, [x, y, w, h]: [f64; 4]) -> Result<()> {
    document.get()?.move_element(&item(&id)?, Geom::new(x, y, w, h)).await
}

async fn set_text(document: Arc<Here<CoreDocument>>, id: String, text: String) -> Result<()> {
    document.get()?.set_text(&item(&id)?, text).await
}

async fn append_text(document: Arc<Here<CoreDocument>>, id: String, text: String) -> Result<()> {
    document.get()?.append_text(&item(&id)?, text).await
}

async fn remove_element(document: Arc<Here<CoreDocument>>, id: String) -> Result<()> {
    document.get()?.remove_element(&item(&id)?).await
}

async fn scene(document: Arc<Here<CoreDocument>>) -> Result<Json> {
    let scene = document.get()?.scene().await?;
    serde_json::to_string(&scene).map(Json).map_err(|err| Error::from(Code::Unexpected).with_source(err))
}

async fn export_svg(document: Arc<Here<CoreDocument>>) -> Result<String> {
    Ok(document.get()?.export_svg(Vec::new()).await?.to_string())
}

async fn export_html(document: Arc<Here<CoreDocument>>) -> Result<String> {
    Ok(document.get()?.export_html().await?.to_string())
}

fn item(id: &str) -> Result<ItemId> {
    id.parse()
        .map_err(|why: &'static str| Error::new(Code::SceneInvalid, why).with_operation("python::canvas"))
}
