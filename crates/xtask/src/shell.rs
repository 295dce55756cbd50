//! Commands with captured output, a log file and signs of life.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Whether it ended with exit code 0.
    pub(crate) ok: bool,
    /// What it wrote, both streams in order.
    pub(crate) text: String,
}

impl Ran {
    /// Returns the output, or an error that names the command.
    pub(crate) fn success(self, label: &str) -> Result<Self, String> {
        if self.ok { Ok(self) } else { Err(format!("{label} failed\n{}", tail(&self.text, TAIL))) }
    }
}

/// A log file that commands append to.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// Starts an empty log.
    pub(crate) fn create(path: PathBuf) -> Result<Self, String> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|err| format!("{}: {err}", folder.display()))?;
        }
        File::create(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        Ok(Self { path })
    }

    /// Returns where the log is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a command to its end; says what it is doing every [`SIGN_OF_LIFE`].
    pub(crate) fn run(&self, label: &str, command: &mut Command) -> Result<Ran, String> {
        let fail = |err: std::io::Error| format!("{label}: {err}");
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(fail)?;
        writeln!(file, "$ {label}").map_err(fail)?;
        let begin = file.metadata().map_err(fail)?.len();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(fail)?)
            .stderr(file)
            .spawn()
            .map_err(|err| format!("{label}: {:?} did not start: {err}", command.get_program()))?;

        let start = Instant::now();
        let mut shown = start;
        let mut grown = (start, 0);
        let status = loop {
            if let Some(status) = child.try_wait().map_err(fail)? {
                break status;
            }
            thread::sleep(POLL);
            let length = fs::metadata(&self.path).map_or(0, |data| data.len());
            if length != grown.1 {
                grown = (Instant::now(), length);
            } else if grown.0.elapsed() > STUCK {
                child.kill().and_then(|()| child.wait()).map_err(fail)?;
                return Err(format!("{label}: no output for {} minutes, ended", STUCK.as_secs() / 60));
            }
            if shown.elapsed() > SIGN_OF_LIFE {
                shown = Instant::now();
                let last = self.read(begin).unwrap_or_default();
                let last = last.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
                println!("    {} {label}: {}", clock(start.elapsed()), clip(last.trim(), 90));
            }
        };
        let text = self.read(begin).map_err(fail)?;
        if !status.success() {
            let mut file = OpenOptions::new().append(true).open(&self.path).map_err(fail)?;
            writeln!(file, "{FAILED} {label}: {status}").map_err(fail)?;
        }
        Ok(Ran { ok: status.success(), text })
    }

    fn read(&self, begin: u64) -> std::io::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns what a command prints, if it runs and succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Finds a program on the search path.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Returns the last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// Shows a duration as a person says it: `0.4 s`, `12 s`, `3 min 05 s`.
pub(crate) fn clock(took: Duration) -> String {
    match took.as_secs() {
        0..10 => format!("{:.1} s", took.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

fn clip(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// Returns the parts of a log that are the output of commands that failed.
pub(crate) fn failures(log: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut part = Vec::new();
    for line in log.lines() {
        if line.starts_with("$ ") {
            part.clear();
        }
        part.push(line);
        if line.starts_with(FAILED) {
            found.push(part.join("\n"));
            part.clear();
        }
    }
    found
}

/// What follows the output of a command that failed.
const FAILED: &str = "# failed:";
/// How often a running command is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How often a long command shows its last line.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// A command that writes nothing for so long hangs.
const STUCK: Duration = Duration::from_secs(15 * 60);
/// How many lines of a failed command are shown.
pub(crate) const TAIL: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_reads_like_speech() {
        assert_eq!(clock(Duration::from_millis(420)), "0.4 s");
        assert_eq!(clock(Duration::from_secs(12)), "12 s");
        assert_eq!(clock(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn only_commands_that_failed_are_shown() {
        let log = "$ a\nfine\n$ b\nbroken\n# failed: b: exit status: 1\n$ c\nfine\n";

        assert_eq!(failures(log), ["$ b\nbroken\n# failed: b: exit status: 1"]);
    }

    #[test]
    fn tail_keeps_the_last_lines() {
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
        assert_eq!(tail("a", 5), "a");
    }
}
