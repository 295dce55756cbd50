//! The gateways of `peers mesh`: ours built, the others fetched if they can be.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::install::{apt, below};
use crate::project::Project;
use crate::python_peers::environment;
use crate::shell::{Log, which};

/// Returns the variables that say where each is. What cannot be had has a variable that says why.
pub(crate) fn find(project: &Project, area: &str, log: &Log) -> Result<Vec<(String, OsString)>, String> {
    if area != "mesh" {
        return Ok(Vec::new());
    }
    let mut build = project.cargo();
    // As it is delivered: the others are distributions too.
    build.args(["build", "--profile", "dist", "--package", "maily-server", "--bin", "maily"]);
    log.run("building the gateway", &mut build)?.success("building the gateway")?;

    let wheels = environment(project, log, "gateways", "gateways.txt");
    let python = |wheels: PathBuf| Ok(wheels.join("bin/python"));
    let envoy =
        |wheels: PathBuf| below(&wheels.join("lib"), "envoy").ok_or("the wheel has no envoy".to_owned());
    let gateways = [
        ("GATEWAY", Ok(project.target.join("dist/maily"))),
        ("NGINX", debian(log, "nginx", "nginx-light")),
        ("HAPROXY", debian(log, "haproxy", "haproxy")),
        ("ENVOY", wheels.clone().and_then(envoy)),
        ("ROUTERS", wheels.and_then(python)),
    ];
    let variable = |(name, found): (&str, Result<PathBuf, String>)| match found {
        Ok(path) => (format!("MAILY_PEERS_{name}"), path.into_os_string()),
        Err(why) => (format!("MAILY_PEERS_{name}_MISSING"), why.into()),
    };
    Ok(gateways.into_iter().map(variable).collect())
}

/// Finds a program, or installs its Debian package, as root only.
fn debian(log: &Log, program: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(path) = which(program) {
        return Ok(path);
    }
    apt(log, package)?;
    which(program).ok_or(format!("the package `{package}` has no `{program}`"))
}
