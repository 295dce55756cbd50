//! The text files of a checkout, or of a small example of one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// Text files by their path from the root, with `/` between folders.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Makes a tree that is only in memory.
    pub(crate) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect() }
    }

    /// Reads this checkout, without what is built or installed.
    pub(crate) fn checkout() -> io::Result<Self> {
        let mut tree = Self::default();
        tree.add(Path::new(env!("CARGO_MANIFEST_DIR")), "")?;
        Ok(tree)
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    self.add(&entry.path(), &format!("{path}/"))?;
                }
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                // What is not UTF-8 is not text, and no rule is about it.
                self.files.insert(path, text);
            }
        }
        Ok(())
    }

    /// Returns every file with its text.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns the text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Says whether there is such a file, or a file in such a folder.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || self.files.range(folder.clone()..).next().is_some_and(|(found, _)| found.starts_with(&folder))
    }

    /// Returns the names of the folders right below `parent` that have a manifest.
    pub(crate) fn packages(&self, parent: &str) -> BTreeSet<&str> {
        let below = self.files.keys().filter_map(|path| path.strip_prefix(parent)?.strip_prefix('/'));
        below.filter_map(|rest| rest.strip_suffix("/Cargo.toml")).filter(|name| !name.contains('/')).collect()
    }

    /// Returns the names of the core crates: all of `crates/` but the runner.
    pub(crate) fn cores(&self) -> BTreeSet<&str> {
        self.packages("crates").into_iter().filter(|name| *name != "xtask").collect()
    }

    /// Reads a manifest; one that is missing or broken is empty.
    pub(crate) fn manifest(&self, path: &str) -> toml::Table {
        self.text(path).and_then(|text| toml::from_str(text).ok()).unwrap_or_default()
    }
}

/// Runs a rule on this checkout and shows all that breaks it.
pub(crate) fn holds(rule: fn(&Tree) -> Vec<String>) {
    let tree = Tree::checkout().expect("the checkout can be read");

    let found = rule(&tree);

    assert!(found.is_empty(), "{} places break the rule:\n{}", found.len(), found.join("\n"));
}

/// Folders that are built, installed or kept by a tool.
const NOT_OURS: [&str; 10] = [
    ".git",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "dist",
    "node_modules",
    "proptest-regressions",
    "target",
];
