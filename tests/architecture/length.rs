//! A file is read in one sitting.

use super::source;
use super::tree::{self, Tree};

/// Lines of code that a file may have; comments, blank lines and test modules do not count.
const LIMIT: usize = 400;

fn violations(tree: &Tree) -> Vec<String> {
    source::all(tree)
        .map(|(path, text)| {
            let code = source::without_tests(text).into_iter().filter(|(_, line)| source::is_code(line));
            (path, code.count())
        })
        .filter(|(_, lines)| *lines > LIMIT)
        .map(|(path, lines)| format!("{path} has {lines} lines of code, at most {LIMIT} are allowed"))
        .collect()
}

#[test]
fn every_file_can_be_read_in_one_sitting() {
    tree::holds(violations);
}

#[test]
fn file_that_is_too_long_is_found() {
    let exact = "let x = 1;\n".repeat(LIMIT);
    let longer = format!("{exact}let y = 2;\n");
    let padded = format!("{exact}\n// why\n\n#[cfg(test)]\nmod tests {{\n{exact}}}\n");

    let tree = Tree::of([("src/a.rs", exact.as_str()), ("src/b.rs", &longer), ("src/c.rs", &padded)]);

    assert_eq!(violations(&tree), ["src/b.rs has 401 lines of code, at most 400 are allowed"]);
}
