//! Where things are: the checkout, its target folder, the cache.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout and the folders that the commands use.
#[derive(Debug)]
pub(crate) struct Project {
    /// The workspace.
    pub(crate) root: PathBuf,
    /// What cargo builds.
    pub(crate) target: PathBuf,
    /// What was fetched once and is shared by all checkouts: models, tools of the tests.
    pub(crate) cache: PathBuf,
    /// Whether this runs unattended: then a missing component is a failure.
    pub(crate) ci: bool,
    /// Whether the fault tests take their full length.
    pub(crate) soak: bool,
}

impl Project {
    /// Finds the checkout that this program was built from.
    pub(crate) fn locate() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Self {
            root: root.to_owned(),
            target,
            cache: crate::assets::folder(),
            ci: env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false" && value != "0"),
            soak: false,
        }
    }

    /// Returns a command that runs in the checkout, with output made for files.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        // What `cargo run` says about this program. Build scripts that read it (ring's do) would take every
        // build from here for another one than a plain `cargo build`, and compile all above them again.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("CARGO_PKG_") || ABOUT_US.iter().any(|ours| name == *ours) {
                command.env_remove(name);
            }
        }
        command
            .current_dir(&self.root)
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
            .env("MAILY_CACHE", &self.cache)
            .env_remove("FORCE_COLOR")
            // A backtrace for each error costs more than the work that is measured.
            .env_remove("RUST_BACKTRACE");
        if self.soak {
            command.env("MAILY_SOAK", "1");
        }
        command
    }

    /// Returns the cargo that runs this program.
    pub(crate) fn cargo(&self) -> Command {
        self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Returns the folder that keeps the output of stages.
    pub(crate) fn logs(&self) -> PathBuf {
        self.target.join("xtask")
    }
}

/// Variables by which cargo describes the running package, beside those that begin with `CARGO_PKG_`.
const ABOUT_US: [&str; 3] = ["CARGO_CRATE_NAME", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];
