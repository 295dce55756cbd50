//! `cargo xtask demo`: the campaign journey, with nothing else installed.

use std::env;
use std::process::Command;
use std::time::Instant;

use crate::project::Project;
use crate::shell::{Log, clock};
use crate::{Outcome, fetch};

/// Fetches the models, builds the server and runs `maily journey` with the arguments.
pub(crate) fn run(project: &Project, args: &[String]) -> Outcome {
    if let Err(reason) = fetch::models(project) {
        println!("{:<10}going on without the local models: {reason}", "models");
    }
    build(project)?;
    let mut journey = project.command(project.target.join("release/maily"));
    journey.env_remove("NO_COLOR").arg("journey").args(args);
    Err(replace(&mut journey))
}

fn build(project: &Project) -> Result<(), String> {
    let start = Instant::now();
    let log = Log::create(project.logs().join("demo-build.log"))?;
    let mut command = project.cargo();
    command.args(["build", "--release", "--package", "maily-server"]);
    let chosen = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].iter().any(|name| env::var_os(name).is_some());
    if !chosen {
        // The local model picks its vector instructions when it is compiled, and runs 2.6 times faster.
        command.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-cpu=native");
    }
    log.run("cargo build --release", &mut command)?.success("building the server")?;
    println!("{:<10}{:<44}{:>12}", "build", "maily, release, for this processor", clock(start.elapsed()));
    Ok(())
}

/// Becomes the command, so that Ctrl-C and the exit code are the server's own. Returns only if it cannot.
fn replace(command: &mut Command) -> String {
    use std::os::unix::process::CommandExt as _;
    let reason = command.exec();
    format!("{:?} did not start: {reason}", command.get_program())
}
