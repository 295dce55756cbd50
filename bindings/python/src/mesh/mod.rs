//! `maily.mesh`: the core `mesh` for Python.

mod answer;
mod ask;
mod blocks;
mod calls;
mod event;
mod instances;
mod nodes;
mod python_node;
mod reader;
mod recall;
mod redis_nodes;
mod settings;
mod stream;

use std::collections::BTreeMap;
use std::path::PathBuf;

use maily_mesh::{Format, MeshConfig, NodeConfig};
use maily_nodes_kubernetes::KubernetesNodesConfig;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use self::answer::{Answer, Thought};
use self::ask::{Wanted, read_format};
use self::calls::{Calls, SharedStores};
use self::instances::Peer;
use self::nodes::{NodeStatus, Times};
use self::python_node::{PythonNode, Request, SCHEME};
use self::recall::{Recalled, Remembered};
use self::stream::{AsyncStream, Stream};
use crate::keys::{KeyUsage, Keys, LimitUsage};
use crate::redis::{AnyStore, Stores, failed};
use crate::twins::twins;
use crate::{errors, runtime};

/// Fills `maily._maily.mesh`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Mesh>()?;
    module.add_class::<AsyncMesh>()?;
    module.add_class::<Answer>()?;
    module.add_class::<Thought>()?;
    module.add_class::<NodeStatus>()?;
    module.add_class::<Times>()?;
    module.add_class::<Peer>()?;
    module.add_class::<Request>()?;
    module.add_class::<Recalled>()?;
    module.add_class::<Remembered>()?;
    module.add_class::<Keys>()?;
    module.add_class::<KeyUsage>()?;
    module.add_class::<LimitUsage>()?;
    event::register(module)?;
    redis_nodes::register(module)?;
    settings::register(module)?;
    stream::register(module)
}

twins! {
    "maily.mesh", Calls, spawn;

    /// A mesh of language-model nodes, as one model, with memories.
    ///
    /// `config` has the sections and names of `[mesh]` in a settings file, with the same defaults; `nodes` are added to
    /// those that it names. A node is where its URL says: `echo:`, `http://HOST/v1` or `https://HOST/v1` for any server
    /// of the OpenAI protocol, `anthropic+https://HOST/v1` for one of messages, `candle:PATH` for a local SmolLM2 GGUF file.
    ///
    /// `embedder` is a folder with the MiniLM model; without it, memories are found by the words that they share.
    /// `archive` is a file that keeps memories: one process at a time has it open.
    ///
    /// With `cache` a prompt with a temperature of 0 that was answered before is answered from memory. With `max_wrong`,
    /// 0.0001 to 0.5, a similar one is too, so that at most this share of all prompts gets another answer than a node
    /// would give.
    ///
    /// `accounts` is a `maily.redis.Store` that keeps what the keys draw: one with a file outlives the process, and one on a
    /// server is shared by all who use it. With `limit.shared` set to `gossip` it keeps the share of this instance alone.
    /// `streams` is one that keeps resumable streams: a mesh of another process with the same store goes on with them.
    ///
    /// Its connections and tasks are those of the process that made it: in a child of a fork its calls raise the code
    /// `unsupported`.
    sync Mesh {
        fn __enter__(slf: Py<Self>) -> Py<Self> {
            slf
        }

        /// Closes the mesh.
        #[pyo3(signature = (*raised))]
        fn __exit__(&self, py: Python<'_>, raised: &Bound<'_, PyTuple>) -> PyResult<bool> {
            let closed = runtime::block_on(py, self.0.close());
            if failed(raised)? { Ok(false) } else { closed.map(|()| false) }
        }

        /// Answers a prompt: a text, or the `bytes` of a whole body, of which only `model` and `system` are changed if given.
        ///
        /// The body is chat completions, or what `format` says: `completions`, `messages`, `responses`; then `answer.body`
        /// is in that format. `timeout` is in seconds; `tenant` says whose memories are recalled; `priority` is
        /// `interactive`, `standard` or `batch`; `trace` is a `maily.trace.Trace` or a `traceparent`, else the current one;
        /// `caching` is `use`, `refresh` or `off`.
        #[pyo3(signature = (prompt, /, **options), text_signature = "($self, prompt, /, *, model=None, system=None, max_tokens=None, temperature=None, key=None, format=None, timeout=None, tenant=None, priority=None, trace=None, caching=None, betas=None)")]
        fn complete(&self, py: Python<'_>, prompt: Wanted, options: Option<&Bound<'_, PyDict>>) -> PyResult<Answer> {
            runtime::block_on(py, self.0.complete(prompt, options))
        }

        /// Answers a prompt piece by piece: iterate over its text, its `events()` or its `chunks()`.
        ///
        /// The node is asked with the first piece that is taken. With `resumable` the events have numbers; `last_event_id`
        /// goes on behind one of them, with the same prompt. The others are as in `complete`.
        #[pyo3(signature = (prompt, /, **options), text_signature = "($self, prompt, /, *, model=None, system=None, max_tokens=None, temperature=None, key=None, format=None, timeout=None, tenant=None, priority=None, trace=None, caching=None, betas=None, resumable=False, last_event_id=None)")]
        fn stream(&self, prompt: Wanted, options: Option<&Bound<'_, PyDict>>) -> PyResult<Stream> {
            self.0.stream(prompt, options).map(Stream).map_err(errors::to_py)
        }
    }

    /// A mesh of language-model nodes, as one model. What asks a node or a memory returns an awaitable.
    async AsyncMesh {
        fn __aenter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
            runtime::drive(py, async move { Ok(slf) })
        }

        /// Closes the mesh.
        #[pyo3(signature = (*raised))]
        fn __aexit__<'py>(&self, py: Python<'py>, raised: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
            let (close, failed) = (self.0.close(), failed(raised)?);
            runtime::spawn(py, async move {
                let closed = close.await;
                if failed { Ok(false) } else { closed.map(|()| false) }
            })
        }

        /// Answers a prompt: a text, or the `bytes` of a whole body, of which only `model` and `system` are changed if given.
        ///
        /// The body is chat completions, or what `format` says: `completions`, `messages`, `responses`; then `answer.body`
        /// is in that format. `timeout` is in seconds; `tenant` says whose memories are recalled; `priority` is
        /// `interactive`, `standard` or `batch`; `trace` is a `maily.trace.Trace` or a `traceparent`, else the current one;
        /// `caching` is `use`, `refresh` or `off`.
        #[pyo3(signature = (prompt, /, **options), text_signature = "($self, prompt, /, *, model=None, system=None, max_tokens=None, temperature=None, key=None, format=None, timeout=None, tenant=None, priority=None, trace=None, caching=None, betas=None)")]
        fn complete<'py>(
            &self,
            py: Python<'py>,
            prompt: Wanted,
            options: Option<&Bound<'py, PyDict>>,
        ) -> PyResult<Bound<'py, PyAny>> {
            runtime::spawn(py, self.0.complete(prompt, options))
        }

        /// Answers a prompt piece by piece: iterate over its text, its `events()` or its `chunks()`.
        ///
        /// The node is asked with the first piece that is taken. With `resumable` the events have numbers; `last_event_id`
        /// goes on behind one of them, with the same prompt. The others are as in `complete`.
        #[pyo3(signature = (prompt, /, **options), text_signature = "($self, prompt, /, *, model=None, system=None, max_tokens=None, temperature=None, key=None, format=None, timeout=None, tenant=None, priority=None, trace=None, caching=None, betas=None, resumable=False, last_event_id=None)")]
        fn stream(&self, prompt: Wanted, options: Option<&Bound<'_, PyDict>>) -> PyResult<AsyncStream> {
            self.0.stream(prompt, options).map(AsyncStream).map_err(errors::to_py)
        }
    }

    both {
        #[new]
        #[pyo3(signature = (*, config=None, nodes=Vec::new(), embedder=None, archive=None, accounts=None, streams=None, cache=false, max_wrong=None))]
        #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
        fn new(
            py: Python<'_>,
            config: Option<Bound<'_, PyAny>>,
            nodes: Vec<Bound<'_, PyAny>>,
            embedder: Option<PathBuf>,
            archive: Option<PathBuf>,
            accounts: Option<Stores>,
            streams: Option<Stores>,
            cache: bool,
            max_wrong: Option<f64>,
        ) -> PyResult<Self> {
            let mut settings: MeshConfig =
                config.map_or_else(|| Ok(MeshConfig::default()), |config| settings::of_python(&config)).map_err(errors::to_py)?;
            for node in nodes {
                settings.nodes.push(settings::of_python(&node).map_err(errors::to_py)?);
            }
            settings.cache.enabled |= cache || max_wrong.is_some();
            if let Some(max_wrong) = max_wrong {
                settings.cache.similar.enabled = true;
                settings.cache.similar.max_wrong = max_wrong;
            }
            let stores = SharedStores { accounts: accounts.map(Stores::into_any), streams: streams.map(Stores::into_any) };
            runtime::block_on(py, Calls::open(settings, embedder, archive, stores)).map(Self)
        }

        /// Adds a node, or replaces the one of the same name. Without `models` it serves any.
        ///
        /// In place of a URL stands an object of Python with a method `complete` or `stream`, or both: it takes a `Request` and
        /// returns a text, or an iterator of texts and events. Such methods run in threads; asynchronous ones run on the event
        /// loop that runs where the node is added to an `AsyncMesh`, else on one of their own.
        ///
        /// `rename` maps a model to what the node calls it; `key` is sent as the node wants it. The others are as in
        /// `NodeConfig`.
        #[pyo3(signature = (name, url, /, *, models=Vec::new(), rename=BTreeMap::new(), key=None, native=Vec::new(), counts=Vec::new(), connect_ms=None, weight=1.0, canary_pct=0.0, capacity=None, price=None, zone=None))]
        #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
        fn add_node(
            &self,
            name: String,
            url: &Bound<'_, PyAny>,
            models: Vec<String>,
            rename: BTreeMap<String, String>,
            key: Option<String>,
            native: Vec<String>,
            counts: Vec<String>,
            connect_ms: Option<u64>,
            weight: f64,
            canary_pct: f64,
            capacity: Option<u32>,
            price: Option<f64>,
            zone: Option<String>,
        ) -> PyResult<()> {
            let address = url.extract::<String>().unwrap_or_else(|_| format!("{SCHEME}:"));
            let formats = |names: Vec<String>| -> PyResult<Vec<Format>> {
                names.iter().map(|name| read_format(Some(name)).map_err(errors::to_py)).collect()
            };
            let mut node = models.into_iter().fold(NodeConfig::new(name, address), NodeConfig::with_model);
            node = key.into_iter().fold(node, NodeConfig::with_key).with_native(formats(native)?).with_counts(formats(counts)?);
            node.rename = rename.into_iter().map(|(model, at_node)| (model.into(), at_node.into())).collect();
            (node.connect_ms, node.weight, node.canary_pct) = (connect_ms, weight, canary_pct);
            (node.capacity, node.price, node.zone) = (capacity, price, zone);
            let inserted = if url.is_instance_of::<PyString>() {
                // A local model is read from its file.
                url.py().detach(|| self.0.insert(node))
            } else {
                self.0.insert_python(&node, PythonNode::new(url, Self::ON_CALLERS_LOOP)?)
            };
            inserted.map_err(errors::to_py)
        }

        /// Removes a node; prompts under way are finished. Returns whether there was one.
        #[pyo3(signature = (name, /))]
        fn remove_node(&self, name: &str) -> bool {
            self.0.mesh.nodes().remove(name)
        }

        /// Sends no more prompts to a node, which finishes those under way. Returns whether there is such a node.
        #[pyo3(signature = (name, /))]
        fn drain_node(&self, name: &str) -> bool {
            self.0.mesh.nodes().drain(name)
        }

        /// Sends prompts to a drained node again. Returns whether there is such a node.
        #[pyo3(signature = (name, /))]
        fn undrain_node(&self, name: &str) -> bool {
            self.0.mesh.nodes().undrain(name)
        }

        /// Returns what is known of each node, in the order in which they came.
        fn nodes(&self) -> Vec<NodeStatus> {
            self.0.nodes()
        }

        /// Follows a file with nodes, `[[nodes]]` in TOML, for as long as this mesh is there; `every` is in seconds.
        #[pyo3(signature = (path, /, *, every=0.5))]
        fn follow_file(&self, path: PathBuf, every: f64) -> PyResult<()> {
            let _runtime = runtime::enter()?;
            self.0.follow_file(path, every).map_err(errors::to_py)
        }

        /// Follows the nodes under a key of a Redis or Valkey server, for as long as this mesh is there.
        ///
        /// `at` is the URL of the server, or a `maily.redis.Store`; `RedisNodes` changes them. They are looked at each `every`
        /// seconds. While the server is away, the nodes stay.
        #[pyo3(signature = (at, /, *, key="mesh:nodes", every=1.0))]
        fn follow_redis(&self, at: &Bound<'_, PyAny>, key: &str, every: f64) -> PyResult<()> {
            let _runtime = runtime::enter()?;
            let store = match at.extract::<String>() {
                Ok(url) => AnyStore::at(url).map_err(errors::to_py)?,
                Err(_) => at.extract::<Stores>()?.into_any(),
            };
            self.0.follow_redis(store, key, every).map_err(errors::to_py)
        }

        /// Follows the pods of a service of Kubernetes, for as long as this mesh is there.
        ///
        /// `config` has the names of `[nodes.kubernetes]` in a settings file; only `service` must be there.
        #[pyo3(signature = (config, /))]
        fn follow_kubernetes(&self, config: &Bound<'_, PyAny>) -> PyResult<()> {
            let config: KubernetesNodesConfig = settings::of_python(config).map_err(errors::to_py)?;
            let _runtime = runtime::enter()?;
            self.0.follow_kubernetes(&config).map_err(errors::to_py)
        }

        /// The keys: what their prompts may take, and what they have taken.
        #[getter]
        fn keys(&self) -> Keys {
            Keys(self.0.mesh.keys().clone())
        }

        /// Returns the other instances that the gossip knows, at once; none without `gossip.key`.
        fn peers(&self) -> Vec<Peer> {
            self.0.peers()
        }

        /// Returns the models that the nodes name, at once.
        fn models(&self) -> Vec<String> {
            self.0.models()
        }
    }

    /// Gives back what the keys drew and did not spend, so that others can have it, leaves the other instances, and follows
    /// no source of nodes any more. Prompts are still answered; closing again is harmless.
    () fn close() -> ();

    /// Turns texts into vectors of length 1: 1 to 2048 texts, each of at most 65 536 bytes.
    (texts, /) fn embed(texts: Vec<String>) -> Vec<Vec<f32>>;

    /// Remembers a text and returns its name. After `ttl` seconds it is forgotten by itself.
    (text, /, *, ttl=None, tenant=None) fn remember(text: String, ttl: Option<f64>, tenant: Option<String>) -> String;

    /// Lists what is remembered, the oldest first, at most `limit` (1 to 100); `after` is the name of the last one before.
    (*, after=None, limit=20, tenant=None)
        fn memories(after: Option<String>, limit: usize, tenant: Option<String>) -> Vec<Remembered>;

    /// Forgets all memories; returns how many there were.
    (*, tenant=None) fn forget_all(tenant: Option<String>) -> usize;

    /// Finds the memories that fit a text best, at most `limit` (1 to 100).
    (query, /, *, limit=5, tenant=None)
        fn search(query: String, limit: usize, tenant: Option<String>) -> Vec<Recalled>;

    /// Forgets a memory; returns whether there was one.
    (id, /, *, tenant=None) fn forget(id: String, tenant: Option<String>) -> bool;
}

// An event loop that waits for a blocking call cannot run a node meanwhile.
impl Mesh {
    const ON_CALLERS_LOOP: bool = false;
}

impl AsyncMesh {
    const ON_CALLERS_LOOP: bool = true;
}
