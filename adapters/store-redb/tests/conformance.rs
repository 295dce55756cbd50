//! The redb store keeps every rule of the `store` port.

use maily_canvas::port::DocStore;
use maily_store_redb::RedbConfig;

/// A store in a folder that goes away with the test process.
async fn fresh() -> impl DocStore {
    let folder = tempfile::tempdir().expect("a folder").keep();
    RedbConfig::new(folder.join("canvas.redb")).build().await.expect("a store")
}

maily_canvas::conformance!(store, fresh().await);
