//! Unmodified Yjs clients under Node against the canvas server.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs one of the scripts against the example server; `None` when Node is missing.
fn run(script: &str) -> Option<bool> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yjs");
    if Command::new("node").arg("--version").output().is_err() {
        maily_errors::testing::missing("node", "install Node 20 or later");
        return None;
    }
    if !folder.join("node_modules/yjs").exists() {
        let install = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status();
        if !install.is_ok_and(|status| status.success()) {
            maily_errors::testing::missing("yjs", "npm ci in adapters/serve-ws/tests/yjs");
            return None;
        }
    }
    let status = Command::new("node")
        .arg(folder.join(script))
        .args(["--".as_ref(), server().as_os_str(), "{port}".as_ref(), "{folder}".as_ref()])
        .status()
        .unwrap();
    Some(status.success())
}

/// The example `canvas_server`, which cargo builds beside the tests.
fn server() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(format!("canvas_server{}", std::env::consts::EXE_SUFFIX))
}

// One after the other: both may have to install the packages first.
#[test]
fn real_clients_converge_and_nonsense_leaves_the_server_alive() {
    assert_ne!(run("converge.mjs"), Some(false), "clients did not converge");
    assert_ne!(run("hostile.mjs"), Some(false), "hostile clients did harm");
}
