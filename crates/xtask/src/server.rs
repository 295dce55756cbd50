//! A reference server for the tests of clients.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A server on a free loopback port; it ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts `maily serve` and waits until it is ready.
    pub(crate) fn start(
        mut command: Command,
        args: &[&str],
        data: &Path,
        log: &Path,
    ) -> Result<Self, String> {
        let address = free_address()?;
        let file = File::create(log).map_err(|err| format!("{}: {err}", log.display()))?;
        let errors = file.try_clone().map_err(|err| err.to_string())?;
        let child = command
            .arg("serve")
            .args(args)
            .args(["--listen", &address, "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(|err| format!("{:?} did not start: {err}", command.get_program()))?;
        let mut server = Self { child, address };
        server.wait().map_err(|reason| {
            format!("{reason}\n{}", crate::shell::tail(&std::fs::read_to_string(log).unwrap_or_default(), 20))
        })?;
        Ok(server)
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait(&mut self) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < READY {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended at its start: {status}"));
            }
            if ready(&self.address) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(format!("the server was not ready within {} seconds", READY.as_secs()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error says that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
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
fn free_address() -> Result<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|err| err.to_string())?;
    listener.local_addr().map(|address| address.to_string()).map_err(|err| err.to_string())
}

/// How long a server may take to load its models.
const READY: Duration = Duration::from_secs(120);
