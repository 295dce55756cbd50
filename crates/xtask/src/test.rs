//! `cargo xtask test`: every test of the project, and one line at the end.

use std::process::ExitCode;
use std::time::Instant;

use crate::counts::Counts;
use crate::install::Tools;
use crate::nearest::nearest;
use crate::project::Project;
use crate::shell::{Log, TAIL, clock, failures, tail};
use crate::stages::{STAGES, Stage, names};
use crate::{Outcome, fetch};

/// Runs all stages, or those that are named. A stage that fails does not keep the next from running.
pub(crate) fn run(project: &Project, args: &[String]) -> Outcome {
    let chosen = choose(args)?;
    let begin = Instant::now();
    let tools = install(project, chosen.iter().any(|stage| stage.tools))?;
    let mut total = missing(project, &tools);
    for stage in chosen {
        total += run_stage(project, &tools, stage)?;
    }
    println!("{} in all", clock(begin.elapsed()));
    println!("{total}");
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn choose(args: &[String]) -> Result<Vec<&'static Stage>, String> {
    let find = |arg: &String| {
        STAGES.iter().find(|stage| stage.name == arg).ok_or_else(|| nearest("stage", arg, names()))
    };
    if args.is_empty() { Ok(STAGES.iter().collect()) } else { args.iter().map(find).collect() }
}

fn install(project: &Project, wanted: bool) -> Result<Tools, String> {
    if !wanted {
        return Ok(Tools::default());
    }
    let start = Instant::now();
    let log = Log::create(project.logs().join("install.log"))?;
    let mut tools = Tools::install(project, &log);
    if let Err(reason) = fetch::models(project) {
        tools.missing.push(format!("the local models: {reason}"));
    }
    println!("{:<10}{:<44}{:>12}", "install", "", clock(start.elapsed()));
    Ok(tools)
}

/// Names what could not be had; unattended, each is a failure.
fn missing(project: &Project, tools: &Tools) -> Counts {
    for what in &tools.missing {
        println!("    missing: {}", what.lines().take(4).collect::<Vec<_>>().join(" "));
    }
    Counts { failed: if project.ci { tools.missing.len() } else { 0 }, ..Counts::default() }
}

fn run_stage(project: &Project, tools: &Tools, stage: &Stage) -> Result<Counts, String> {
    let start = Instant::now();
    let log = Log::create(project.logs().join(format!("{}.log", stage.name)))?;
    let (mut counts, trouble) = match (stage.run)(project, tools, &log) {
        Ok(counts) => (counts, None),
        Err(reason) => (Counts::one(false), Some(reason)),
    };
    if project.ci {
        counts = counts.without_skips();
    }
    println!("{:<10}{:<44}{:>12}", stage.name, counts.to_string(), clock(start.elapsed()));
    if counts.failed > 0 {
        explain(&log, trouble);
    }
    Ok(counts)
}

/// Shows what failed: the tests by name, or the end of what the command said.
fn explain(log: &Log, trouble: Option<String>) {
    let text = std::fs::read_to_string(log.path()).unwrap_or_default();
    let failed = failures(&text);
    let shown = match trouble {
        Some(reason) => reason,
        None if failed.is_empty() => marked(&text),
        None => failed.iter().map(|part| marked(part)).collect::<Vec<_>>().join("\n"),
    };
    for line in shown.lines().take(2 * TAIL) {
        println!("    {line}");
    }
    println!("    all of it: {}", log.path().display());
}

/// Returns the lines that name a failure, or the last ones if none does.
fn marked(text: &str) -> String {
    let named: Vec<&str> = text.lines().filter(|line| names_a_failure(line)).take(TAIL).collect();
    if named.is_empty() { tail(text, TAIL) } else { named.join("\n") }
}

fn names_a_failure(line: &str) -> bool {
    let line = line.trim_start();
    line.ends_with("... FAILED")
        || STARTS.iter().any(|start| line.starts_with(start))
        || line
            .split_once(": ")
            .is_some_and(|(place, rest)| place.contains(".py:") && rest.starts_with("error"))
}

/// How the runners begin a line about a failure.
const STARTS: [&str; 10] = [
    "error:",
    "error[",
    "FAILED ",
    "ERROR ",
    "FAIL ",
    "not ok ",
    "✖ ",
    "MAILY-SKIP:",
    "Diff in",
    "# failed:",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_chooses_every_stage() {
        assert_eq!(choose(&[]).unwrap().len(), STAGES.len());
    }

    #[test]
    fn unknown_stage_is_answered_with_the_nearest() {
        let answer = choose(&["pyhton".to_owned()]).unwrap_err();

        assert_eq!(answer, "there is no stage `pyhton`: did you mean `python`?");
    }
}
