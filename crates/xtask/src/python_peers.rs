//! The peers that are written for Python: the wheel and they in an environment of their own.

use std::fs;
use std::path::{Path, PathBuf};

use crate::figures::{self, Figure};
use crate::install;
use crate::project::Project;
use crate::shell::Log;

/// Runs the Python side of an area, if it has one. What cannot be had is a figure that says why.
pub(crate) fn run(project: &Project, area: &str, log: &Log) -> Vec<Figure> {
    let folder = project.root.join("benches/peers/python");
    let script = folder.join(format!("{area}_clients.py"));
    if !script.is_file() {
        return Vec::new();
    }
    measure(project, &script, log).unwrap_or_else(|why| {
        vec![Figure {
            area: area.to_owned(),
            what: "Python".to_owned(),
            unit: "ns".to_owned(),
            ours: None,
            peer: None,
            peer_name: Some(why),
            bar: None,
            holds: None,
        }]
    })
}

/// Makes a Python environment in the cache with exactly the packages of a file beside the clients.
pub(crate) fn environment(project: &Project, log: &Log, name: &str, file: &str) -> Result<PathBuf, String> {
    let file = project.root.join("benches/peers/python").join(file);
    let wanted = fs::read_to_string(&file).map_err(|err| format!("{}: {err}", file.display()))?;
    install::environment(project, log, &project.cache.join(name), &wanted)
}

fn measure(project: &Project, script: &Path, log: &Log) -> Result<Vec<Figure>, String> {
    let venv = environment(project, log, "python-peers", "requirements.txt")?;
    let python = venv.join("bin/python");
    let wheels = project.target.join("peers-wheels");
    fs::remove_dir_all(&wheels).ok();
    let mut build = project.command(venv.join("bin/maturin"));
    build.args(["build", "--release", "--strip", "--out"]).arg(&wheels);
    build.current_dir(project.root.join("bindings/python")).env("VIRTUAL_ENV", &venv);
    log.run("maturin build --release", &mut build)?.success("maturin build --release")?;
    let mut install = project.command(&python);
    install.args(["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", "--no-index"]);
    log.run("pip install maily", install.arg("--find-links").arg(&wheels).arg("maily"))?.success("pip")?;

    let ran = log.run("python peers", project.command(&python).arg(script))?.success("the Python clients")?;
    Ok(figures::parse(&ran.text))
}
