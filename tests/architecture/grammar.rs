//! Every core has the same files, so that the house is learned once.

use super::tree::{self, Tree};

/// The files of a core; each may also be a folder with `mod.rs`.
const FILES: [&str; 7] = ["lib", "model", "port", "service", "config", "memory", "conformance"];

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for core in tree.cores() {
        let source = format!("crates/{core}/src");
        for file in FILES {
            if !tree.has(&format!("{source}/{file}.rs")) && !tree.has(&format!("{source}/{file}/mod.rs")) {
                found.push(format!("{source}/{file}.rs is missing"));
            }
        }
        for path in [format!("{source}/layer/mod.rs"), format!("crates/{core}/README.md")] {
            if !tree.has(&path) {
                found.push(format!("{path} is missing"));
            }
        }
    }
    found
}

#[test]
fn every_core_has_the_same_files() {
    tree::holds(violations);
}

#[test]
fn core_with_another_grammar_is_found() {
    let complete = FILES.map(|file| format!("crates/good/src/{file}.rs"));
    let mut files: Vec<(&str, &str)> = complete.iter().map(|path| (path.as_str(), "")).collect();
    files.extend([
        ("crates/good/Cargo.toml", ""),
        ("crates/good/README.md", ""),
        ("crates/good/src/layer/mod.rs", ""),
    ]);
    assert_eq!(violations(&Tree::of(files.clone())), [""; 0]);

    files.retain(|(path, _)| !path.ends_with("/port.rs") && !path.ends_with("README.md"));

    assert_eq!(
        violations(&Tree::of(files)),
        ["crates/good/src/port.rs is missing", "crates/good/README.md is missing"],
    );
}
