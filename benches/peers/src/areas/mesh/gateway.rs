//! A gateway as a process, and what it costs.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::load::{Kind, once};

/// A gateway that answers.
pub(super) struct Gateway {
    child: Child,
    pub(super) address: SocketAddr,
    /// From the start of the process to its first answer.
    pub(super) started: Duration,
}

impl Gateway {
    /// Starts a command in a process group of its own and waits until it answers a prompt.
    pub(super) fn start(
        runtime: &Runtime,
        command: &mut Command,
        address: SocketAddr,
    ) -> Result<Self, String> {
        let begin = Instant::now();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let child = command.spawn().map_err(|err| format!("{:?}: {err}", command.get_program()))?;
        let mut gateway = Self { child, address, started: Duration::ZERO };
        while begin.elapsed() < READY {
            if runtime.block_on(once(address, Kind::Object, &mut None)).is_some() {
                gateway.started = begin.elapsed();
                return Ok(gateway);
            }
            if let Ok(Some(status)) = gateway.child.try_wait() {
                return Err(format!("it ended at its start: {status}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(format!("it did not answer within {} s", READY.as_secs()))
    }

    /// The processor time of all its processes, to 10 ms.
    pub(super) fn cpu(&self) -> Duration {
        let of = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name, in parentheses, may hold blanks.
            let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let ticks = |field: &str| field.parse::<u64>().ok();
            Some(Duration::from_millis(10 * (ticks(fields[11])? + ticks(fields[12])?)))
        };
        self.tree().iter().filter_map(of).sum()
    }

    /// The resident memory of all its processes, in MB.
    pub(super) fn memory_mb(&self) -> f64 {
        let of = |pid: &u32| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()
        };
        self.tree().iter().filter_map(of).sum::<f64>() / 1024.0
    }

    /// The process and everything that it started.
    fn tree(&self) -> Vec<u32> {
        let mut tree = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = tree.get(next).copied() {
            next += 1;
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                tree.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
        }
        tree
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let signal =
            |name: &str| Command::new("kill").args([name, "--", &group]).stderr(Stdio::null()).status();
        signal("-TERM").ok();
        let asked = Instant::now();
        while asked.elapsed() < LEAVE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        signal("-KILL").ok();
        self.child.wait().ok();
    }
}

/// Returns an address that is free now.
pub(super) fn free_address() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("a bound socket has an address")
}

const READY: Duration = Duration::from_secs(60);
const LEAVE: Duration = Duration::from_secs(3);
