//! The lock file of the peers fits the workspace.
//!
//! `cargo xtask peers` builds `benches/peers` with `--locked`, which refuses a lock file that lags behind our manifests.
//! Here both are read as cargo reads them, so it takes neither a registry nor time. What only a registry knows, such as
//! a feature of a foreign package that wants one more, `cargo xtask check` lets cargo find.

mod lock;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};

use self::lock::Lock;
use self::manifest::Manifest;
use super::tree::{self, Tree};

const FOLDER: &str = "benches/peers";

fn violations(tree: &Tree) -> Vec<String> {
    let lock = Lock::of(&tree.manifest("benches/peers/Cargo.lock"));
    let mut found = Vec::new();
    for (folder, features) in reached(tree) {
        let manifest = Manifest::read(tree, &folder, features);
        let (name, needs) = (manifest.name(), manifest.dependencies());
        let Some(locked) = lock.package(&name) else {
            found.push(format!("{name} is not in it"));
            continue;
        };
        let wanted: BTreeSet<&String> = needs.iter().map(|dependency| &dependency.name).collect();
        let listed: BTreeSet<&String> = locked.dependencies.keys().collect();
        found.extend(wanted.difference(&listed).map(|new| format!("{name} depends on {new} now")));
        found.extend(listed.difference(&wanted).map(|old| format!("{name} depends on {old} no more")));
        for dependency in &needs {
            if let (Some(wanted), Some(version)) =
                (&dependency.version, lock.chosen(locked, &dependency.name))
                && !wanted.matches(version)
            {
                found.push(format!("{name} wants {} {wanted}, not {version}", dependency.name));
            }
        }
    }
    let what_to_do = "run `cargo update --workspace` in benches/peers and commit its Cargo.lock";
    found.into_iter().map(|what| format!("benches/peers/Cargo.lock: {what}: {what_to_do}")).collect()
}

/// The packages of this checkout that the peers are built with, by their folders, and the features of each.
fn reached(tree: &Tree) -> BTreeMap<String, BTreeSet<String>> {
    let mut reached = BTreeMap::from([(FOLDER.to_owned(), BTreeSet::new())]);
    loop {
        let before = reached.clone();
        for (folder, features) in &before {
            for dependency in Manifest::read(tree, folder, features.clone()).dependencies() {
                if let Some(folder) = dependency.folder {
                    reached.entry(folder).or_default().extend(dependency.features);
                }
            }
        }
        if reached == before {
            return reached;
        }
    }
}

#[test]
fn lock_file_of_the_peers_fits_the_workspace() {
    tree::holds(violations);
}

#[test]
fn peers_reach_the_packages_of_the_workspace() {
    let tree = Tree::checkout().unwrap();

    let reached = reached(&tree);

    assert!(
        ["crates/errors", "crates/mesh", "adapters/embed-ort"].iter().all(|it| reached.contains_key(*it))
    );
    assert!(reached["crates/errors"].contains("conformance"), "asked for by a feature of `store-redis`");
}

#[test]
fn lock_file_that_lags_behind_is_found() {
    let tree = Tree::of([
        (
            "Cargo.toml",
            "[workspace.dependencies]\n\
             maily-errors = { path = 'crates/errors' }\n\
             bytes = { version = '1.5', features = ['serde'] }\n\
             itoa = '1'",
        ),
        (
            "benches/peers/Cargo.toml",
            "[package]\nname = 'peers'\n\
             [dependencies]\nmaily-mesh = { path = '../../crates/mesh', features = ['more'] }",
        ),
        (
            "crates/mesh/Cargo.toml",
            "[package]\nname = 'maily-mesh'\n\
             [features]\nmore = ['maily-errors/retry']\n\
             [dependencies]\nmaily-errors.workspace = true\nbytes.workspace = true\nitoa.workspace = true",
        ),
        (
            "crates/errors/Cargo.toml",
            "[package]\nname = 'maily-errors'\n\
             [features]\nretry = ['dep:tokio']\n\
             [dependencies]\ntokio = { version = '1', optional = true }\nrand = { version = '0.10', optional = true }\n\
             [dev-dependencies]\nproptest = '1'",
        ),
        (
            "benches/peers/Cargo.lock",
            "[[package]]\nname = 'bytes'\nversion = '1.4.9'\n\
             [[package]]\nname = 'maily-errors'\nversion = '0.1.0'\ndependencies = ['rand']\n\
             [[package]]\nname = 'maily-mesh'\nversion = '0.1.0'\ndependencies = ['bytes', 'maily-errors']\n\
             [[package]]\nname = 'peers'\nversion = '0.0.0'\ndependencies = ['maily-mesh']",
        ),
    ]);

    let found = violations(&tree);

    let what: Vec<&str> = found.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(
        what,
        [
            "maily-errors depends on tokio now",
            "maily-errors depends on rand no more",
            "maily-mesh depends on itoa now",
            "maily-mesh wants bytes ^1.5, not 1.4.9",
        ],
    );
    assert!(found.iter().all(|line| line.contains("`cargo update --workspace`")));
}
