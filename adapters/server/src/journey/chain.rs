//! The same checkpoint on an EVM chain, when one can be started here.

use std::ffi::OsString;
use std::process::Stdio;

use maily_errors::{Code, Error};
use maily_ledger_evm::EvmConfig;
use maily_trust::checkpoint::Checkpoint;
use maily_trust::port::Call;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tower::ServiceExt;

/// The first account of every Anvil. Its key is published: it holds nothing but play money.
const ACCOUNT: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// Anchors a checkpoint on a chain of its own, and says where; or says what is missing for that.
pub(super) async fn anchor(note: &[u8]) -> Result<String, Error> {
    let Some((_chain, url)) = start().await else {
        return Ok("without a chain: Anvil is not installed (`npm install @foundry-rs/anvil`)".to_owned());
    };
    let checkpoint = Checkpoint::parse(&String::from_utf8_lossy(note))?;
    let config = EvmConfig::new(url, ACCOUNT);
    let contract = config.deploy().await?;
    let ledger = config.with_contract(contract).build().await?;
    let receipt = ledger.oneshot(Call::Anchor(checkpoint)).await?;
    Ok(format!("anchored on {} in block {}, contract {contract}", receipt.ledger, receipt.position))
}

/// Starts Anvil on a free loopback port; it ends when the process is dropped.
async fn start() -> Option<(Child, String)> {
    let binary = std::env::var_os("MAILY_ANVIL").unwrap_or_else(|| OsString::from("anvil"));
    let mut chain = Command::new(binary)
        .args(["--host", "127.0.0.1", "--port", "0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut lines = BufReader::new(chain.stdout.take()?).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix("Listening on ") {
            return Some((chain, format!("http://{}", address.trim())));
        }
    }
    let ended = Error::new(Code::ComponentMissing, "Anvil ended before it listened");
    tracing::warn!(error = ?ended, "the journey goes on without a chain");
    None
}
