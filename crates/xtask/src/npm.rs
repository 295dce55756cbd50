//! JavaScript packages of the checkout: every folder with a lock file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::project::Project;
use crate::shell::Log;

/// A folder with `package.json` and `package-lock.json`.
#[derive(Debug)]
pub(crate) struct Package {
    /// Where it is.
    pub(crate) folder: PathBuf,
    scripts: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    scripts: toml::Table,
}

impl Package {
    /// Finds the packages that the tests use: those with a script to run, and those below a `tests` folder.
    pub(crate) fn all(project: &Project) -> Vec<Self> {
        let mut found = Vec::new();
        for top in ["adapters", "bindings", "crates", "examples", "tests"] {
            search(&project.root.join(top), &mut found);
        }
        found.retain(|package| {
            ["check", "e2e", "test"].iter().any(|script| package.has(script))
                || package.folder.components().any(|part| part.as_os_str() == "tests")
        });
        found.sort_by(|left, right| left.folder.cmp(&right.folder));
        found
    }

    /// Says whether the package has a script of this name.
    pub(crate) fn has(&self, script: &str) -> bool {
        self.scripts.iter().any(|name| name == script)
    }

    /// Returns the folder as seen from the root of the checkout.
    pub(crate) fn name<'a>(&'a self, project: &Project) -> std::borrow::Cow<'a, str> {
        self.folder.strip_prefix(&project.root).unwrap_or(&self.folder).to_string_lossy()
    }

    /// Installs exactly what the lock file says, unless that was done before.
    pub(crate) fn install(&self, project: &Project, log: &Log) -> Result<(), String> {
        let lock = fs::read(self.folder.join("package-lock.json")).map_err(|err| err.to_string())?;
        let wanted = digest(&lock);
        let marker = self.folder.join("node_modules/.maily-lock");
        if fs::read_to_string(&marker).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        let label = format!("npm ci in {}", self.name(project));
        // No scripts: what a dependency wants to run at installation is not needed, and not trusted.
        let mut command = project.command("npm");
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&self.folder);
        log.run(&label, &mut command)?.success(&label)?;
        fs::create_dir_all(self.folder.join("node_modules")).map_err(|err| err.to_string())?;
        fs::write(marker, wanted).map_err(|err| err.to_string())
    }
}

/// Installs packages of the registry, each `NAME@VERSION`, into the cache; returns their folder `node_modules`.
///
/// What they have as optional is left out: it is for other machines.
pub(crate) fn fetch(project: &Project, log: &Log, packages: &[&str]) -> Result<PathBuf, String> {
    let package = packages.first().copied().unwrap_or_default();
    let place = project.cache.join(package.replace('@', "-"));
    let modules = place.join("node_modules");
    // What npm writes last.
    if !modules.join(".package-lock.json").is_file() {
        fs::create_dir_all(&place).map_err(|err| format!("{}: {err}", place.display()))?;
        let label = format!("npm install {package}");
        let mut npm = project.command("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional", "--prefix"]);
        log.run(&label, npm.arg(&place).args(packages))?.success(&label)?;
    }
    Ok(modules)
}

/// Returns the SHA-256 of some bytes in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn search(folder: &Path, found: &mut Vec<Package>) {
    if folder.join("package-lock.json").is_file()
        && let Ok(text) = fs::read_to_string(folder.join("package.json"))
        && let Ok(manifest) = serde_json::from_str::<Manifest>(&text)
    {
        let scripts = manifest.scripts.keys().cloned().collect();
        found.push(Package { folder: folder.to_owned(), scripts });
    }
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && name != "node_modules" && name != "target" {
            search(&entry.path(), found);
        }
    }
}
