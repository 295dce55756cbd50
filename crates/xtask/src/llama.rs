//! The model of `peers local`, and llama.cpp out of a package of npm.

use std::ffi::OsString;

use crate::npm;
use crate::project::Project;
use crate::shell::Log;

/// Returns the variables that say where both are, if the area asks them.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Vec<(&'static str, OsString)> {
    if area != "local" {
        return Vec::new();
    }
    let mut variables = Vec::new();
    let model = project.cache.join(MODEL);
    if model.is_file() {
        variables.push(("MAILY_PEERS_MODEL", model.into_os_string()));
    }
    match npm::fetch(project, log, &PACKAGES) {
        Ok(modules) => variables.push(("MAILY_PEERS_LLAMA", modules.into_os_string())),
        Err(why) => println!("without llama.cpp: {why}"),
    }
    variables
}

/// What `cargo xtask assets` fetches.
const MODEL: &str = "smollm2-135m-instruct-q4_1.gguf";
/// llama.cpp for Node.js, and its binary, with a variant for each kind of processor.
#[cfg(target_arch = "aarch64")]
const PACKAGES: [&str; 2] = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-arm64@3.22.1"];
#[cfg(not(target_arch = "aarch64"))]
const PACKAGES: [&str; 2] = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"];
