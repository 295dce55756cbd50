//! Every code block of the documentation is run by a test; this one sees that none is forgotten.
//!
//! | language | how it is run |
//! |---|---|
//! | `rust` | as a documentation test of the facade, listed in `tests/snippets/rust.rs` |
//! | `python` | by `bindings/python/tests/test_snippets.py`, on the built wheel |
//! | `sh`, `console` | by `cargo xtask test docs`, against a server of its own |
//! | `json`, `toml` | parsed here |
//! | `text` | not code: layouts, drawings, output |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A fenced block of a page.
#[derive(Debug, PartialEq)]
struct Block {
    line: usize,
    language: String,
    text: String,
}

/// Reads the fenced blocks of a page. The language is the first word after the fence.
fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, open.as_mut()) {
            (Some(language), None) => {
                let language = language.split([',', ' ']).next().unwrap_or_default().to_owned();
                open = Some(Block { line: index + 1, language, text: String::new() });
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

/// Says what is wrong with a page, if anything is.
fn trouble(path: &str, page: &str, listed: &str) -> Vec<String> {
    let mut found = Vec::new();
    let blocks = blocks(page);
    if blocks.iter().any(|block| block.language == "rust") && !listed.contains(&format!("/{path}\"")) {
        found.push(format!("{path}: has Rust code, but is not listed in tests/snippets/rust.rs"));
    }
    for Block { line, language, text } in blocks {
        let broken = match language.as_str() {
            "rust" | "python" | "sh" | "console" | "text" => None,
            "json" => serde_json::from_str::<serde_json::Value>(&text).err().map(|err| err.to_string()),
            "toml" => toml::from_str::<toml::Table>(&text).err().map(|err| err.to_string()),
            "" => Some("a code block needs a language; `text` if it is not code".to_owned()),
            other => Some(format!("nothing runs a code block in `{other}`")),
        };
        found.extend(broken.map(|reason| format!("{path}:{line}: {reason}")));
    }
    found
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

#[test]
fn every_code_block_is_run() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = fs::read_to_string(root.join("tests/snippets/rust.rs"))?;
    let mut all = Vec::new();
    for page in ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "bindings/python/README.md"] {
        all.push(root.join(page));
    }
    pages(&root.join("docs"), &mut all)?;

    let mut found = Vec::new();
    for path in all {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        found.extend(trouble(&name, &fs::read_to_string(&path)?, &listed));
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
";
    let found = trouble("docs/a.md", page, "include_str!(\"../../docs/b.md\")");

    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].starts_with("docs/a.md: has Rust code"));
    assert!(found[1].starts_with("docs/a.md:4: a code block needs a language"));
    assert!(found[2].starts_with("docs/a.md:7: nothing runs a code block in `cobol`"));
    assert!(found[3].starts_with("docs/a.md:10: "));
}
