//! The reference server, in this process, in front of a fleet.

use maily_mesh::NodeConfig;
use maily_server::cli::Core;
use maily_server::config::Config;
use maily_server::journey::Live;
use maily_server::stack::{self, Started};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::Fleet;

/// A prompt whose answer is a stream.
pub(crate) const PROMPT: &str =
    r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Count to three"}]}"#;

/// A running server; its tasks end with the runtime of the test.
pub(crate) struct Server {
    started: Started,
    _data: TempDir,
}

impl Server {
    pub(crate) async fn start(fleet: &Fleet) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.server.data = data.path().into();
        config.mesh.nodes =
            fleet.urls().enumerate().map(|(at, url)| NodeConfig::new(format!("n{at}"), url)).collect();
        // A second node is asked soon, and what fails is repeated at once.
        (config.mesh.hedge.unknown_wait_ms, config.mesh.hedge.min_wait_ms) = (200, 200);
        config.mesh.retry.max_wait_ms = 10;
        let started = stack::start(&config, &[Core::Mesh], Live::default()).await.unwrap();
        Self { started, _data: data }
    }

    pub(crate) fn address(&self) -> String {
        self.started.running.address().to_string()
    }

    /// Sends a prompt with these headers and reads the whole stream.
    pub(crate) async fn stream(&self, headers: &str) {
        let mut socket = TcpStream::connect(self.address()).await.unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.0\r\nhost: {}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            self.address(),
            PROMPT.len()
        );
        socket.write_all((head + PROMPT).as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("data: [DONE]\n\n"), "{answer}");
    }
}
