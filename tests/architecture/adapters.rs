//! Every adapter proves itself with the conformance suite of its port, and with that of the client it stands on.

use super::tree::{self, Tree};

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for name in tree.packages("adapters").into_iter().filter(|name| proves_itself(name)) {
        if !is_a_client(name) {
            let path = format!("adapters/{name}/tests/conformance.rs");
            match tree.text(&path) {
                None => found.push(format!("{path} is missing")),
                Some(text) if !text.contains("conformance!(") => {
                    found.push(format!("{path} does not run the suite of its port"));
                }
                Some(_) => {}
            }
        }
        found.extend(clients(tree, name).filter(|client| !runs_the_suite(tree, name, client)).map(
            |client| format!("adapters/{name}/tests do not run the suite of {client}, on which it stands"),
        ));
        if !tree.has(&format!("adapters/{name}/README.md")) {
            found.push(format!("adapters/{name}/README.md is missing"));
        }
    }
    found
}

/// The others turn the cores outwards: they have no port to conform to.
fn proves_itself(name: &str) -> bool {
    !["serve-", "telemetry-"].iter().any(|outwards| name.starts_with(outwards))
        && !["console", "server"].contains(&name)
}

/// A client is what several adapters share, not one for a port. It has a suite of its own, for them.
fn is_a_client(name: &str) -> bool {
    name.starts_with("client-")
}

/// Returns the clients on which an adapter stands.
fn clients(tree: &Tree, name: &str) -> impl Iterator<Item = String> {
    let manifest = tree.manifest(&format!("adapters/{name}/Cargo.toml"));
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table).cloned();
    let names = dependencies.unwrap_or_default().into_iter().map(|(name, _)| name);
    names.filter(|name| name.strip_prefix("maily-").is_some_and(is_a_client))
}

fn runs_the_suite(tree: &Tree, name: &str, client: &str) -> bool {
    let (tests, call) =
        (format!("adapters/{name}/tests/"), format!("{}::conformance!(", client.replace('-', "_")));
    tree.files().any(|(path, text)| path.starts_with(&tests) && text.contains(&call))
}

#[test]
fn every_adapter_runs_the_suite_of_its_port() {
    tree::holds(violations);
}

#[test]
fn adapter_without_the_suite_is_found() {
    let tree = Tree::of([
        ("adapters/llm-echo/Cargo.toml", "[dependencies]\nmaily-client-http1 = '1'"),
        ("adapters/llm-echo/README.md", ""),
        ("adapters/llm-vain/Cargo.toml", "[dependencies]\nmaily-client-http1 = '1'"),
        ("adapters/llm-vain/README.md", ""),
        ("adapters/llm-vain/tests/conformance.rs", "#[test]\nfn nothing() {}"),
        ("adapters/llm-vain/tests/faults.rs", "maily_client_http1::conformance!(Protocol {});"),
        ("adapters/client-http1/Cargo.toml", ""),
        ("adapters/serve-http/Cargo.toml", ""),
    ]);

    assert_eq!(
        violations(&tree),
        [
            "adapters/client-http1/README.md is missing",
            "adapters/llm-echo/tests/conformance.rs is missing",
            "adapters/llm-echo/tests do not run the suite of maily-client-http1, on which it stands",
            "adapters/llm-vain/tests/conformance.rs does not run the suite of its port",
        ],
    );
}
