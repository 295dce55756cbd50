//! `maily.mesh`: the core `mesh` for Python.

mod answer;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use maily_embed_ort::EmbedOrtConfig;
use maily_errors::Result;
use maily_llm_candle::LlmCandleConfig;
use maily_mesh::memory::HashEmbedder;
use maily_mesh::recall::Memories;
use maily_mesh::{
    AnyEmbed, Delta, MemoryId, MemoryPage, MemoryQuery, MeshConfig, NodeConfig, Prompt, Recall, Registry,
    Tenant,
};
use pyo3::prelude::*;
use serde_json::json;
use tokio::sync::Mutex;

use self::answer::{Answer, Recalled, Remembered};
use crate::keys::{KeyUsage, Keys, LimitUsage};
use crate::runtime::Next;
use crate::{errors, runtime};

/// Fills `maily._maily.mesh`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Mesh>()?;
    module.add_class::<AsyncMesh>()?;
    module.add_class::<Stream>()?;
    module.add_class::<AsyncStream>()?;
    module.add_class::<Answer>()?;
    module.add_class::<Keys>()?;
    module.add_class::<KeyUsage>()?;
    module.add_class::<LimitUsage>()?;
    module.add_class::<Recalled>()?;
    module.add_class::<Remembered>()
}

/// A mesh of language-model nodes, as one model, with memories.
///
/// Add nodes by URL: `echo:`, `http://HOST/v1` or `https://HOST/v1` for any OpenAI-compatible server,
/// `candle:PATH` for a local SmolLM2 GGUF file. `embedder` is a folder with the MiniLM model; without
/// it, memories are found by the words that they share.
///
/// With `cache` a prompt with a temperature of 0 that was answered before is answered from memory. With `max_wrong`, 0.0001
/// to 0.5, a similar one is too, so that at most this share of all prompts gets another answer than a node would give.
#[pyclass(frozen, module = "maily.mesh")]
struct Mesh(Calls);

/// A mesh of language-model nodes, as one model. Every method but `add_node` and `stream` returns an awaitable.
#[pyclass(frozen, module = "maily.mesh")]
struct AsyncMesh(Calls);

/// Tokens as they arrive: an iterator of `str`. Dropping it cancels the work at the node.
#[pyclass(frozen, module = "maily.mesh")]
struct Stream(Tokens);

/// Tokens as they arrive: an asynchronous iterator of `str`. Dropping it cancels the work at the node.
#[pyclass(frozen, module = "maily.mesh")]
struct AsyncStream(Tokens);

#[pymethods]
impl Mesh {
    #[new]
    #[pyo3(signature = (*, embedder=None, cache=false, max_wrong=None))]
    fn new(embedder: Option<PathBuf>, cache: bool, max_wrong: Option<f64>) -> PyResult<Self> {
        Calls::new(embedder, cache, max_wrong).map(Self).map_err(errors::to_py)
    }

    /// Adds a node, or replaces the one of the same name. Without `models` it serves any.
    ///
    /// `rename` maps a model to what the node calls it; `key` is sent as a bearer token.
    #[pyo3(signature = (name, url, /, *, models=Vec::new(), rename=BTreeMap::new(), key=None))]
    fn add_node(
        &self,
        name: String,
        url: String,
        models: Vec<String>,
        rename: BTreeMap<String, String>,
        key: Option<String>,
    ) -> PyResult<()> {
        self.0.add_node(name, url, models, rename, key).map_err(errors::to_py)
    }

    /// The keys: what their prompts may take, and what they have taken.
    #[getter]
    fn keys(&self) -> Keys {
        Keys(self.0.mesh.keys().clone())
    }

    /// Answers a prompt: a text, or the bytes of a whole chat-completions body, which then stays as it is.
    #[pyo3(signature = (prompt, /, *, model="default", system=None, max_tokens=None, temperature=None, key=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn complete(
        &self,
        py: Python<'_>,
        prompt: Wanted,
        model: &str,
        system: Option<&str>,
        max_tokens: Option<u32>,
        temperature: Option<f32>,
        key: Option<String>,
    ) -> PyResult<Answer> {
        let prompt = prompt.read(model, system, max_tokens, temperature, false).map_err(errors::to_py)?;
        let prompt = key.into_iter().fold(prompt, Prompt::with_key);
        runtime::block_on(py, self.0.complete(prompt))
    }

    /// Answers a prompt token by token. The node is asked with the first token that is taken.
    #[pyo3(signature = (prompt, /, *, model="default", system=None, max_tokens=None, temperature=None, key=None))]
    fn stream(
        &self,
        prompt: Wanted,
        model: &str,
        system: Option<&str>,
        max_tokens: Option<u32>,
        temperature: Option<f32>,
        key: Option<String>,
    ) -> PyResult<Stream> {
        let prompt = prompt.read(model, system, max_tokens, temperature, true).map_err(errors::to_py)?;
        let prompt = key.into_iter().fold(prompt, Prompt::with_key);
        Ok(Stream(self.0.stream(prompt)))
    }

    /// Returns the models that the nodes name.
    fn models(&self) -> Vec<String> {
        self.0.models()
    }

    /// Remembers a text and returns its name. After `ttl` seconds it is forgotten by itself.
    #[pyo3(signature = (text, /, *, ttl=None))]
    fn remember(&self, py: Python<'_>, text: String, ttl: Option<f64>) -> PyResult<String> {
        runtime::block_on(py, self.0.remember(text, ttl))
    }

    /// Lists what is remembered, the oldest first, at most `limit` (1 to 100); `after` is the name of the last one before.
    #[pyo3(signature = (*, after=None, limit=20))]
    fn memories(&self, py: Python<'_>, after: Option<String>, limit: usize) -> PyResult<Vec<Remembered>> {
        runtime::block_on(py, self.0.memories(after, limit))
    }

    /// Forgets all memories; returns how many there were.
    fn forget_all(&self, py: Python<'_>) -> PyResult<usize> {
        runtime::block_on(py, self.0.forget_all())
    }

    /// Finds the memories that fit a text best, at most `limit` (1 to 100).
    #[pyo3(signature = (query, /, *, limit=5))]
    fn search(&self, py: Python<'_>, query: String, limit: usize) -> PyResult<Vec<Recalled>> {
        runtime::block_on(py, self.0.search(query, limit))
    }

    /// Forgets a memory; returns whether there was one.
    #[pyo3(signature = (id, /))]
    fn forget(&self, py: Python<'_>, id: String) -> PyResult<bool> {
        runtime::block_on(py, self.0.forget(id))
    }
}

#[pymethods]
impl AsyncMesh {
    #[new]
    #[pyo3(signature = (*, embedder=None, cache=false, max_wrong=None))]
    fn new(embedder: Option<PathBuf>, cache: bool, max_wrong: Option<f64>) -> PyResult<Self> {
        Calls::new(embedder, cache, max_wrong).map(Self).map_err(errors::to_py)
    }

    /// Adds a node, or replaces the one of the same name. Without `models` it serves any.
    ///
    /// `rename` maps a model to what the node calls it; `key` is sent as a bearer token.
    #[pyo3(signature = (name, url, /, *, models=Vec::new(), rename=BTreeMap::new(), key=None))]
    fn add_node(
        &self,
        name: String,
        url: String,
        models: Vec<String>,
        rename: BTreeMap<String, String>,
        key: Option<String>,
    ) -> PyResult<()> {
        self.0.add_node(name, url, models, rename, key).map_err(errors::to_py)
    }

    /// The keys: what their prompts may take, and what they have taken.
    #[getter]
    fn keys(&self) -> Keys {
        Keys(self.0.mesh.keys().clone())
    }

    /// Answers a prompt: a text, or the bytes of a whole chat-completions body, which then stays as it is.
    #[pyo3(signature = (prompt, /, *, model="default", system=None, max_tokens=None, temperature=None, key=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn complete<'py>(
        &self,
        py: Python<'py>,
        prompt: Wanted,
        model: &str,
        system: Option<&str>,
        max_tokens: Option<u32>,
        temperature: Option<f32>,
        key: Option<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let prompt = prompt.read(model, system, max_tokens, temperature, false).map_err(errors::to_py)?;
        let prompt = key.into_iter().fold(prompt, Prompt::with_key);
        runtime::spawn(py, self.0.complete(prompt))
    }

    /// Answers a prompt token by token. The node is asked with the first token that is taken.
    #[pyo3(signature = (prompt, /, *, model="default", system=None, max_tokens=None, temperature=None, key=None))]
    fn stream(
        &self,
        prompt: Wanted,
        model: &str,
        system: Option<&str>,
        max_tokens: Option<u32>,
        temperature: Option<f32>,
        key: Option<String>,
    ) -> PyResult<AsyncStream> {
        let prompt = prompt.read(model, system, max_tokens, temperature, true).map_err(errors::to_py)?;
        let prompt = key.into_iter().fold(prompt, Prompt::with_key);
        Ok(AsyncStream(self.0.stream(prompt)))
    }

    /// Returns the models that the nodes name, at once.
    fn models(&self) -> Vec<String> {
        self.0.models()
    }

    /// Remembers a text and returns its name.
    ///
    /// After `ttl` seconds it is forgotten by itself.
    #[pyo3(signature = (text, /, *, ttl=None))]
    fn remember<'py>(&self, py: Python<'py>, text: String, ttl: Option<f64>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.remember(text, ttl))
    }

    /// Lists what is remembered, the oldest first, at most `limit` (1 to 100); `after` is the name of the last one before.
    #[pyo3(signature = (*, after=None, limit=20))]
    fn memories<'py>(
        &self,
        py: Python<'py>,
        after: Option<String>,
        limit: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.memories(after, limit))
    }

    /// Forgets all memories; returns how many there were.
    fn forget_all<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.forget_all())
    }

    /// Finds the memories that fit a text best, at most `limit` (1 to 100).
    #[pyo3(signature = (query, /, *, limit=5))]
    fn search<'py>(&self, py: Python<'py>, query: String, limit: usize) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.search(query, limit))
    }

    /// Forgets a memory; returns whether there was one.
    #[pyo3(signature = (id, /))]
    fn forget<'py>(&self, py: Python<'py>, id: String) -> PyResult<Bound<'py, PyAny>> {
        runtime::spawn(py, self.0.forget(id))
    }
}

#[pymethods]
impl Stream {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<String>> {
        runtime::block_on(py, self.0.next())
    }
}

#[pymethods]
impl AsyncStream {
    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let next = self.0.next();
        runtime::drive(py, async move { Next(next.await) })
    }
}

/// A text, or a whole body.
#[derive(FromPyObject)]
enum Wanted {
    Text(String),
    Body(Vec<u8>),
}

impl Wanted {
    fn read(
        self,
        model: &str,
        system: Option<&str>,
        max_tokens: Option<u32>,
        temperature: Option<f32>,
        stream: bool,
    ) -> Result<Prompt> {
        let text = match self {
            Self::Body(body) => return Prompt::parse(body),
            Self::Text(text) => text,
        };
        let mut body =
            json!({ "model": model, "messages": [{ "role": "user", "content": text }], "stream": stream });
        let settings =
            [("max_tokens", max_tokens.map(Into::into)), ("temperature", temperature.map(Into::into))];
        for (name, value) in settings.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            body[name] = value;
        }
        let prompt = Prompt::parse(body.to_string())?;
        match system {
            Some(system) => prompt.with_system(system),
            None => Ok(prompt),
        }
    }
}

/// The calls that both classes make.
struct Calls {
    mesh: maily_mesh::Mesh,
    recall: Arc<dyn Recall>,
}

impl Calls {
    fn new(embedder: Option<PathBuf>, cache: bool, max_wrong: Option<f64>) -> Result<Self> {
        let mut config = MeshConfig::default();
        config.cache.enabled = cache || max_wrong.is_some();
        if let Some(max_wrong) = max_wrong {
            config.cache.similar.enabled = true;
            config.cache.similar.max_wrong = max_wrong;
        }
        config.cache.similar.check()?;
        let embedder = match embedder {
            Some(folder) => AnyEmbed::new(EmbedOrtConfig::from_folder(&folder).build()?),
            None => AnyEmbed::new(HashEmbedder),
        };
        let recall: Arc<dyn Recall> = Arc::new(Memories::new(embedder.clone()));
        Ok(Self { mesh: maily_mesh::Mesh::with_memory(&config, recall.clone(), embedder), recall })
    }

    fn add_node(
        &self,
        name: String,
        url: String,
        models: Vec<String>,
        rename: BTreeMap<String, String>,
        key: Option<String>,
    ) -> Result<()> {
        let mut registry = Registry::default();
        maily_llm_echo::register(&mut registry);
        maily_llm_openai::register(&mut registry);
        registry.register(maily_llm_candle::SCHEME, |node: &NodeConfig| {
            let path = node.url.split_once(':').map_or("", |(_, path)| path);
            LlmCandleConfig::new(path).build()
        });
        let mut node = models.into_iter().fold(NodeConfig::new(name, url), NodeConfig::with_model);
        node.rename = rename.into_iter().map(|(model, at_node)| (model.into(), at_node.into())).collect();
        let node = key.into_iter().fold(node, NodeConfig::with_key);
        self.mesh.connect(&MeshConfig::default().with_node(node), &registry)
    }

    fn models(&self) -> Vec<String> {
        self.mesh.nodes().models().iter().map(|model| model.id.to_string()).collect()
    }

    fn complete(&self, prompt: Prompt) -> impl Future<Output = Result<Answer>> + Send + use<> {
        let mesh = self.mesh.clone();
        async move { mesh.complete(prompt).await?.into_answer().await.map(Answer::from) }
    }

    fn stream(&self, prompt: Prompt) -> Tokens {
        Tokens { state: Arc::new(Mutex::new(State::Begin(Box::new((self.mesh.clone(), prompt))))) }
    }

    fn remember(
        &self,
        text: String,
        ttl: Option<f64>,
    ) -> impl Future<Output = Result<String>> + Send + use<> {
        let recall = self.recall.clone();
        // What is no length of time is refused like one of no length.
        let ttl = ttl.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
        let memory = ttl.into_iter().fold(maily_mesh::Memory::new(text), maily_mesh::Memory::with_ttl);
        async move { recall.store(memory).await.map(|id| id.to_string()) }
    }

    fn memories(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Remembered>>> + Send + use<> {
        let recall = self.recall.clone();
        let page = MemoryPage::new(Tenant::default()).with_limit(limit);
        let page = after.map(MemoryId::from).into_iter().fold(page, MemoryPage::with_after);
        async move { Ok(recall.list(page).await?.into_iter().map(Remembered::from).collect()) }
    }

    fn forget_all(&self) -> impl Future<Output = Result<usize>> + Send + use<> {
        let recall = self.recall.clone();
        async move { recall.forget_all(&Tenant::default()).await }
    }

    fn search(
        &self,
        query: String,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Recalled>>> + Send + use<> {
        let recall = self.recall.clone();
        async move {
            let found = recall.search(MemoryQuery::new(query).with_limit(limit)).await?;
            Ok(found.into_iter().map(Recalled::from).collect())
        }
    }

    fn forget(&self, id: String) -> impl Future<Output = Result<bool>> + Send + use<> {
        let recall = self.recall.clone();
        async move { recall.forget(&Tenant::default(), &MemoryId::new(id)).await }
    }
}

/// An answer that is taken token by token.
struct Tokens {
    state: Arc<Mutex<State>>,
}

enum State {
    Begin(Box<(maily_mesh::Mesh, Prompt)>),
    Reading(Box<maily_mesh::wire::Deltas>),
    Ended,
}

impl Tokens {
    fn next(&self) -> impl Future<Output = Result<Option<String>>> + Send + use<> {
        let state = self.state.clone();
        async move { state.lock().await.next().await }
    }
}

impl State {
    async fn next(&mut self) -> Result<Option<String>> {
        loop {
            // Whatever fails, or is cancelled, ends the answer.
            match std::mem::replace(self, Self::Ended) {
                Self::Ended => return Ok(None),
                Self::Begin(asked) => {
                    let (mesh, prompt) = *asked;
                    *self = Self::Reading(Box::new(mesh.complete(prompt).await?.into_deltas()));
                }
                Self::Reading(mut deltas) => {
                    let Some(delta) = deltas.try_next().await? else { return Ok(None) };
                    *self = Self::Reading(deltas);
                    if let Delta::Text(text) = delta {
                        return Ok(Some(text));
                    }
                }
            }
        }
    }
}
