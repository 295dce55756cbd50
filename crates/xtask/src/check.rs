//! `cargo xtask check`: what must be right before a change is handed in, without running the product.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::project::Project;
use crate::shell::{Log, TAIL, clock, output, tail};
use crate::{Outcome, generate, peers};

/// Runs every check and goes on after one that fails.
pub(crate) fn run(project: &Project) -> Outcome {
    let start = Instant::now();
    let generated = generate::run(&project.root, true);
    let mut good = generated.is_ok();
    report("generate", if good { "ok" } else { "FAILED" }, start);
    for (name, mut command) in commands(project)? {
        let start = Instant::now();
        let log = Log::create(project.logs().join(format!("check-{name}.log")))?;
        let ran = log.run(&name, &mut command)?;
        report(&name, if ran.ok { "ok" } else { "FAILED" }, start);
        if !ran.ok {
            good = false;
            println!("{}\n    all of it: {}", tail(&ran.text, TAIL), log.path().display());
        }
    }
    let start = Instant::now();
    let log = Log::create(project.logs().join("check-peers-lock.log"))?;
    match peers::is_locked(project, &log)? {
        Some(true) => report("lock of the peers", "ok", start),
        Some(false) => {
            good = false;
            report("lock of the peers", "FAILED", start);
            println!("{}", peers::WHAT_TO_DO);
        }
        None => report("lock of the peers", "as far as manifests tell", start),
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(name: &str, result: &str, start: Instant) {
    println!("{name:<24}{result:<30}{:>12}", clock(start.elapsed()));
}

fn commands(project: &Project) -> Result<Vec<(String, Command)>, String> {
    let cargo = |args: &str| {
        let mut command = project.cargo();
        command.args(args.split(' '));
        command
    };
    let mut documentation = cargo("doc --workspace --no-deps --all-features");
    documentation.env("RUSTDOCFLAGS", "-D warnings");
    let mut all = vec![
        ("fmt".to_owned(), cargo("fmt --all --check")),
        ("clippy".to_owned(), cargo("clippy --workspace --all-targets --all-features -- -D warnings")),
        ("documentation".to_owned(), documentation),
        ("architecture".to_owned(), cargo("test --package maily --all-features --test architecture")),
        ("no feature".to_owned(), cargo("check --package maily --no-default-features")),
    ];
    for feature in features(project)? {
        let check = cargo(&format!("check --package maily --no-default-features --features {feature}"));
        all.push((format!("feature {feature}"), check));
    }
    if output(cargo("deny --version").current_dir(&project.root)).is_some() {
        all.push(("licences, advisories".to_owned(), cargo("deny check")));
    } else {
        println!("{:<24}skipped: cargo-deny is not installed", "licences, advisories");
    }
    Ok(all)
}

/// Returns the features of the facade.
fn features(project: &Project) -> Result<Vec<String>, String> {
    let path = project.root.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let manifest: toml::Table = toml::from_str(&text).map_err(|err| format!("{}: {err}", path.display()))?;
    let features =
        manifest.get("features").and_then(toml::Value::as_table).ok_or("the facade has no features")?;
    Ok(features.keys().filter(|name| *name != "default").cloned().collect())
}
