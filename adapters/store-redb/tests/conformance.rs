//! The redb files keep every rule of the ports `store`, `log`, `archive`, and those of a redis store.

use maily_mesh::memory::HashEmbedder;
use maily_mesh::recall::{Memories, MemoriesConfig};
use maily_store_redb::RedbConfig;

/// A file in a folder of its own, kept below `target`.
fn fresh() -> RedbConfig {
    RedbConfig::new(
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder").keep().join("fresh.redb"),
    )
}

maily_canvas::conformance!(store, fresh().documents().await.expect("documents"));
maily_analytics::conformance!(log, fresh().events().await.expect("events"));

maily_mesh::conformance!(archive, fresh().memories().await.expect("memories"));
maily_mesh::conformance!(recall, {
    let archive = std::sync::Arc::new(fresh().memories().await.expect("memories"));
    Memories::open(HashEmbedder, archive, MemoriesConfig::default()).await.expect("opened")
});

mod redis {
    use super::fresh;

    maily_redis::conformance!(bus, fresh().store().await.expect("store"));
    maily_redis::conformance!(jobs, fresh().store().await.expect("store"));
    maily_redis::conformance!(store, fresh().store().await.expect("store"));
    maily_redis::conformance!(lock, fresh().store().await.expect("store"));
    maily_redis::conformance!(limit, fresh().store().await.expect("store"));
    maily_redis::conformance!(idempotency, fresh().store().await.expect("store"));
    maily_redis::conformance!(cache, fresh().store().await.expect("store"));
}
