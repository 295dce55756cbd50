//! Redis 7 for the tests, unpacked from Debian's package and not installed: no service starts on port 6379, and none
//! that runs there is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::Project;
use crate::shell::{Log, output, which};

/// Returns a Redis server of version 7 or newer: the one that was fetched, that of the system, or one fetched now.
pub(crate) fn find(project: &Project, log: &Log) -> Result<PathBuf, String> {
    let folder = project.cache.join("redis7");
    let fetched = folder.join("redis-server");
    if major(&fetched).is_some() {
        return Ok(fetched);
    }
    if let Some(installed) = which("redis-server").filter(|path| major(path).is_some_and(|major| major >= 7))
    {
        return Ok(installed);
    }
    fetch(&folder, log)?;
    major(&fetched).map(|_| fetched).ok_or_else(|| "the unpacked program does not run".to_owned())
}

/// Unpacks the server and the libraries that only it needs.
fn fetch(folder: &Path, log: &Log) -> Result<(), String> {
    let fail = |err: std::io::Error| format!("{}: {err}", folder.display());
    fs::remove_dir_all(folder).ok();
    fs::create_dir_all(folder).map_err(fail)?;
    let download = || {
        let mut apt = Command::new("apt-get");
        apt.arg("download").args(PACKAGES).current_dir(folder);
        log.run("apt-get download", &mut apt)
    };
    if !download()?.ok {
        // A fresh image has no lists of packages; without root this fails and says so.
        log.run("apt-get update", Command::new("apt-get").args(["update", "-q"]))?
            .success("apt-get update")?;
        download()?.success("apt-get download")?;
    }
    for entry in fs::read_dir(folder).map_err(fail)?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            let mut unpack = Command::new("dpkg-deb");
            unpack.arg("-x").arg(entry.path()).arg(folder);
            log.run("dpkg-deb -x", &mut unpack)?.success("dpkg-deb -x")?;
        }
    }
    let script = folder.join("redis-server");
    fs::write(&script, SCRIPT).map_err(fail)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).map_err(fail)
}

/// Returns the first number of `Redis server v=7.0.15 sha=..`.
fn major(program: &Path) -> Option<u32> {
    version(&output(Command::new(program).arg("--version"))?)
}

fn version(text: &str) -> Option<u32> {
    text.split_once("v=")?.1.split('.').next()?.parse().ok()
}

const PACKAGES: [&str; 6] =
    ["redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblzf1", "libssl3"];

/// Runs the program with the libraries that lie beside it.
const SCRIPT: &str = r#"#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$(echo "$here"/usr/lib/*-linux-gnu) exec "$here/usr/bin/redis-server" "$@"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_from_what_the_program_says() {
        assert_eq!(version("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"), Some(7));
        assert_eq!(version("Valkey server v=9.1.2 sha=00000000:1"), Some(9));
        assert_eq!(version("no such program"), None);
    }
}
