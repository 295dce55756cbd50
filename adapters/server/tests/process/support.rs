//! A real `maily` process on a free loopback port, and a client for it.

use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A served process; it is killed when this is dropped.
pub(crate) struct Maily {
    pub(crate) address: String,
    pub(crate) process: Child,
}

impl Maily {
    /// Starts `maily serve CORE` with these further arguments and waits until it says where it listens.
    pub(crate) async fn serve(core: &str, data: &Path, more: &[&str]) -> Self {
        let mut process = command(&["serve", core, "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some((_, address)) = line.split_once("http://") {
                let address = address.trim_end_matches('/').to_owned();
                return Self { address, process };
            }
        }
        panic!("the server ended before it listened: {:?}", process.wait().await);
    }

    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> (StatusCode, Bytes) {
        self.try_send(request, body).await.unwrap()
    }

    /// Sends a request; `None` if the server is gone before the answer is whole.
    pub(crate) async fn try_send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Option<(StatusCode, Bytes)> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = request.body(Full::new(body.into())).unwrap();
        let response: Response<_> = client.request(request).await.ok()?;
        let status = response.status();
        Some((status, response.into_body().collect().await.ok()?.to_bytes()))
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Bytes) {
        self.send(Request::get(self.url(path)), Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> (StatusCode, Bytes) {
        self.send(Request::post(self.url(path)), body).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The binary under test, with nothing of this machine's settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maily"));
    command.args(arguments).kill_on_drop(true).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MAILY__")) {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end: exit code, standard output, standard error.
pub(crate) async fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = command(arguments).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Returns the catalogue name in a problem document.
pub(crate) fn code(body: &[u8]) -> String {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap();
    problem["code"].as_str().unwrap_or_default().to_owned()
}
