//! The commands of the documentation, run as a reader runs them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::counts::Counts;
use crate::install::Tools;
use crate::project::Project;
use crate::server::free_address;
use crate::shell::Log;
use crate::stages::{binary, build_server};

/// Runs every page that has commands: one shell for each, in an empty folder of the page's own.
///
/// A page starts its own server, in that folder: what the reader would run into is run into here.
pub(crate) fn run(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    build_server(project)?;
    let mut pages = vec![project.root.join("README.md")];
    collect(&project.root.join("docs"), &mut pages)?;
    pages.sort();
    let mut counts = Counts::default();
    for page in pages {
        let text = fs::read_to_string(&page).map_err(|err| format!("{}: {err}", page.display()))?;
        let page = page.strip_prefix(&project.root).unwrap_or(&page).to_string_lossy().into_owned();
        let reading = Reading::of(&text);
        if !reading.script.is_empty() {
            counts += Counts::one(try_page(project, tools, log, &page, &reading)?);
        }
    }
    Ok(counts)
}

/// What a page tells its reader to do, in order.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    /// The commands, and the files that the reader saves before them.
    script: String,
    /// What the page says that the commands print.
    printed: Vec<String>,
}

impl Reading {
    fn of(page: &str) -> Self {
        let mut reading = Self::default();
        let mut lines = page.lines();
        while let Some(fence) = lines.next() {
            let Some(language) = fence.trim_start().strip_prefix("```") else { continue };
            let block: Vec<&str> =
                lines.by_ref().take_while(|line| !line.trim_start().starts_with("```")).collect();
            match language.trim() {
                "sh" => reading.commands(block.iter().map(|line| ("$ ", *line))),
                "console" => reading.commands(block.iter().map(|line| match line.get(..2) {
                    Some(prompt @ ("$ " | "> ")) => (prompt, &line[2..]),
                    _ => ("", *line),
                })),
                _ => reading.save(&block),
            }
        }
        reading
    }

    /// Takes commands, without those that brought the reader here, and what they print.
    fn commands<'a>(&mut self, lines: impl Iterator<Item = (&'a str, &'a str)>) {
        let mut taken = true;
        for (prompt, line) in lines {
            if prompt == "$ " {
                taken = !GIVEN.iter().any(|given| line.trim_start().starts_with(given));
            }
            match prompt {
                "" if taken => self.printed.push(line.to_owned()),
                "" => {}
                _ if taken => self.script += &format!("{line}\n"),
                _ => {}
            }
        }
    }

    /// Takes a block that the reader saves: its first line is a comment with the name of the file.
    fn save(&mut self, block: &[&str]) {
        if let Some(name) = block.first().and_then(|line| file_name(line)) {
            self.script += &format!("cat >{name} <<'END-OF-FILE'\n{}\nEND-OF-FILE\n", block.join("\n"));
        }
    }
}

/// Returns `NAME.EXTENSION` of a comment that is nothing else: `// client.mjs`, `# maily.toml`.
fn file_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix("// ").or_else(|| line.strip_prefix("# "))?;
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    (name.contains('.') && name.chars().all(plain)).then_some(name)
}

fn try_page(
    project: &Project,
    tools: &Tools,
    log: &Log,
    page: &str,
    reading: &Reading,
) -> Result<bool, String> {
    let folder = project.logs().join("docs").join(page.replace('/', "-"));
    fs::remove_dir_all(&folder).ok();
    fs::create_dir_all(&folder).map_err(|err| format!("{}: {err}", folder.display()))?;
    // What `npm install` would fetch.
    std::os::unix::fs::symlink(project.root.join(PACKAGES), folder.join("node_modules"))
        .map_err(|err| format!("{}: {err}", folder.display()))?;

    let address = free_address()?;
    let script = format!("{PRELUDE}{}", reading.script.replace(DEFAULT, &address));
    let mut command = project.command("bash");
    command.args(["-euo", "pipefail", "-c", &script]).current_dir(&folder);
    command.env("PATH", search_path(project)).env("MAILY__SERVER__LISTEN", &address);
    tools.apply(&mut command);
    let ran = log.run(page, &mut command)?;
    let text = ran.text.replace(&address, DEFAULT);
    match unsaid(&reading.printed, &text) {
        Some(line) if ran.ok => Err(format!("{page}: nothing prints `{line}`\n{text}")),
        _ => Ok(ran.ok),
    }
}

/// Returns the first line that is not printed behind those before it. `...` stands for anything.
fn unsaid<'a>(printed: &'a [String], text: &str) -> Option<&'a str> {
    let mut said = text.lines();
    printed.iter().map(String::as_str).find(|wanted| !said.any(|line| matches(wanted, line)))
}

fn matches(wanted: &str, line: &str) -> bool {
    let Some((start, rest)) = wanted.split_once("...") else { return wanted.trim_end() == line.trim_end() };
    let Some(line) = line.strip_prefix(start) else { return false };
    // Whatever the dots stand for, the rest may begin behind it.
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| matches(rest, &line[at..]))
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

/// Where `maily serve` listens by default; a page's server listens elsewhere, so that runs do not meet.
const DEFAULT: &str = "127.0.0.1:7890";
/// The JavaScript packages that the pages use, as the runner installed them.
const PACKAGES: &str = "adapters/serve-ws/tests/yjs/node_modules";
/// Commands that brought the reader here, that run this very test, or that do not end.
const GIVEN: [&str; 6] =
    ["cargo xtask demo", "cargo xtask test", "cd ", "git clone", "npm install", "pip install"];
/// `maily serve` is the reader's other terminal, and a refused request is a failure unless the page asks for its status.
const PRELUDE: &str = r#"
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
maily() {
  if [ "$1" != serve ]; then command maily "$@"; return; fi
  : >server.log
  command maily "$@" >>server.log 2>&1 </dev/null &
  local server=$!
  until grep -q '^maily listens on ' server.log; do
    kill -0 $server 2>/dev/null || { cat server.log; return 1; }
    sleep 0.1
  done
  cat server.log
}
curl() {
  local status=0
  case "$*" in *http_code*) ;; *) set -- --fail-with-body "$@" ;; esac
  command curl "$@" || status=$?
  # An answer does not always end its line.
  echo >&2
  return $status
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
Text.
```console
$ git clone somewhere
Cloning
$ maily serve all \\
>   --node echo
$ curl -s http://127.0.0.1:7890/healthz
ok
```
```rust
let not_a_command = 1;
```
```toml
# maily.toml
[server]
```
```sh
maily certify a.eml \\
  --out b.eml
```
";

    #[test]
    fn commands_and_files_are_taken_and_output_is_expected() {
        let reading = Reading::of(PAGE);

        assert_eq!(
            reading.script,
            "maily serve all \\\n  --node echo\ncurl -s http://127.0.0.1:7890/healthz\n\
             cat >maily.toml <<'END-OF-FILE'\n# maily.toml\n[server]\nEND-OF-FILE\n\
             maily certify a.eml \\\n  --out b.eml\n"
        );
        assert_eq!(reading.printed, ["ok"]);
    }

    #[test]
    fn line_that_is_not_printed_is_found() {
        let printed = ["certified ...".to_owned(), "Intact".to_owned()];

        assert_eq!(unsaid(&printed, "certified a.eml\nmore\nIntact\n"), None);
        assert_eq!(unsaid(&printed, "Intact\ncertified a.eml\n"), Some("Intact"));
    }

    #[test]
    fn dots_stand_for_anything() {
        assert!(matches("{...\"id\":...}", "{\"a\":1,\"id\":\"ä\"}"));
        assert!(matches("...", ""));
        assert!(!matches("{...\"id\"", "{\"a\":1}"));
    }

    #[test]
    fn only_a_comment_that_is_a_file_name_names_a_file() {
        assert_eq!(file_name("// client.mjs"), Some("client.mjs"));
        assert_eq!(file_name("# maily.toml"), Some("maily.toml"));
        assert_eq!(file_name("# the settings."), None);
        assert_eq!(file_name("let a = 1; // client.mjs"), None);
    }
}
