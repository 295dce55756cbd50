//! `cargo xtask peers`: ours beside others, interleaved in the same minutes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::bench::choose;
use crate::project::Project;
use crate::shell::Log;
use crate::{Outcome, figures, gateways, llama, python_peers, stages, texts};

/// Builds `benches/peers`, its own workspace, and runs the named areas, or all.
pub(crate) fn run(project: &Project, args: &[String]) -> Outcome {
    let folder = project.root.join("benches/peers");
    let known = stages::sources(&folder.join("src/areas"))?;
    let known: Vec<String> = known.into_iter().filter(|name| name != "mod").collect();
    let areas = choose(&known, args)?;

    let log = Log::create(project.logs().join("peers-build.log"))?;
    let mut build = project.cargo();
    build.current_dir(&folder).args(["build", "--release", "--locked", "--target-dir", "target"]);
    let built = log.run("building the peers", &mut build)?;
    if lags_behind(&built.text) {
        return Err(WHAT_TO_DO.to_owned());
    }
    built.success("building the peers")?;

    for area in areas {
        let log = Log::create(project.logs().join(format!("peers-{area}.log")))?;
        let label = format!("peers {area}");
        let mut command = project.command(folder.join("target/release/peers"));
        command.envs(gateways::find(project, area, &log)?).envs(texts::find(project, area, &log));
        command.envs(llama::find(project, area, &log));
        let ran = log.run(&label, command.arg(area))?.success(&label)?;
        let mut found = figures::parse(&ran.text);
        found.extend(python_peers::run(project, area, &log));
        let path = figures::save(project, area, true, &found)?;
        figures::print(&found);
        println!("{}", figures::summary(&found));
        println!(
            "{} figures in {}, all that was said in {}\n",
            found.len(),
            path.display(),
            log.path().display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets cargo say, without the network, whether the lock file of the peers fits. `None` if the registry on this machine does
/// not know all of it; what needs no registry is then still checked by `tests/architecture`.
pub(crate) fn is_locked(project: &Project, log: &Log) -> Result<Option<bool>, String> {
    let mut update = project.cargo();
    update.current_dir(project.root.join("benches/peers"));
    let ran = log.run("cargo update", update.args(["update", "--workspace", "--locked", "--offline"]))?;
    Ok(if ran.ok { Some(true) } else { lags_behind(&ran.text).then_some(false) })
}

fn lags_behind(said: &str) -> bool {
    said.contains("--locked was passed")
}

/// The variable that tells the peers where a component is, or why it is not there.
pub(crate) fn variable(name: &str, found: Result<PathBuf, String>) -> (String, OsString) {
    match found {
        Ok(path) => (format!("MAILY_PEERS_{name}"), path.into_os_string()),
        Err(why) => (format!("MAILY_PEERS_{name}_MISSING"), why.into()),
    }
}

/// What helps a lock file that lags behind.
pub(crate) const WHAT_TO_DO: &str = "benches/peers/Cargo.lock does not fit the workspace: \
    run `cargo update --workspace` in benches/peers and commit it";
