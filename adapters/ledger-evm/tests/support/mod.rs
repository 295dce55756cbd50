//! A real Anvil on a free port, one for each test.

use std::env;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};

use maily_errors::Error;
use maily_ledger_evm::{EvmConfig, EvmLedger};
use maily_trust::model::Receipt;
use maily_trust::port::Call;
use tower::Service;

/// The first account of every Anvil; its key is published.
pub const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// A node that ends with this value.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts a node, or says how to get one and returns nothing.
    pub fn start() -> Option<Self> {
        let Some(binary) = binary() else {
            maily_errors::testing::missing(
                "anvil",
                "npm ci in adapters/ledger-evm/tests/anvil, or MAILY_ANVIL=PATH",
            );
            return None;
        };
        let mut child = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0", "--threads", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listening = lines.map_while(Result::ok).find_map(|line| {
            line.strip_prefix("Listening on 127.0.0.1:").and_then(|port| port.trim().parse().ok())
        });
        Some(Self { child, port: listening.unwrap() })
    }

    pub fn config(&self) -> EvmConfig {
        let mut config = EvmConfig::new(format!("http://127.0.0.1:{}", self.port), KEY);
        config.poll_ms = 20;
        config
    }

    /// Puts the contract onto the chain and connects to it.
    pub async fn ledger(self) -> Held {
        let contract = self.config().deploy().await.unwrap();
        let ledger = self.config().with_contract(contract).build().await.unwrap();
        Held { ledger, node: Arc::new(self) }
    }

    /// Asks the node something that the adapter does not need.
    pub fn rpc(&self, method: &str, params: &str) -> String {
        use std::io::{Read as _, Write as _};
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
        write!(socket, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split("\r\n\r\n").nth(1).unwrap().to_owned()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A ledger that keeps its node alive.
#[derive(Clone, Debug)]
pub struct Held {
    pub ledger: EvmLedger,
    pub node: Arc<Anvil>,
}

impl Service<Call> for Held {
    type Response = Receipt;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Receipt, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.ledger.poll_ready(cx)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (node, answer) = (Arc::clone(&self.node), self.ledger.call(call));
        Box::pin(async move {
            let answer = answer.await;
            drop(node);
            answer
        })
    }
}

/// Finds the binary: `MAILY_ANVIL`, or what npm installed here.
fn binary() -> Option<PathBuf> {
    if let Some(path) = env::var_os("MAILY_ANVIL") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let modules = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/anvil/node_modules/@foundry-rs");
    let folders = modules.read_dir().ok()?.filter_map(Result::ok);
    folders.map(|folder| folder.path().join("bin/anvil")).find(|path| path.exists())
}
