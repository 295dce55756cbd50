//! Everything public is documented, and every package takes part in the lints.

use super::source;
use super::tree::{self, Tree};

/// What follows `pub` when an item or a field is public by its own words.
const ITEMS: [&str; 10] =
    ["async fn", "const", "enum", "fn", "macro", "mod", "static", "struct", "trait", "type"];

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = lints(tree);
    for (path, text) in source::product(tree) {
        let lines = source::without_tests(text);
        let mut inside_macro = None;
        for (index, (number, line)) in lines.iter().enumerate() {
            let indentation = line.len() - line.trim_start().len();
            // A macro's own text is documented where it expands; rustdoc checks it there.
            if line.trim_start().starts_with("macro_rules!") && inside_macro.is_none() {
                inside_macro = Some(indentation);
            } else if inside_macro == Some(indentation) && line.trim() == "}" {
                inside_macro = None;
            }
            let Some(item) = line.trim_start().strip_prefix("pub ").filter(|_| inside_macro.is_none()) else {
                continue;
            };
            if is_documentable(item) && !documented(&lines[..index]) && !module_has_its_own(tree, path, item)
            {
                found.push(format!(
                    "{path}:{number}: `pub {}` has no documentation",
                    item.trim_end_matches('{').trim()
                ));
            }
        }
    }
    found
}

fn lints(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    if tree.manifest("Cargo.toml").get("workspace").is_none_or(|workspace| {
        !workspace.get("lints").is_some_and(|lints| lints.to_string().contains("missing_docs"))
    }) {
        found.push("Cargo.toml: the workspace does not ask for missing_docs".to_owned());
    }
    for parent in ["crates", "adapters", "bindings"] {
        for name in tree.packages(parent) {
            let path = format!("{parent}/{name}/Cargo.toml");
            let inherits =
                tree.manifest(&path).get("lints").and_then(|lints| lints.get("workspace")).cloned();
            if inherits != Some(toml::Value::Boolean(true)) {
                found.push(format!("{path} does not inherit the lints of the workspace"));
            }
        }
    }
    found
}

/// Says whether this is an item or a field, and not a re-export.
fn is_documentable(item: &str) -> bool {
    let field = || {
        item.split_once(':').is_some_and(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    ITEMS.iter().any(|kind| item.starts_with(&format!("{kind} "))) || field()
}

/// Looks for a doc comment above, past attributes.
fn documented(above: &[(usize, &str)]) -> bool {
    for (_, line) in above.iter().rev() {
        let line = line.trim();
        if line.starts_with("///") || line.starts_with("#[doc") || line.ends_with("*/") {
            return true;
        }
        // The lines of an attribute that is spread over several end with `,`, `(` or `)]`.
        let attribute =
            line.starts_with("#[") || line.ends_with(")]") || line.ends_with(',') || line.ends_with('(');
        if !attribute || line.starts_with("pub ") {
            return false;
        }
    }
    false
}

/// `pub mod name;` may be documented by `//!` at the top of its file.
fn module_has_its_own(tree: &Tree, path: &str, item: &str) -> bool {
    let Some(name) = item.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) else { return false };
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let folder =
        if ["lib", "main", "mod"].contains(&stem) { folder.to_owned() } else { format!("{folder}/{stem}") };
    [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")]
        .iter()
        .filter_map(|path| tree.text(path))
        .any(|text| text.starts_with("//!") || text.starts_with("#![doc"))
}

#[test]
fn everything_public_is_documented() {
    tree::holds(violations);
}

#[test]
fn public_item_without_documentation_is_found() {
    let source = "\
//! A core.
/// Good.
#[derive(
    Clone,
    Debug,
)]
pub struct Good {
    /// Good.
    pub field: u8,
    pub bare: u8,
}

pub(crate) fn inner() {}
pub use self::other::Other;
pub mod described;

pub fn bad() {}
";
    let tree = Tree::of([
        ("Cargo.toml", "[workspace.lints.rust]\nmissing_docs = 'warn'"),
        ("crates/core/Cargo.toml", "[lints]\nworkspace = true"),
        ("crates/core/src/described.rs", "//! Described here."),
        ("crates/core/src/lib.rs", source),
        ("crates/loose/Cargo.toml", ""),
    ]);

    assert_eq!(
        violations(&tree),
        [
            "crates/loose/Cargo.toml does not inherit the lints of the workspace",
            "crates/core/src/lib.rs:10: `pub bare: u8,` has no documentation",
            "crates/core/src/lib.rs:17: `pub fn bad() {}` has no documentation",
        ],
    );
}
