//! Unmodified y-websocket clients against `maily serve canvas`, through a kill -9.

use std::path::Path;

use tokio::process::Command;

#[tokio::test]
async fn real_clients_converge_after_the_server_was_killed() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../serve-ws/tests/yjs");
    if !scripts.join("node_modules/yjs").exists() {
        maily_errors::testing::missing("yjs", "npm ci in adapters/serve-ws/tests/yjs");
        return;
    }

    let status = Command::new("node")
        .arg(scripts.join("converge.mjs"))
        .args(["--seed", "7", "--", env!("CARGO_BIN_EXE_maily"), "serve", "canvas"])
        .args(["--listen", "127.0.0.1:{port}", "--data", "{folder}"])
        .status()
        .await
        .unwrap();

    assert!(status.success());
}
