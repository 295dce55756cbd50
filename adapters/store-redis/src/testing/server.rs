//! One server: alone, or a part of more.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{io, process};

use maily_redis::Reply;
use tokio_rustls::rustls::ClientConfig;

use super::process::Process;
use super::product::Product;
use super::tls::{self, Tls};
use super::{until, wire};

/// A Redis or Valkey server that ends with its last owner.
#[derive(Debug)]
pub struct Server {
    program: OsString,
    address: SocketAddr,
    /// How a server that speaks nothing but TLS is asked.
    secret: Option<Arc<ClientConfig>>,
    arguments: Mutex<Vec<OsString>>,
    process: Mutex<Option<Process>>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a Valkey server of its own, or says that none is installed.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_on(Product::Valkey9)
    }

    /// Starts a server of its own, or says that none is installed.
    #[must_use]
    pub fn start_on(product: Product) -> Option<Self> {
        Some(Self::launch(product.program()?, &[], None, None))
    }

    /// Starts a server of its own with settings, such as `["--maxmemory", "8mb"]`.
    #[must_use]
    pub fn start_with(product: Product, settings: &[&str]) -> Option<Self> {
        Some(Self::launch(product.program()?, settings, None, None))
    }

    /// Starts a server of its own that speaks nothing but TLS, or says that none is installed.
    #[must_use]
    pub fn start_tls(product: Product, tls: &Tls) -> Option<Self> {
        Some(Self::launch(product.program_with_tls()?, &[], None, Some(tls)))
    }

    /// Returns the Valkey server that all tests of this process share.
    #[must_use]
    pub fn shared() -> Option<Arc<Self>> {
        Self::shared_on(Product::Valkey9)
    }

    /// Returns the server that all tests of this process share.
    #[must_use]
    pub fn shared_on(product: Product) -> Option<Arc<Self>> {
        static SHARED: [OnceLock<Option<Arc<Server>>>; 2] = [OnceLock::new(), OnceLock::new()];
        let shared = match product {
            Product::Redis7 => &SHARED[0],
            Product::Valkey9 => &SHARED[1],
        };
        // Never dropped: the watchdog ends it with this process.
        shared.get_or_init(|| Self::start_on(product).map(Arc::new)).clone()
    }

    /// Starts a server, or with a configuration file a sentinel.
    pub(crate) fn launch(
        program: OsString,
        settings: &[&str],
        file: Option<&str>,
        tls: Option<&Tls>,
    ) -> Self {
        let folder =
            tempfile::Builder::new().prefix("maily-redis-").tempdir().expect("a folder for the server");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut arguments: Vec<OsString> = Vec::new();
        if let Some(text) = file {
            fs::write(folder.path().join("sentinel.conf"), text).expect("the folder is ours");
            arguments.extend(["sentinel.conf", "--sentinel"].map(Into::into));
        } else {
            arguments.extend(
                ["--save", "", "--appendonly", "no", "--enable-debug-command", "local"].map(Into::into),
            );
            // The pauses before a first copy are for servers that expect many replicas.
            arguments.extend(["--repl-diskless-sync-delay", "0"].map(Into::into));
        }
        arguments.extend(["--bind", "127.0.0.1", "--daemonize", "no"].map(Into::into));
        match tls {
            None => arguments.extend(["--port".into(), address.port().to_string().into()]),
            Some(tls) => {
                arguments.extend(tls.settings(folder.path(), address.port()).into_iter().map(Into::into))
            }
        }
        arguments.extend(settings.iter().map(Into::into));
        let (arguments, process) = (Mutex::new(arguments), Mutex::new(None));
        let secret = tls.map(Tls::client);
        let server = Self { program, address, secret, arguments, process, folder };
        server.restart();
        server
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address)
    }

    /// Returns the files of a client of this server, if it speaks TLS: the authority's certificate, and one with its
    /// key that it takes. They end with the server.
    #[must_use]
    pub fn client_files(&self) -> Option<[String; 3]> {
        self.secret.is_some().then(|| tls::files(self.folder.path()))
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.secret.is_some() { "rediss" } else { "redis" }
    }

    /// Ends the server as a crash does; a second time does nothing.
    pub fn kill(&self) {
        if let Some(process) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() {
            process.kill();
        }
    }

    /// Starts it again on the same port after a [`kill`](Self::kill): empty, with the files it left.
    pub fn restart(&self) {
        self.kill();
        let arguments = self.arguments.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let process = Process::start(&self.program, &arguments, self.folder.path());
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        until(
            || {
                assert!(self.runs(), "the server ended:\n{}", self.log());
                self.ask(&["PING"]).is_ok_and(|reply| reply == Reply::Data("PONG".into()))
            },
            || format!("the server does not answer:\n{}", self.log()),
        );
    }

    /// Starts it again with one more setting, which then stays.
    pub fn restart_with(&self, setting: &[&str]) {
        self.arguments.lock().unwrap_or_else(PoisonError::into_inner).extend(setting.iter().map(Into::into));
        self.restart();
    }

    /// Stops the server where it stands: its connections stay open and say nothing.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a stopped server go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Sends a signal such as `STOP` or `CONT`.
    pub fn signal(&self, name: &str) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.as_ref().expect("the server runs").signal(name);
    }

    /// Says whether the process runs, stopped or not.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Process::runs)
    }

    /// Says whether the process runs and is not stopped.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(Process::is_up)
    }

    /// Asks the server one question on a connection of its own; at most two seconds.
    ///
    /// # Errors
    ///
    /// What the socket says when the server is gone or hangs.
    pub fn ask(&self, words: &[&str]) -> io::Result<Reply> {
        wire::ask(self.address, self.secret.as_ref(), words)
    }

    /// Asks, and returns the answer as text; nothing when there is none.
    #[must_use]
    pub fn text(&self, words: &[&str]) -> String {
        match self.ask(words) {
            Ok(Reply::Data(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => String::new(),
        }
    }

    /// Returns the value of a line `name:value` of `INFO` or `CLUSTER INFO`; nothing when there is none.
    #[must_use]
    pub fn info(&self, words: &[&str], name: &str) -> String {
        let text = self.text(words);
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    }

    /// Waits until this replica has its first copy and follows its master.
    pub(crate) fn wait_until_synced(&self) {
        until(
            || self.info(&["INFO", "replication"], "master_link_status") == "up",
            || format!("the replica is not synced:\n{}", self.log()),
        );
    }

    /// Returns the first line with these words that the server wrote since then, and how much later that was, to the
    /// millisecond; at most half a day.
    #[must_use]
    pub fn said(&self, words: &str, since: SystemTime) -> Option<(Duration, String)> {
        let since = since.duration_since(UNIX_EPOCH).expect("it is later than 1970").as_millis() as u64;
        self.written().lines().filter(|line| line.contains(words)).find_map(|line| {
            let later = (time_of_day(line)? + DAY_MS - since % DAY_MS) % DAY_MS;
            (later < DAY_MS / 2).then(|| (Duration::from_millis(later), line.to_owned()))
        })
    }

    /// Returns the last lines that the server wrote.
    pub(crate) fn log(&self) -> String {
        let text = self.written();
        let lines: Vec<&str> = text.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn written(&self) -> String {
        fs::read_to_string(Path::new(self.folder.path()).join("log")).unwrap_or_default()
    }
}

/// Reads `123:M 22 Nov 2026 06:12:45.624 * ..`, in milliseconds since midnight in Greenwich.
fn time_of_day(line: &str) -> Option<u64> {
    let time = line.split(' ').nth(4)?;
    let mut parts = time.split([':', '.']).map(str::parse::<u64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds, millis) = (next()?, next()?, next()?, next()?);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

/// Returns a port that nobody listens on.
///
/// Below the range from which the system takes the ports of outgoing connections: one of those on the port of a
/// server that is just down would keep it from coming back.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Each process begins elsewhere, so that two of them seldom try the same port.
    let begin = process::id().wrapping_mul(2_654_435_761) >> 16;
    loop {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(15_000 + (begin + step) % 17_000).expect("below 32 000");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

const DAY_MS: u64 = 86_400_000;
