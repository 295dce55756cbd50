//! The commands of the documentation, run against a server of their own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::counts::Counts;
use crate::install::Tools;
use crate::project::Project;
use crate::shell::Log;
use crate::stages::{binary, serve};

/// Runs the `sh` and `console` blocks of every page: one shell per page, in an empty folder.
pub(crate) fn run(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let mut pages = vec![project.root.join("README.md")];
    collect(&project.root.join("docs"), &mut pages)?;
    pages.sort();
    let mut scripts = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).map_err(|err| format!("{}: {err}", page.display()))?;
        let script = script(&text);
        if !script.is_empty() {
            scripts.push((page, script));
        }
    }
    if scripts.is_empty() {
        return Ok(Counts::default());
    }

    let server = serve(project, tools, "docs", &["all"])?;
    let mut counts = Counts::default();
    for (page, script) in scripts {
        let name = page.strip_prefix(&project.root).unwrap_or(&page).to_string_lossy().into_owned();
        let folder = project.logs().join("docs").join(name.replace('/', "-"));
        fs::remove_dir_all(&folder).ok();
        fs::create_dir_all(&folder).map_err(|err| format!("{}: {err}", folder.display()))?;
        let script = script.replace(DEFAULT, server.url().trim_start_matches("http://"));
        let mut command = project.command("bash");
        command.args(["-euo", "pipefail", "-c", &script]).current_dir(&folder);
        command.env("PATH", search_path(project)).env("MAILY_ROOT", &project.root);
        tools.apply(&mut command);
        counts += Counts::one(log.run(&name, &mut command)?.ok);
    }
    Ok(counts)
}

/// Returns the commands of a page, without those that start what is running already.
fn script(page: &str) -> String {
    let mut script = String::new();
    let mut language = None;
    let mut taken = true;
    for line in page.lines() {
        if let Some(fence) = line.trim_start().strip_prefix("```") {
            language = if language.is_some() { None } else { Some(fence.trim()) };
            taken = true;
            continue;
        }
        let command = match language {
            Some("sh") => Some(line),
            // What does not follow a prompt is what the command prints.
            Some("console") => line.strip_prefix("$ ").or_else(|| line.strip_prefix("> ")),
            _ => None,
        };
        let Some(command) = command else { continue };
        if taken {
            taken = !GIVEN.iter().any(|given| command.trim_start().starts_with(given));
        }
        if taken {
            script += command;
            script.push('\n');
        }
        // A command that is left out ends with its last continued line.
        taken = taken || !command.trim_end().ends_with('\\');
    }
    script.trim().to_owned()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|err| format!("{}: {err}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// Puts the built programs in front of the search path.
fn search_path(project: &Project) -> std::ffi::OsString {
    let mut path = binary(project).parent().map(Path::to_owned).unwrap_or_default().into_os_string();
    if let Some(old) = std::env::var_os("PATH") {
        path.push(":");
        path.push(old);
    }
    path
}

/// Where the documentation's server listens: the default of `maily serve`.
const DEFAULT: &str = "127.0.0.1:7890";
/// Commands that brought the reader here, or that run this very test.
const GIVEN: [&str; 6] = ["cargo ", "cd ", "git clone", "maily journey", "maily serve", "pip install"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_and_output_is_not() {
        let page = "\
Text.
```console
$ git clone somewhere
$ maily serve all \\
>   --listen x
$ curl -s http://127.0.0.1:7890/healthz
ok
```
```rust
let not_a_command = 1;
```
```sh
maily certify a.eml \\
  --out b.eml
```
";
        assert_eq!(
            script(page),
            "curl -s http://127.0.0.1:7890/healthz\nmaily certify a.eml \\\n  --out b.eml"
        );
    }
}
