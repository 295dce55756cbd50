//! Every adapter of a port proves itself with the conformance suite of the port.

use super::tree::{self, Tree};

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for name in tree.packages("adapters").into_iter().filter(|name| is_of_a_port(name)) {
        let path = format!("adapters/{name}/tests/conformance.rs");
        match tree.text(&path) {
            None => found.push(format!("{path} is missing")),
            Some(text) if !text.contains("conformance!(") => {
                found.push(format!("{path} does not run the suite of its port"));
            }
            Some(_) => {}
        }
        if !tree.has(&format!("adapters/{name}/README.md")) {
            found.push(format!("adapters/{name}/README.md is missing"));
        }
    }
    found
}

/// The others turn the cores outwards: they have no port to conform to.
fn is_of_a_port(name: &str) -> bool {
    !name.starts_with("serve-") && !["console", "server"].contains(&name)
}

#[test]
fn every_adapter_runs_the_suite_of_its_port() {
    tree::holds(violations);
}

#[test]
fn adapter_without_the_suite_is_found() {
    let tree = Tree::of([
        ("adapters/llm-echo/Cargo.toml", ""),
        ("adapters/llm-echo/README.md", ""),
        ("adapters/llm-vain/Cargo.toml", ""),
        ("adapters/llm-vain/README.md", ""),
        ("adapters/llm-vain/tests/conformance.rs", "#[test]\nfn nothing() {}"),
        ("adapters/serve-http/Cargo.toml", ""),
    ]);

    assert_eq!(
        violations(&tree),
        [
            "adapters/llm-echo/tests/conformance.rs is missing",
            "adapters/llm-vain/tests/conformance.rs does not run the suite of its port",
        ],
    );
}
