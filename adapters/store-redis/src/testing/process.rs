//! A process that does not outlive this one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running program and the shell that watches over it.
#[derive(Debug)]
pub(crate) struct Process {
    watchdog: Child,
    id: String,
}

impl Process {
    /// Starts a program in a folder that is removed when it ends; what it writes is in `log` there.
    pub(crate) fn start(program: &OsStr, arguments: &[OsString], folder: &Path) -> Self {
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            // So that what it writes has the time of one clock.
            .env("TZ", "UTC")
            // A Ctrl-C at the terminal is for this process; the watchdog then hears that the pipe is closed.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell is there");
        let stdout = watchdog.stdout.take().expect("it is piped");
        let mut id = String::new();
        BufReader::new(stdout).read_line(&mut id).expect("the watchdog says the id");
        Self { watchdog, id: id.trim().to_owned() }
    }

    /// Sends a signal such as `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id]).status();
        assert!(status.expect("kill is there").success(), "kill -{name} {}", self.id);
    }

    /// Says whether it still runs, stopped or not.
    pub(crate) fn runs(&self) -> bool {
        !matches!(self.state(), None | Some('Z'))
    }

    /// Says whether it runs and is not stopped.
    pub(crate) fn is_up(&self) -> bool {
        !matches!(self.state(), None | Some('T' | 'Z'))
    }

    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?;
        // The state is behind the name, which is in brackets; what ended waits as `Z` for its watchdog.
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// Ends it as a crash does, and keeps its folder.
    pub(crate) fn kill(mut self) {
        if let Some(stdin) = &mut self.watchdog.stdin {
            // A watchdog that is gone took the program with it.
            stdin.write_all(b"keep\n").ok();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // Only an end is waited for, and that it has.
        self.watchdog.wait().ok();
    }
}

/// Ends the program when nobody holds the other end of the pipe. The number of the program is not used again before
/// the `wait`, so that no other process is hit.
const WATCHDOG: &str = r#"
"$@" </dev/null >>log 2>&1 &
echo $!
read -r word
kill -9 $!
wait $!
[ "$word" = keep ] || rm -rf "$PWD"
"#;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn sleeper(folder: &Path) -> Process {
        Process::start(OsStr::new("sleep"), &["60".into()], folder)
    }

    #[test]
    fn program_and_folder_end_with_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let id = process.id.clone();
        assert!(process.runs());

        drop(process);

        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(!folder.path().exists());
    }

    #[test]
    fn stopped_program_can_be_killed_and_its_folder_stays() {
        let folder = tempfile::tempdir().unwrap();
        let process = sleeper(folder.path());
        let id = process.id.clone();
        process.signal("STOP");
        while process.is_up() {}
        assert!(process.runs());

        process.kill();

        assert!(!Path::new(&format!("/proc/{id}")).exists());
        assert!(folder.path().exists());
    }

    #[test]
    fn program_ends_when_its_owner_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut process = sleeper(folder.path());
        let id = process.id.clone();
        // The pipe of the watchdog is held by another process, which is then killed.
        let held = process.watchdog.stdin.take().unwrap();
        let mut holder = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(held)))
            .spawn()
            .unwrap();

        holder.kill().unwrap();
        holder.wait().unwrap();

        let start = Instant::now();
        while Path::new(&format!("/proc/{id}")).exists() {
            assert!(start.elapsed() < Duration::from_secs(10), "it outlives its owner");
            std::thread::yield_now();
        }
    }
}
