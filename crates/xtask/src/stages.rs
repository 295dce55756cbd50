//! The stages of `cargo xtask test`, in the order in which they run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::counts::{self, Counts};
use crate::docs;
use crate::generate;
use crate::install::Tools;
use crate::project::Project;
use crate::server::Server;
use crate::shell::Log;

/// One part of the tests, with one line of counts.
#[derive(Debug)]
pub(crate) struct Stage {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Whether it needs more than Rust.
    pub(crate) tools: bool,
    /// Runs it.
    pub(crate) run: fn(&Project, &Tools, &Log) -> Result<Counts, String>,
}

/// Every stage: cheap ones first, so that a slip is seen early.
pub(crate) const STAGES: [Stage; 9] = [
    Stage { name: "generate", tools: false, run: generated },
    Stage { name: "fmt", tools: false, run: fmt },
    Stage { name: "rust", tools: true, run: rust },
    Stage { name: "examples", tools: true, run: examples },
    Stage { name: "python", tools: true, run: python },
    Stage { name: "web", tools: true, run: web },
    Stage { name: "browser", tools: true, run: browser },
    Stage { name: "openai", tools: true, run: openai },
    Stage { name: "docs", tools: true, run: docs::run },
];

/// Returns the names of the stages.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STAGES.iter().map(|stage| stage.name)
}

/// The files that the catalogue determines are what it gives.
fn generated(project: &Project, _: &Tools, _: &Log) -> Result<Counts, String> {
    generate::run(&project.root, true).map(|()| Counts::one(true))
}

fn fmt(project: &Project, _: &Tools, log: &Log) -> Result<Counts, String> {
    Ok(Counts::one(log.run("cargo fmt", project.cargo().args(["fmt", "--all", "--check"]))?.ok))
}

/// Unit, integration and documentation tests of every crate, in one build with one feature set.
fn rust(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let mut command = project.cargo();
    command.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    // A test that passes for want of a component says so; the runner hides that unless asked.
    command.args(["--", "--show-output"]);
    tools.apply(&mut command);
    let ran = log.run("cargo test", &mut command)?;
    Ok(counts::libtest(&ran.text).with_status(ran.ok))
}

/// Every example runs to its end; each asserts what it shows.
fn examples(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for name in sources(&project.root.join("examples"))? {
        let program = project.target.join("debug/examples").join(&name);
        if !program.is_file() {
            let mut build = project.cargo();
            build.args(["test", "--workspace", "--all-features", "--no-run", "--examples"]);
            log.run("cargo test --examples", &mut build)?.success("building the examples")?;
        }
        let mut command = project.command(program);
        tools.apply(&mut command);
        counts += Counts::one(log.run(&name, &mut command)?.ok);
    }
    Ok(counts)
}

/// The wheel as a user gets it: built, installed, tested, its types compared with what is there at run time.
fn python(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let venv = tools.venv.as_ref().ok_or("the Python environment is missing")?;
    let folder = project.root.join("bindings/python");
    let wheels = project.target.join("wheels");
    fs::remove_dir_all(&wheels).ok();
    let run = |label: &str, program: &str, args: &[&str], at: &Path| {
        let mut command = project.command(venv.join("bin").join(program));
        command.args(args).current_dir(at).env("VIRTUAL_ENV", venv);
        tools.apply(&mut command);
        log.run(label, &mut command)
    };

    let out = wheels.to_string_lossy();
    // Unstripped, the debug symbols of every dependency would travel in the wheel.
    let build = ["build", "--profile", "dev", "--strip", "--compression-level", "1", "--out", &out];
    run("maturin build", "maturin", &build, &folder)?.success("maturin build")?;
    let install =
        ["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", "--no-index", "--find-links"];
    run("pip install", "python", &[&install[..], &[&*out, "maily"]].concat(), &folder)?
        .success("pip install")?;

    let ran = run("pytest", "python", &["-m", "pytest", "-q"], &folder)?;
    let mut counts = counts::pytest(&ran.text).with_status(ran.ok);
    let types = run("mypy", "mypy", &["--config-file", "pyproject.toml", "-p", "maily"], &folder)?;
    counts += Counts::one(types.ok);
    let tests = run("mypy tests", "mypy", &["--config-file", "pyproject.toml", "tests"], &folder)?;
    counts += Counts::one(tests.ok);
    // Outside of the folder, so that the installed package is the one that is compared.
    let known = folder.join("stubtest.txt");
    let stubtest = ["--allowlist", &*known.to_string_lossy(), "maily"];
    counts += Counts::one(run("stubtest", "stubtest", &stubtest, &project.target)?.ok);
    Ok(counts)
}

/// Type checks, the comparison of the built assets with their source, and unit tests of every JavaScript package.
fn web(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for package in &tools.packages {
        for script in ["check", "check-dist", "test"].into_iter().filter(|script| package.has(script)) {
            let ran = npm(project, tools, log, &package.folder, script, None)?;
            let found = if script == "test" { counts::javascript(&ran.text) } else { Counts::one(ran.ok) };
            counts += found.with_status(ran.ok);
        }
    }
    Ok(counts)
}

/// The console in a real browser, against a real server.
fn browser(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let mut counts = Counts::default();
    for package in tools.packages.iter().filter(|package| package.has("e2e")) {
        let server = serve(project, tools, "browser", &["all"])?;
        let ran = npm(project, tools, log, &package.folder, "e2e", Some(&server))?;
        counts += counts::javascript(&ran.text).with_status(ran.ok);
    }
    Ok(counts)
}

/// The official clients of OpenAI and Anthropic, of pip and of npm, against the mesh.
fn openai(project: &Project, tools: &Tools, log: &Log) -> Result<Counts, String> {
    let python = tools.python("python").ok_or("the Python environment is missing")?;
    let server = serve(project, tools, "openai", &["mesh", "--node", "local"])?;
    let mut command = project.command(python);
    command.args([
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        "adapters/serve-http/tests/openai_client",
    ]);
    // Against the local model, and against a node that does what a prompt says.
    command.env("MAILY_URL", server.url()).env("MAILY_SERVER", binary(project));
    tools.apply(&mut command);
    let ran = log.run("pytest", &mut command)?;
    let mut counts = counts::pytest(&ran.text).with_status(ran.ok);
    for package in tools.packages.iter().filter(|package| package.has("clients")) {
        let ran = npm(project, tools, log, &package.folder, "clients", Some(&server))?;
        counts += counts::javascript(&ran.text).with_status(ran.ok);
    }
    Ok(counts)
}

fn npm(
    project: &Project,
    tools: &Tools,
    log: &Log,
    folder: &Path,
    script: &str,
    server: Option<&Server>,
) -> Result<crate::shell::Ran, String> {
    let mut command = project.command("npm");
    command.args(["run", "--silent", script]).current_dir(folder);
    command.env("MAILY_SERVER", binary(project));
    if let Some(server) = server {
        command.env("MAILY_URL", server.url()).env("MAILY_RESTART", server.restart());
    }
    tools.apply(&mut command);
    log.run(&format!("npm run {script} in {}", folder.display()), &mut command)
}

/// Starts a server of the build under test, with an empty data folder.
fn serve(project: &Project, tools: &Tools, name: &str, args: &[&str]) -> Result<Server, String> {
    build_server(project)?;
    let mut shell = project.command("sh");
    tools.apply(&mut shell);
    Server::start(shell, &binary(project), args, &project.logs().join(format!("{name}-server")))
}

/// Builds the server, unless a stage before did.
pub(crate) fn build_server(project: &Project) -> Result<(), String> {
    if binary(project).is_file() {
        return Ok(());
    }
    let log = Log::create(project.logs().join("server-build.log"))?;
    let mut build = project.cargo();
    build.args(["build", "--workspace", "--all-features", "--bin", "maily"]);
    log.run("cargo build", &mut build)?.success("building the server").map(drop)
}

/// Returns where the built server is.
pub(crate) fn binary(project: &Project) -> PathBuf {
    project.target.join("debug/maily")
}

/// Returns the names of the Rust modules in a folder, sorted.
pub(crate) fn sources(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder).map_err(|err| format!("{}: {err}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_module = entry.path().join("mod.rs").is_file();
            if is_module { Some(name) } else { Some(name.strip_suffix(".rs")?.to_owned()) }
        })
        .collect();
    names.sort();
    Ok(names)
}
