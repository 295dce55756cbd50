//! Folder, crate, feature, module and Python module share one name.

use super::tree::{self, Tree};

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for parent in ["crates", "adapters"] {
        for folder in tree.packages(parent).into_iter().filter(|name| *name != "xtask") {
            let path = format!("{parent}/{folder}/Cargo.toml");
            let manifest = tree.manifest(&path);
            let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
            if name != Some(&format!("maily-{folder}")) {
                let name = name.unwrap_or("nothing");
                found.push(format!("{path}: the package is called {name}, not maily-{folder}"));
            }
        }
    }
    for core in tree.cores() {
        found.extend(facade(tree, core));
        // A module that takes several files is a folder.
        let native = format!("bindings/python/src/{core}");
        if !tree.has(&format!("{native}.rs")) && !tree.has(&format!("{native}/mod.rs")) {
            found.push(format!("{native}.rs is missing"));
        }
        for path in [
            format!("bindings/python/python/maily/{core}.py"),
            format!("bindings/python/tests/test_{core}.py"),
        ] {
            if !tree.has(&path) {
                found.push(format!("{path} is missing"));
            }
        }
    }
    found
}

/// The facade offers the core under its name, as a feature of its name; errors are always there.
fn facade(tree: &Tree, core: &str) -> Vec<String> {
    let mut found = Vec::new();
    let reexport = format!("pub use maily_{core} as {core};");
    let source = tree.text("src/lib.rs").unwrap_or_default();
    if !source.lines().any(|line| line == reexport) {
        found.push(format!("src/lib.rs lacks `{reexport}`"));
    }
    let manifest = tree.manifest("Cargo.toml");
    let feature = manifest.get("features").and_then(|features| features.get(core)).map(ToString::to_string);
    if core != "errors" && !feature.is_some_and(|on| on.contains(&format!("dep:maily-{core}"))) {
        found.push(format!("Cargo.toml lacks the feature `{core}`"));
    }
    found
}

#[test]
fn one_thing_has_one_name() {
    tree::holds(violations);
}

#[test]
fn thing_with_two_names_is_found() {
    let tree = Tree::of([
        ("Cargo.toml", "[features]\nmash = ['dep:maily-mesh']"),
        ("src/lib.rs", "pub use maily_mesh as mash;\n"),
        ("crates/mesh/Cargo.toml", "[package]\nname = 'mesh'"),
        ("bindings/python/src/mesh.rs", ""),
        ("bindings/python/tests/test_mesh.py", ""),
    ]);

    assert_eq!(
        violations(&tree),
        [
            "crates/mesh/Cargo.toml: the package is called mesh, not maily-mesh",
            "src/lib.rs lacks `pub use maily_mesh as mesh;`",
            "Cargo.toml lacks the feature `mesh`",
            "bindings/python/python/maily/mesh.py is missing",
        ],
    );
}
