//! Turns `crates/errors/catalogue.toml` into code, pages and descriptions: one module per kind of output.

mod catalogue;
mod example;
mod lock;
mod markdown;
mod names;
mod openapi;
mod python;
mod rust;
mod typescript;

use std::fs;
use std::path::{Path, PathBuf};

use self::catalogue::Entry;

/// A file that the catalogue determines.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    text: String,
}

impl Output {
    fn new(path: impl Into<PathBuf>, text: String) -> Self {
        Self { path: path.into(), text }
    }
}

/// Writes every generated file, or with `check` says which ones are not what the catalogue gives.
pub(crate) fn run(root: &Path, check: bool) -> Result<(), String> {
    let outputs = outputs(root)?;
    let mut stale = orphans(root, &outputs);
    if !check {
        for path in stale.drain(..) {
            fs::remove_file(root.join(&path)).map_err(|err| format!("{}: {err}", path.display()))?;
        }
    }
    for Output { path, text } in outputs {
        let file = root.join(&path);
        if fs::read_to_string(&file).is_ok_and(|found| found == text) {
            continue;
        }
        if check {
            stale.push(path);
            continue;
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|err| format!("{}: {err}", folder.display()))?;
        }
        fs::write(&file, text).map_err(|err| format!("{}: {err}", file.display()))?;
    }
    if stale.is_empty() {
        return Ok(());
    }
    let stale: Vec<_> = stale.iter().map(|path| path.display().to_string()).collect();
    Err(format!("not what the catalogue gives, run `cargo xtask generate`: {}", stale.join(", ")))
}

fn outputs(root: &Path) -> Result<Vec<Output>, String> {
    let path = root.join(CATALOGUE);
    let text = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let codes: Vec<Entry> = catalogue::read(&text).map_err(|err| format!("{CATALOGUE}: {err}"))?;
    let mut outputs = vec![
        Output::new(lock::PATH, lock::extend(root, &codes)?),
        Output::new("bindings/python/python/maily/errors.py", python::module(&codes)),
        Output::new("bindings/typescript/errors/src/advice.ts", typescript::advice(&codes)),
        Output::new("bindings/typescript/errors/src/catalogue.ts", typescript::catalogue(&codes)),
        Output::new("crates/errors/openapi.json", openapi::components(&codes)?),
        Output::new("crates/errors/src/code.rs", rust::code(&codes)),
        Output::new("docs/errors.md", markdown::index(&codes)),
    ];
    let page = |entry: &Entry| Output::new(format!("{PAGES}/{}.md", entry.name), markdown::page(entry));
    outputs.extend(codes.iter().map(page));
    Ok(outputs)
}

/// Finds the pages of codes that the catalogue no longer has.
fn orphans(root: &Path, outputs: &[Output]) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root.join(PAGES)) else { return Vec::new() };
    let pages = entries.flatten().map(|entry| Path::new(PAGES).join(entry.file_name()));
    pages.filter(|page| !outputs.iter().any(|output| output.path == *page)).collect()
}

const CATALOGUE: &str = "crates/errors/catalogue.toml";
/// Where the page of each code lies.
const PAGES: &str = "docs/errors";
