//! `cargo xtask peers`: ours beside others, interleaved in the same minutes.

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
    log.run("building the peers", &mut build)?.success("building the peers")?;

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
        println!("{} figures in {}\n", found.len(), path.display());
    }
    Ok(ExitCode::SUCCESS)
}
