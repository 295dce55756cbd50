//! Every code block of the documentation is run by a test; this one sees that none is forgotten.
//!
//! | language | how it is run |
//! |---|---|
//! | `rust` | as a documentation test: of the facade, listed in `tests/snippets/rust.rs`, or of the README's own crate |
//! | `python` | by `bindings/python/tests/test_snippets.py`, on the built wheel |
//! | `sh`, `console` | by `cargo xtask test docs`, as a reader types them |
//! | `js` | saved there under the name in its first line, and run by `node NAME` |
//! | `json`, `toml` | parsed here; what has a file name in its first line is saved for the commands |
//! | `text` | not code: layouts, drawings, output |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A fenced block of a page.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    language: String,
    /// What stands behind the language: `no_run`.
    attributes: String,
    text: String,
}

/// Reads the fenced blocks of a page. The language is the first word after the fence.
fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, open.as_mut()) {
            (Some(info), None) => {
                let (language, attributes) = info.split_once([',', ' ']).unwrap_or((info, ""));
                let (language, attributes) = (language.to_owned(), attributes.to_owned());
                open = Some(Block { line: index + 1, language, attributes, text: String::new() });
            }
            (Some(_), Some(_)) => found.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Says what is wrong with a page, if anything is. `rust` tells how its Rust code is run, if it is.
fn trouble(path: &str, page: &str, rust: bool) -> Vec<String> {
    let mut found = Vec::new();
    for Block { line, language, attributes, text } in blocks(page) {
        let broken = match language.as_str() {
            "rust" if !rust => Some("nothing runs the Rust code of this page".to_owned()),
            // Prose may wrap, but not within these two words.
            "rust" if !attributes.is_empty() && !page.to_lowercase().contains("not run") => {
                Some(format!("`{attributes}`: say in the text why it is not run"))
            }
            "rust" => None,
            "python" | "sh" | "console" | "js" if !runs_commands(path) => {
                Some(format!("nothing runs a block in `{language}` of this page"))
            }
            "python" | "sh" | "console" => None,
            "js" => unstarted(&text, page),
            "ts" if TYPESCRIPT.contains(&format!("/{path}\"")) => None,
            "http" => bodiless(&text),
            "json" => serde_json::from_str::<serde_json::Value>(&text).err().map(|err| err.to_string()),
            "toml" => toml::from_str::<toml::Table>(&text).err().map(|err| err.to_string()),
            "text" => text.lines().find(|line| is_code(line)).map(|line| format!("this is code: {line}")),
            "" => Some("a code block needs a language; `text` if it is not code".to_owned()),
            other => Some(format!("nothing runs a code block in `{other}`")),
        };
        found.extend(broken.map(|reason| format!("{path}:{line}: {reason}")));
    }
    found
}

/// Returns whether Python and the shell run the blocks of a page.
fn runs_commands(path: &str) -> bool {
    path == "README.md" || path.starts_with("docs/")
}

/// Says what is wrong with a program that the page does not save and start.
fn unstarted(program: &str, page: &str) -> Option<String> {
    let Some(name) = program.lines().next().and_then(|line| line.strip_prefix("// ")) else {
        return Some("the first line of a program is a comment with the name of its file".to_owned());
    };
    (!page.contains(&format!("\n$ node {name}"))).then(|| format!("the page never runs `node {name}`"))
}

/// What compiles and runs the TypeScript of the pages that it names.
const TYPESCRIPT: &str = include_str!("../bindings/typescript/errors/scripts/snippets.mjs");

/// Says why an answer does not end in a JSON body.
fn bodiless(answer: &str) -> Option<String> {
    let Some((_, body)) = answer.split_once("\n\n") else {
        return Some("the answer has no body".to_owned());
    };
    serde_json::from_str::<serde_json::Value>(body).err().map(|err| err.to_string())
}

fn is_code(line: &str) -> bool {
    ["$ ", "curl ", "cargo ", "npm ", "pip ", "import ", "const "].iter().any(|start| line.starts_with(start))
}

fn pages(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            pages(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// Returns the README files of the crates in a folder, each with the root of its crate.
fn crates(folder: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let folders = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let pages = folders.iter().map(|folder| (folder.join("README.md"), folder.join("src/lib.rs")));
    Ok(pages.filter(|(page, _)| page.is_file()).collect())
}

#[test]
fn every_code_block_is_run() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = fs::read_to_string(root.join("tests/snippets/rust.rs"))?;
    let mut all = Vec::new();
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "bindings/python/README.md",
        "benches/peers/README.md",
    ] {
        all.push(root.join(page));
    }
    pages(&root.join("docs"), &mut all)?;

    let mut found = Vec::new();
    for path in all {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let rust = listed.contains(&format!("/{name}\""));
        found.extend(trouble(&name, &fs::read_to_string(&path)?, rust));
    }
    for (path, library) in [crates(&root.join("crates"))?, crates(&root.join("adapters"))?].concat() {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let rust = fs::read_to_string(&library)?.contains("include_str!(\"../README.md\")");
        found.extend(trouble(&name, &fs::read_to_string(&path)?, rust));
    }

    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn block_that_nothing_runs_is_found() {
    let page = "\
```rust
assert!(true);
```
```
what is this
```
```cobol
STOP RUN.
```
```toml
[open
```
```text
anything
```
```text
curl http://127.0.0.1:8080
```
```js
// client.mjs
```
";
    let found = trouble("docs/a.md", page, false);

    assert_eq!(found.len(), 6, "{found:?}");
    assert_eq!(found[0], "docs/a.md:1: nothing runs the Rust code of this page");
    assert!(found[1].starts_with("docs/a.md:4: a code block needs a language"));
    assert!(found[2].starts_with("docs/a.md:7: nothing runs a code block in `cobol`"));
    assert!(found[3].starts_with("docs/a.md:10: "));
    assert_eq!(found[4], "docs/a.md:16: this is code: curl http://127.0.0.1:8080");
    assert_eq!(found[5], "docs/a.md:19: the page never runs `node client.mjs`");
}

#[test]
fn code_that_is_not_run_needs_a_reason() {
    let block = "```rust,no_run\nlaunch();\n```\n";

    assert_eq!(trouble("README.md", block, true).len(), 1);
    assert!(
        trouble("README.md", &format!("It is not run here, for want of a rocket:\n{block}"), true).is_empty()
    );
}

#[test]
fn command_that_no_shell_runs_is_found() {
    assert_eq!(trouble("adapters/a/README.md", "```console\n$ ls\n```\n", true).len(), 1);
}
