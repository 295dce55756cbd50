//! A reference server for the tests of clients.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{output, tail};

/// A server on a free loopback port; it ends when this value is dropped.
///
/// A script starts it, so that a test may kill it and start it again by the same script.
#[derive(Debug)]
pub(crate) struct Server {
    script: PathBuf,
    pid: PathBuf,
    address: String,
}

impl Server {
    /// Starts `maily serve` and waits until it is ready. `data` is emptied first.
    ///
    /// What belongs to it lies beside `data`: the script, the process id, the log.
    pub(crate) fn start(
        mut shell: Command,
        binary: &Path,
        args: &[&str],
        data: &Path,
    ) -> Result<Self, String> {
        let write = |path: &Path, text: &str| {
            fs::write(path, text).map_err(|err| format!("{}: {err}", path.display()))
        };
        fs::remove_dir_all(data).ok();
        fs::create_dir_all(data).map_err(|err| format!("{}: {err}", data.display()))?;
        let (script, pid, log) =
            (data.with_extension("sh"), data.with_extension("pid"), data.with_extension("log"));
        let server = Self { script, pid, address: free_address()? };
        let mut arguments = String::new();
        for arg in args.iter().chain(&["--listen", &server.address, "--data"]) {
            // Writing to a String does not fail.
            let _ = write!(arguments, " {}", quoted(arg));
        }
        let text = format!(
            "# Ends the server, if it runs, as a power cut would; starts it on the same address.\n\
             [ -s {pid} ] && kill -9 \"$(cat {pid})\" 2>/dev/null\n\
             # Its lock on the data folder goes with it, which takes a moment.\n\
             while grep -q '^State:.[^ZX]' \"/proc/$(cat {pid})/status\" 2>/dev/null; do sleep 0.05; done\n\
             {binary} serve{arguments} {data} >>{log} 2>&1 </dev/null &\n\
             echo $! >{pid}\n",
            pid = quoted(server.pid.display()),
            binary = quoted(binary.display()),
            data = quoted(data.display()),
            log = quoted(log.display()),
        );
        write(&server.pid, "")?;
        write(&log, "")?;
        write(&server.script, &text)?;
        let started = shell.arg(&server.script).stdin(Stdio::null()).stdout(Stdio::null()).status();
        started.map_err(|err| format!("the server did not start: {err}"))?;
        wait(&server.address, || server.runs()).map_err(|reason| {
            format!("{reason}\n{}", tail(&fs::read_to_string(&log).unwrap_or_default(), LINES))
        })?;
        Ok(server)
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a command line that kills the server and starts it again.
    pub(crate) fn restart(&self) -> String {
        format!("sh {}", quoted(self.script.display()))
    }

    /// A process that ended may stay in the table until its parent looks; Linux shows that.
    fn runs(&self) -> bool {
        let pid = self.pid();
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => !stat.contains(") Z "),
            Err(_) => output(Command::new("sh").args(["-c", &format!("kill -0 {pid}")])).is_some(),
        }
    }

    fn pid(&self) -> String {
        fs::read_to_string(&self.pid).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error says that it has ended already.
        output(Command::new("sh").args(["-c", &format!("kill -9 {}", self.pid())]));
    }
}

/// Waits until a server that runs is ready.
pub(crate) fn wait(address: &str, mut runs: impl FnMut() -> bool) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < READY {
        if ready(address) {
            return Ok(());
        }
        if !runs() {
            return Err("the server ended at its start".to_owned());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(format!("the server was not ready within {} seconds", READY.as_secs()))
}

fn ready(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Asks the system for a free port and gives it back, for the server to take.
pub(crate) fn free_address() -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|err| err.to_string())?;
    listener.local_addr().map(|address| address.to_string()).map_err(|err| err.to_string())
}

/// Quotes a word for a POSIX shell.
fn quoted(word: impl std::fmt::Display) -> String {
    format!("'{}'", word.to_string().replace('\'', r"'\''"))
}

/// How long a server may take to load its models.
const READY: Duration = Duration::from_secs(120);
/// How much of its log is shown when it does not start.
const LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_survives_the_shell() {
        let word = "it's a $HOME; `x`";

        let said = output(Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]));

        assert_eq!(said.as_deref(), Some(word));
    }

    #[test]
    fn server_that_ends_at_once_is_reported_with_its_log() {
        let data = std::env::temp_dir().join(format!("maily-server-{}", std::process::id()));

        // `ls` does not know `serve`.
        let failed = Server::start(Command::new("sh"), Path::new("ls"), &["all"], &data);

        fs::remove_dir_all(&data).unwrap();
        for extension in ["sh", "pid", "log"] {
            fs::remove_file(data.with_extension(extension)).unwrap();
        }
        let reason = failed.unwrap_err();
        assert!(reason.starts_with("the server ended at its start\n"), "{reason}");
        assert!(reason.contains("ls: "), "{reason}");
    }
}
