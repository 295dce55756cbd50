//! The project's own commands. `cargo xtask help` lists them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod assets;
mod bench;
mod check;
mod counts;
mod demo;
mod dist;
mod docs;
mod fetch;
mod figures;
mod gateways;
mod generate;
mod install;
mod llama;
mod nearest;
mod npm;
mod peers;
mod project;
mod python_peers;
mod redis7;
mod server;
mod shell;
mod stages;
mod test;
mod texts;
mod train;

use std::process::ExitCode;

use crate::nearest::nearest;
use crate::project::Project;

/// What a command answers: its exit code, or the reason why it could not do its work.
type Outcome = Result<ExitCode, String>;

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let command = if args.is_empty() { "help".to_owned() } else { args.remove(0) };
    // `cargo xtask demo -- --once` and `cargo xtask demo --once` mean the same.
    if args.first().is_some_and(|first| first == "--") {
        args.remove(0);
    }
    match dispatch(Project::locate(), &command, &args) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut project: Project, command: &str, args: &[String]) -> Outcome {
    let (soak, args): (Vec<String>, Vec<String>) =
        args.iter().cloned().partition(|arg| command == "test" && arg == "--soak");
    project.soak = !soak.is_empty();
    let (project, args) = (&project, &args[..]);
    match command {
        "assets" => fetch::run(project, args),
        "bench" => bench::run(project, args),
        "check" => check::run(project),
        "demo" => demo::run(project, args),
        "dist" => dist::run(project, args),
        "generate" => {
            let check = args.iter().any(|arg| arg == "--check");
            generate::run(&project.root, check).map(|()| ExitCode::SUCCESS)
        }
        "peers" => peers::run(project, args),
        "test" => test::run(project, args),
        "help" | "-h" | "--help" => {
            help();
            Ok(ExitCode::SUCCESS)
        }
        unknown => Err(nearest("command", unknown, COMMANDS.iter().map(|(name, _)| *name))),
    }
}

fn help() {
    println!("Usage: cargo xtask COMMAND [ARGUMENT]...\n");
    for (name, about) in COMMANDS {
        println!("  {name:<10}{about}");
    }
    println!("\nStages of `test`: {}", stages::names().collect::<Vec<_>>().join(" "));
}

/// Every command with what it does.
const COMMANDS: [(&str, &str); 8] = [
    ("demo", "run the campaign journey on a local server; `--once` stops after it"),
    (
        "test",
        "install what the tests need and run them; `test STAGE...` runs some, `--soak` faults at full length",
    ),
    ("check", "format, lints, documentation, features, architecture, generated files"),
    ("bench", "measure our own code: `bench [AREA]`, figures in target/figures/AREA.jsonl"),
    ("peers", "measure ours beside others, in the same minutes: `peers [AREA]`"),
    ("dist", "build the server as it is published, optimized by counts of what it does under load"),
    ("assets", "fetch the files of the local models; `--check` says which are missing"),
    ("generate", "write the files that the error catalogue determines; `--check` compares"),
];
