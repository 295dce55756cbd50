//! Which crate may depend on which (`DESIGN`: the arrows point down, and cores never see each other).

use super::tree::{self, Tree};

/// What a package of the workspace is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// `crates/errors`: below everything.
    Errors,
    /// The other cores.
    Core,
    /// The root package: re-exports the cores.
    Facade,
    /// `adapters/<port>-<technology>` and the console.
    Adapter,
    /// `adapters/client-<protocol>`: what adapters of one protocol share, below them.
    Client,
    /// `adapters/serve-*`: cores to the outside.
    Serve,
    /// `adapters/server` and the bindings: where everything meets.
    Top,
    /// `crates/xtask`.
    Runner,
}

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (manifest, package, from) in packages(tree) {
        let table = tree.manifest(&manifest);
        for section in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(section).and_then(toml::Value::as_table) else { continue };
            for dependency in dependencies.keys().filter_map(|name| name.strip_prefix("maily-")) {
                if !allowed(from, kind(tree, dependency)) {
                    found.push(format!("{manifest}: {package} must not depend on maily-{dependency}"));
                }
            }
        }
    }
    found
}

fn allowed(from: Kind, to: Kind) -> bool {
    match from {
        Kind::Errors | Kind::Runner => false,
        Kind::Core => to == Kind::Errors,
        Kind::Facade | Kind::Client | Kind::Serve => matches!(to, Kind::Errors | Kind::Core),
        Kind::Adapter => matches!(to, Kind::Errors | Kind::Core | Kind::Client),
        Kind::Top => to != Kind::Runner,
    }
}

/// Returns manifest, name and kind of every package.
fn packages(tree: &Tree) -> Vec<(String, String, Kind)> {
    let mut all = vec![("Cargo.toml".to_owned(), "maily".to_owned(), Kind::Facade)];
    for parent in ["crates", "adapters", "bindings"] {
        for name in tree.packages(parent) {
            let what = if parent == "bindings" { Kind::Top } else { kind(tree, name) };
            all.push((format!("{parent}/{name}/Cargo.toml"), format!("maily-{name}"), what));
        }
    }
    all
}

fn kind(tree: &Tree, name: &str) -> Kind {
    match name {
        "errors" => Kind::Errors,
        "xtask" => Kind::Runner,
        "server" => Kind::Top,
        _ if name.starts_with("serve-") => Kind::Serve,
        _ if name.starts_with("client-") => Kind::Client,
        _ if tree.cores().contains(name) => Kind::Core,
        _ => Kind::Adapter,
    }
}

#[test]
fn dependencies_point_down() {
    tree::holds(violations);
}

#[test]
fn core_that_sees_a_core_is_found() {
    let tree = Tree::of([
        ("crates/errors/Cargo.toml", ""),
        ("crates/mesh/Cargo.toml", "[dependencies]\nmaily-errors = '1'\nmaily-redis = '1'"),
        ("crates/redis/Cargo.toml", "[dependencies]\nmaily-errors = '1'"),
    ]);

    assert_eq!(violations(&tree), ["crates/mesh/Cargo.toml: maily-mesh must not depend on maily-redis"]);
}

#[test]
fn adapter_that_sees_an_adapter_is_found() {
    let tree = Tree::of([
        ("crates/mesh/Cargo.toml", ""),
        ("adapters/llm-echo/Cargo.toml", "[dependencies]\nmaily-mesh = '1'"),
        ("adapters/llm-twice/Cargo.toml", "[dependencies]\nmaily-mesh = '1'\nmaily-llm-echo = '1'"),
        ("adapters/server/Cargo.toml", "[dependencies]\nmaily-llm-echo = '1'\nmaily-llm-twice = '1'"),
    ]);

    assert_eq!(
        violations(&tree),
        ["adapters/llm-twice/Cargo.toml: maily-llm-twice must not depend on maily-llm-echo"],
    );
}

#[test]
fn client_is_below_the_adapters_and_sees_none_of_them() {
    let tree = Tree::of([
        ("crates/mesh/Cargo.toml", "[dependencies]\nmaily-client-http1 = '1'"),
        ("adapters/client-http1/Cargo.toml", "[dependencies]\nmaily-mesh = '1'\nmaily-llm-echo = '1'"),
        ("adapters/client-http2/Cargo.toml", "[dependencies]\nmaily-client-http1 = '1'"),
        ("adapters/llm-echo/Cargo.toml", "[dependencies]\nmaily-client-http1 = '1'"),
        ("adapters/serve-http/Cargo.toml", "[dependencies]\nmaily-client-http1 = '1'"),
    ]);

    assert_eq!(
        violations(&tree),
        [
            "crates/mesh/Cargo.toml: maily-mesh must not depend on maily-client-http1",
            "adapters/client-http1/Cargo.toml: maily-client-http1 must not depend on maily-llm-echo",
            "adapters/client-http2/Cargo.toml: maily-client-http2 must not depend on maily-client-http1",
            "adapters/serve-http/Cargo.toml: maily-serve-http must not depend on maily-client-http1",
        ],
    );
}
