//! A lock file.

use std::collections::BTreeMap;

use semver::Version;
use toml::{Table, Value};

use super::manifest::{list, text};

/// The packages of a lock file by their names, and of each all versions.
pub(super) struct Lock {
    packages: BTreeMap<String, Vec<Locked>>,
}

/// A package with a version.
pub(super) struct Locked {
    version: Version,
    /// By name; with the version where there are several of that name.
    pub(super) dependencies: BTreeMap<String, Option<Version>>,
}

impl Lock {
    pub(super) fn of(lock: &Table) -> Self {
        let mut packages = BTreeMap::<String, Vec<Locked>>::new();
        for package in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
            let dependency = |line: String| {
                let mut words = line.split(' ');
                let name = words.next().unwrap_or_default().to_owned();
                (name, words.next().and_then(|version| version.parse().ok()))
            };
            packages.entry(text(package, "name")).or_default().push(Locked {
                version: text(package, "version").parse().expect("cargo writes a version"),
                dependencies: list(package, "dependencies").map(dependency).collect(),
            });
        }
        Self { packages }
    }

    /// Returns a package of ours, of which there is one version.
    pub(super) fn package(&self, name: &str) -> Option<&Locked> {
        self.packages.get(name)?.first()
    }

    /// Returns the version of a dependency.
    pub(super) fn chosen<'a>(&'a self, of: &'a Locked, name: &str) -> Option<&'a Version> {
        of.dependencies.get(name)?.as_ref().or_else(|| Some(&self.package(name)?.version))
    }
}
