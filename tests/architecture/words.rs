//! Nothing of one machine reaches the project: no absolute paths, no private registries, no loose ends.

use super::tree::{self, Tree};

/// What must not appear anywhere, in two halves so that this file may say it.
const FORBIDDEN: [(&str, &str); 6] =
    [("/ro", "ot/"), ("/ho", "me/"), ("/wo", "rk/"), ("todo", "!("), ("unimplemented", "!("), ("dbg", "!(")];

fn violations(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| !path.ends_with(".lock")) {
        for (number, line) in text.lines().enumerate() {
            for (left, right) in FORBIDDEN {
                let word = format!("{left}{right}");
                if starts_a_path_or_word(line, &word) {
                    found.push(format!("{path}:{}: `{word}`", number + 1));
                }
            }
            if let Some(host) = foreign_registry(path, line) {
                found.push(format!("{path}:{}: packages come from {host}", number + 1));
            }
        }
    }
    found
}

/// Finds the word where it is not the middle of a longer path.
fn starts_a_path_or_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-}~*>)".contains(c))
    })
}

/// Returns where a lock file of npm fetches from, unless that is the public registry.
fn foreign_registry<'a>(path: &str, line: &'a str) -> Option<&'a str> {
    let url = line.trim().strip_prefix("\"resolved\": \"").filter(|_| path.ends_with("package-lock.json"))?;
    let host = url.split('/').nth(2)?;
    (host != "registry.npmjs.org").then_some(host)
}

#[test]
fn nothing_of_one_machine_is_in_the_project() {
    tree::holds(violations);
}

#[test]
fn path_of_a_machine_is_found() {
    let path = format!("let cache = \"/ro{}.cache\";", "ot/");
    let route = format!("get(\"/v1/ho{}\")", "me/");
    let macro_call = format!("    todo{})", "!(");
    let tree = Tree::of([
        ("a.rs", path.as_str()),
        ("b.rs", &route),
        ("c.rs", &macro_call),
        ("web/package-lock.json", "      \"resolved\": \"https://npm.example.test/yjs/-/yjs.tgz\","),
    ]);

    assert_eq!(
        violations(&tree),
        [
            format!("a.rs:1: `/ro{}`", "ot/"),
            format!("c.rs:1: `todo{}`", "!("),
            "web/package-lock.json:1: packages come from npm.example.test".to_owned(),
        ],
    );
}
