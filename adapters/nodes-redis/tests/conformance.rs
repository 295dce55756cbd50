//! A list in a store keeps every rule of the `nodes` port.

use maily_nodes_redis::RedisNodes;
use maily_redis::{Key, MemoryStore, Store};

async fn source() -> impl maily_mesh::NodeSource<maily_mesh::NodeConfig> {
    let store = MemoryStore::default();
    let list = r#"{"nodes":[{"name":"a","url":"echo:"},{"name":"b","url":"echo:","weight":2.0}]}"#;
    let key = Key::new("mesh:nodes").expect("a key");
    store.set(&key, list.into(), None).await.expect("the store takes it");
    RedisNodes::new(store).watch()
}

maily_mesh::conformance!(nodes, source().await);
