//! A manifest with some features on.

use std::collections::BTreeSet;

use semver::VersionReq;
use toml::{Table, Value};

use super::super::tree::Tree;
use super::FOLDER;

/// A package of this checkout.
pub(super) struct Manifest {
    folder: String,
    manifest: Value,
    /// The root of the workspace.
    workspace: Value,
    /// Features, `dep:NAME`, `NAME/FEATURE` and `NAME?/FEATURE`.
    on: BTreeSet<String>,
}

/// What a package depends on.
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) version: Option<VersionReq>,
    /// Where it is, if it is of this checkout.
    pub(super) folder: Option<String>,
    pub(super) features: BTreeSet<String>,
}

impl Manifest {
    pub(super) fn read(tree: &Tree, folder: &str, mut on: BTreeSet<String>) -> Self {
        let manifest = Value::Table(tree.manifest(&format!("{folder}/Cargo.toml")));
        let features = manifest.get("features").cloned().unwrap_or_else(|| Table::new().into());
        if folder == FOLDER {
            // A lock file is for all features of its own workspace.
            on.extend(features.as_table().into_iter().flat_map(Table::keys).cloned());
        }
        loop {
            let more: Vec<String> = on.iter().flat_map(|feature| list(&features, feature)).collect();
            let before = on.len();
            on.extend(more);
            if on.len() == before {
                break;
            }
        }
        Self { folder: folder.to_owned(), manifest, workspace: Value::Table(tree.manifest("Cargo.toml")), on }
    }

    pub(super) fn name(&self) -> String {
        self.manifest.get("package").map(|package| text(package, "name")).unwrap_or_default()
    }

    /// What is locked for it: for any target, to run and to be built, but not what its tests need.
    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.manifest.get("target").and_then(Value::as_table);
        let places = std::iter::once(&self.manifest).chain(targets.into_iter().flat_map(Table::values));
        let sections =
            places.flat_map(|place| ["dependencies", "build-dependencies"].map(|it| place.get(it)));
        let all = sections.flatten().filter_map(Value::as_table).flatten();
        all.filter_map(|(key, value)| self.dependency(key, value)).collect()
    }

    fn dependency(&self, key: &str, own: &Value) -> Option<Dependency> {
        if is(own, "optional") == Some(true) && !self.takes(key) {
            return None;
        }
        let shared = self.workspace.get("workspace").and_then(|it| it.get("dependencies")?.get(key));
        let (base, from) =
            if own.get("workspace").is_some() { (shared?, "") } else { (own, self.folder.as_str()) };
        let mut features: BTreeSet<String> =
            list(base, "features").chain(list(own, "features")).chain(self.passed_to(key)).collect();
        if [base, own].iter().all(|value| is(value, "default-features") != Some(false)) {
            features.insert("default".to_owned());
        }
        let version = base.as_str().or_else(|| base.get("version")?.as_str());
        Some(Dependency {
            name: base.get("package").and_then(Value::as_str).unwrap_or(key).to_owned(),
            version: version.and_then(|version| VersionReq::parse(version).ok()),
            folder: base.get("path").and_then(Value::as_str).map(|path| joined(from, path)),
            features,
        })
    }

    /// Says whether a feature that is on takes an optional dependency.
    fn takes(&self, key: &str) -> bool {
        let (by_name, with_feature) = (format!("dep:{key}"), format!("{key}/"));
        self.on.iter().any(|on| *on == by_name || on == key || on.starts_with(&with_feature))
    }

    /// The features of a dependency that features of this package switch on.
    fn passed_to(&self, key: &str) -> impl Iterator<Item = String> {
        let pairs = self.on.iter().filter_map(|on| on.split_once('/'));
        pairs
            .filter(move |(name, _)| name.trim_end_matches('?') == key)
            .map(|(_, feature)| feature.to_owned())
    }
}

/// Returns the texts in a list; none if there is no such list.
pub(super) fn list(of: &Value, key: &str) -> impl Iterator<Item = String> {
    let all = of.get(key).and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Returns a text; an empty one if there is none.
pub(super) fn text(of: &Value, key: &str) -> String {
    of.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn is(of: &Value, key: &str) -> Option<bool> {
    of.get(key)?.as_bool()
}

/// A path from a folder of the checkout, without `..`.
fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
