//! A real `maily` process that exports its spans.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::node::Fleet;

const PROMPT: &str = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Count to three"}]}"#;

/// A served process; it is killed when this is dropped.
pub(crate) struct Server {
    address: String,
    process: Child,
    log: Arc<Log>,
    tasks: JoinSet<()>,
    _data: TempDir,
}

#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grew: Notify,
}

impl Server {
    /// Starts a gateway to a fleet; `more` is added to the section `telemetry`.
    pub(crate) async fn start(fleet: &Fleet, collector: &str, more: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let settings = data.path().join("maily.toml");
        // A second node is asked soon, and what fails is repeated at once.
        let mut text =
            "[mesh.hedge]\nunknown_wait_ms = 200\nmin_wait_ms = 200\n[mesh.retry]\nmax_wait_ms = 10\n"
                .to_owned();
        for (at, url) in fleet.urls().enumerate() {
            text += &format!("[[mesh.nodes]]\nname = \"n{at}\"\nurl = \"{url}\"\n");
        }
        text += &format!("[telemetry]\notlp = \"{collector}\"\n{more}\n");
        std::fs::write(&settings, text).unwrap();

        let mut process = Command::new(env!("CARGO_BIN_EXE_maily"))
            .args(["serve", "mesh", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .arg("--config")
            .arg(settings)
            .env_remove("MAILY_LOG")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (log, mut tasks) = (Arc::<Log>::default(), JoinSet::new());
        let mut errors = BufReader::new(process.stderr.take().unwrap()).lines();
        let kept = log.clone();
        tasks.spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                kept.text.lock().push_str(&(line + "\n"));
                kept.grew.notify_waiters();
            }
        });
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, address)) = line.split_once("http://") {
                return Self { address: address.to_owned(), process, log, tasks, _data: data };
            }
        }
        panic!("the server ended before it listened: {}", log.text.lock());
    }

    /// Sends a prompt with these headers and reads the whole stream.
    pub(crate) async fn stream(&self, headers: &str) {
        let answer = self.send("POST /v1/chat/completions", headers, PROMPT).await;
        assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
    }

    pub(crate) async fn send(&self, what: &str, headers: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "{what} HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        socket.write_all((head + body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Reads a counter; zero if it is not there.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let all = self.send("GET /metrics", "", "").await;
        let value = all.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or(0)
    }

    /// Waits until the log has this.
    pub(crate) async fn log_has(&self, what: &str) {
        let said = async {
            loop {
                let grew = self.log.grew.notified();
                if self.log.text.lock().contains(what) {
                    return;
                }
                grew.await;
            }
        };
        let said = tokio::time::timeout(Duration::from_secs(30), said).await;
        assert!(said.is_ok(), "{what} in {}", self.log.text.lock());
    }

    /// Asks it to stop, waits for its end, and returns what it logged.
    pub(crate) async fn end(mut self) -> String {
        let id = self.process.id().unwrap().to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(self.process.wait().await.unwrap().success());
        while self.tasks.join_next().await.is_some() {}
        self.log.text.lock().clone()
    }
}
