//! Settings.

use std::time::Duration;

use alloy::primitives::Address;
use alloy::signers::local::PrivateKeySigner;
use maily_errors::{Code, Error, Public, Secret};
use serde::Deserialize;

use crate::client::EvmLedger;
use crate::node::{Node, parse_url};

/// Settings of the ledger. A key that is unknown is an error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[non_exhaustive]
#[serde(deny_unknown_fields)]
pub struct EvmConfig {
    /// The JSON-RPC address of a node, `http` or `https`.
    pub url: Secret<String>,
    /// The private key of the account that anchors and pays: 64 hexadecimal digits.
    pub key: Secret<String>,
    /// The address of the contract. Without it, [`deploy`](Self::deploy) puts one there.
    #[serde(default)]
    pub contract: Option<Address>,
    /// The block from which anchors are looked for; that of the contract saves the node work.
    #[serde(default)]
    pub from_block: u64,
    /// How many blocks, its own included, stand on an anchor before it is acknowledged; 1 or more.
    #[serde(default = "one")]
    pub confirmations: u64,
    /// How often the node is asked for a receipt, in milliseconds.
    #[serde(default = "poll_ms")]
    pub poll_ms: u64,
    /// How long one request may take, in milliseconds.
    #[serde(default = "request_ms")]
    pub request_ms: u64,
    /// How long an anchor may take, in milliseconds, before the answer is `anchor-pending`.
    #[serde(default = "anchor_ms")]
    pub anchor_ms: u64,
}

impl EvmConfig {
    /// Names a node and the key of an account.
    #[must_use]
    pub fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            url: Secret::new(url.into()),
            key: Secret::new(key.into()),
            contract: None,
            from_block: 0,
            confirmations: one(),
            poll_ms: poll_ms(),
            request_ms: request_ms(),
            anchor_ms: anchor_ms(),
        }
    }

    /// Uses the contract at this address.
    #[must_use]
    pub const fn with_contract(mut self, contract: Address) -> Self {
        self.contract = Some(contract);
        self
    }

    /// Waits for this many blocks, the anchor's own included.
    #[must_use]
    pub const fn with_confirmations(mut self, confirmations: u64) -> Self {
        self.confirmations = confirmations;
        self
    }

    /// Connects: asks the node for its chain once, and whether the contract answers.
    ///
    /// # Errors
    ///
    /// - [`Code::ConfigInvalid`] when a setting is wrong or there is no contract.
    /// - [`Code::LedgerUnreachable`] when the node does not answer.
    /// - [`Code::LedgerRejected`] when the contract is another one.
    pub async fn build(&self) -> Result<EvmLedger, Error> {
        let contract =
            self.contract.ok_or_else(|| invalid("contract", "the address of the contract is missing"))?;
        EvmLedger::connect(self.clone(), self.node().await?, contract).await
    }

    /// Puts the contract onto the chain and returns its address, to be kept in the configuration.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub async fn deploy(&self) -> Result<Address, Error> {
        EvmLedger::deploy(self, &self.node().await?).await
    }

    async fn node(&self) -> Result<Node, Error> {
        let url =
            parse_url(self.url.expose()).ok_or_else(|| invalid("url", "the address is no http address"))?;
        let signer: PrivateKeySigner =
            self.key.expose().trim().parse().map_err(|_| invalid("key", "the key is no private key"))?;
        if self.confirmations == 0 || self.poll_ms == 0 || self.request_ms == 0 {
            return Err(invalid("confirmations", "confirmations and times are 1 or more"));
        }
        Node::connect(url, signer, Duration::from_millis(self.request_ms)).await
    }
}

fn invalid(key: &'static str, message: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, message)
        .with_operation("ledger_evm::config")
        .with_context("key", Public(key))
}

const fn one() -> u64 {
    1
}

const fn poll_ms() -> u64 {
    250
}

const fn request_ms() -> u64 {
    10_000
}

const fn anchor_ms() -> u64 {
    120_000
}
