//! `cargo xtask dist`: the server as it is published, laid out by what it does under load (ADR-0082).
//!
//! It is built twice: the first one counts what runs while it is trained, the second is optimized by the counts.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::install::apt;
use crate::project::Project;
use crate::shell::{Log, clock, output, which};
use crate::{Outcome, train};

/// Builds the server and says where it is.
pub(crate) fn run(project: &Project, args: &[String]) -> Outcome {
    if let Some(unknown) = args.first() {
        return Err(format!("`dist` takes no argument, so no `{unknown}`"));
    }
    let start = Instant::now();
    let log = Log::create(project.logs().join("dist.log"))?;
    let server = build(project, &log)?;
    let bytes = fs::metadata(&server).map_or(0, |data| data.len());
    let what = format!("{} ({:.1} MB)", server.display(), bytes as f64 / 1e6);
    println!("{:<10}{what:<44}{:>12}", "dist", clock(start.elapsed()));
    Ok(ExitCode::SUCCESS)
}

/// Builds the server. Without a program that reads profiles it says so and builds without one.
pub(crate) fn build(project: &Project, log: &Log) -> Result<PathBuf, String> {
    let host = host()?;
    let profile = match reader(log) {
        Ok(reader) => Some(profile(project, log, &host, &reader)?),
        Err(why) => {
            println!("{:<10}none, so the server will be slower: {why}", "profile");
            None
        }
    };
    let flags = profile.map(|profile| flag("-Cprofile-use=", &profile));
    compile(project, log, &host, "building the server", &project.target, flags)
}

/// Trains a server that counts, unless the same one was trained before, and returns the counts.
fn profile(project: &Project, log: &Log, host: &str, reader: &Path) -> Result<PathBuf, String> {
    let folder = project.target.join("trained");
    let profile = folder.join("maily.profdata");
    let flags = flag("-Cprofile-generate=", &folder.join("unused"));
    let counting = compile(project, log, host, "building the server that counts", &folder, Some(flags))?;
    let age = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    if age(&profile).is_some_and(|profile| age(&counting).is_some_and(|counting| counting < profile)) {
        return Ok(profile);
    }
    let counts = folder.join("counts");
    fs::remove_dir_all(&counts).ok();
    train::run(project, log, &counting, &counts)?;
    let mut merge = Command::new(reader);
    merge.arg("merge").arg("--output").arg(&profile).arg(counts);
    log.run("merging the counts", &mut merge)?.success("merging the counts")?;
    Ok(profile)
}

/// Compiles the server with flags for what runs in it, and not for what runs while it is built.
fn compile(
    project: &Project,
    log: &Log,
    host: &str,
    label: &str,
    target: &Path,
    flags: Option<OsString>,
) -> Result<PathBuf, String> {
    let mut build = project.cargo();
    build.args(["build", "--profile", "dist", "--package", "maily-server", "--bin", "maily"]);
    build.args(["--target", host, "--target-dir"]).arg(target);
    if let Some(flags) = flags {
        build.env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    log.run(label, &mut build)?.success(label)?;
    Ok(target.join(host).join("dist/maily"))
}

/// Returns a flag of the compiler that ends with a path, after those that were chosen outside.
fn flag(begin: &str, path: &Path) -> OsString {
    let chosen = env::var("RUSTFLAGS").unwrap_or_default();
    let chosen: String = chosen.split_whitespace().flat_map(|flag| [flag, SEPARATOR]).collect();
    let mut flags = OsString::from(chosen + begin);
    flags.push(path);
    flags
}

/// Returns a program that reads the counts, installed if root asks.
fn reader(log: &Log) -> Result<PathBuf, String> {
    let find = || readers().into_iter().find(|path| version(path).is_some_and(|found| found >= OLDEST));
    find()
        .or_else(|| {
            apt(log, &format!("llvm-{OLDEST}")).ok()?;
            find()
        })
        .ok_or_else(|| format!("`rustup component add llvm-tools`, or install LLVM {OLDEST} or later"))
}

/// Where a reader may be: in the toolchain, or on the search path with or without its version.
fn readers() -> Vec<PathBuf> {
    let toolchain = || {
        let root = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        Some(Path::new(&root).join("lib/rustlib").join(host().ok()?).join("bin").join(READER))
    };
    let versions = (OLDEST..OLDEST + 16).rev().map(|version| format!("{READER}-{version}"));
    let path = versions.chain([READER.to_owned()]).filter_map(|name| which(&name));
    toolchain().into_iter().chain(path).collect()
}

fn version(reader: &Path) -> Option<u32> {
    let said = output(Command::new(reader).arg("--version"))?;
    said.split_once("version ")?.1.split('.').next()?.parse().ok()
}

fn host() -> Result<String, String> {
    let said = output(Command::new("rustc").arg("-vV")).ok_or("rustc did not start")?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or(format!("rustc does not say what it runs on:\n{said}"))
}

const READER: &str = "llvm-profdata";
/// The first LLVM that reads what today's compilers count.
const OLDEST: u32 = 19;
/// Between two flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";
