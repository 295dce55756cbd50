//! `RedisNodes` and `AsyncRedisNodes`: who changes the list of nodes that meshes follow.

use std::future::Future;

use maily_errors::Result;
use maily_mesh::NodeConfig;
use maily_redis::Key;
use pyo3::prelude::*;

use super::settings;
use crate::redis::{AnyStore, Stores};
use crate::twins::twins;
use crate::{errors, runtime};

/// Fills `maily._maily.mesh` with both classes.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RedisNodes>()?;
    module.add_class::<AsyncRedisNodes>()
}

twins! {
    "maily.mesh", Listed;

    /// The nodes of meshes in one value of a `maily.redis.Store`: each mesh that follows it has the same.
    ///
    /// A node that starts adds itself, and takes itself out before it ends; `Mesh.follow_redis` follows. Many may change the
    /// list at once. It has at most 1 MiB.
    sync RedisNodes {}

    /// The nodes of meshes in one value of a `maily.redis.Store`. Its methods return awaitables.
    async AsyncRedisNodes {}

    both {
        #[new]
        #[pyo3(signature = (store, /, *, key="mesh:nodes"))]
        fn new(store: Stores, key: &str) -> PyResult<Self> {
            let key = Key::new(key.to_owned()).map_err(errors::to_py)?;
            Ok(Self(Listed(maily_nodes_redis::RedisNodes::new(store.into_any()).with_key(key))))
        }
    }

    /// Adds a node, or replaces the one of the same name.
    (node, /) fn insert(node: Named) -> ();

    /// Takes a node out; one that is not there is none to take out. Prompts under way are finished.
    (name, /) fn remove(name: String) -> ();
}

/// What both classes hold.
pub(super) struct Listed(maily_nodes_redis::RedisNodes<AnyStore>);

impl Listed {
    fn insert(&self, node: Named) -> impl Future<Output = Result<()>> + Send + use<> {
        let nodes = self.0.clone();
        async move { nodes.insert(&node.0).await }
    }

    fn remove(&self, name: String) -> impl Future<Output = Result<()>> + Send + use<> {
        let nodes = self.0.clone();
        async move { nodes.remove(&name).await }
    }
}

/// The settings of a node, as a dictionary of Python.
pub(super) struct Named(NodeConfig);

impl<'py> FromPyObject<'_, 'py> for Named {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        settings::of_python(&object.to_owned()).map(Self).map_err(errors::to_py)
    }
}
