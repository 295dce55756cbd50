//! The calls.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::primitives::{Address, B256, TxKind};
use alloy::rpc::types::{Filter, Log, TransactionReceipt};
use alloy::sol_types::SolEvent as _;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use maily_errors::Error;
use maily_trust::checkpoint::Checkpoint;
use maily_trust::model::{Finality, Receipt};
use maily_trust::port::Call;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tower_service::Service;
use tracing::{debug, trace};

use crate::config::EvmConfig;
use crate::contract::{self, Anchored};
use crate::error;
use crate::node::{Node, Standing};

/// A ledger on a chain. Cheap to clone; all clones send one transaction at a time.
#[derive(Clone, Debug)]
pub struct EvmLedger {
    config: Arc<EvmConfig>,
    node: Node,
    contract: Address,
    /// One account sends in one order.
    sending: Arc<Mutex<()>>,
}

impl EvmLedger {
    pub(crate) async fn connect(config: EvmConfig, node: Node, contract: Address) -> Result<Self, Error> {
        let ledger = Self { config: Arc::new(config), node, contract, sending: Arc::default() };
        ledger.head().await?;
        Ok(ledger)
    }

    pub(crate) async fn deploy(config: &EvmConfig, node: &Node) -> Result<Address, Error> {
        let (hash, signed) = node.sign(TxKind::Create, contract::bytecode()).await?;
        let mined = mined(config, node, hash, &signed).await?;
        mined.contract.ok_or_else(error::not_the_contract)
    }

    /// Asks again how firmly the chain holds an anchor, by the receipt of its transaction and the hash of
    /// its block.
    ///
    /// # Errors
    ///
    /// [`Code::LedgerUnreachable`](maily_errors::Code::LedgerUnreachable) when the node does not answer.
    pub async fn finality(&self, receipt: &Receipt) -> Result<Finality, Error> {
        let Some((transaction, block)) = locate(receipt) else { return Ok(Finality::Pending) };
        let mined = self.node.receipt(transaction).await?;
        let there = mined.is_some_and(|mined| mined.block_hash == Some(block));
        match self.node.standing(receipt.position, block).await? {
            Some(standing) if there => Ok(standing.finality),
            _ => Ok(Finality::Reorged),
        }
    }

    /// Returns the account that anchors.
    #[must_use]
    pub const fn account(&self) -> Address {
        self.node.account()
    }

    async fn anchor(self, checkpoint: Checkpoint) -> Result<Receipt, Error> {
        let _sending = self.sending.lock().await;
        let last = self.head().await?;
        if last >= checkpoint.size() {
            // Either this very checkpoint, from a time when nobody heard the answer, or another history.
            return match self.find(&checkpoint).await? {
                Some(receipt) => Ok(receipt),
                None => Err(error::rejected(checkpoint.size(), last)),
            };
        }
        let root = B256::from(*checkpoint.root().as_bytes());
        let input = contract::anchor(root, checkpoint.size());
        let (hash, signed) = self.node.sign(TxKind::Call(self.contract), input).await?;
        let mined = mined(&self.config, &self.node, hash, &signed).await?;
        debug!(gas = mined.gas_used, size = checkpoint.size(), block = mined.standing.number, "anchored");
        Ok(self.receipt(hash, mined.standing))
    }

    async fn lookup(self, checkpoint: Checkpoint) -> Result<Receipt, Error> {
        self.find(&checkpoint).await?.ok_or_else(|| error::pending("ledger_evm::lookup"))
    }

    /// Reads the size of the newest checkpoint, by `eth_call`.
    async fn head(&self) -> Result<u64, Error> {
        let answer = self.node.call(self.contract, contract::head(self.node.account())).await?;
        contract::head_size(&answer).ok_or_else(error::not_the_contract)
    }

    /// Finds a checkpoint by its event.
    async fn find(&self, checkpoint: &Checkpoint) -> Result<Option<Receipt>, Error> {
        let filter = Filter::new()
            .address(self.contract)
            .event_signature(Anchored::SIGNATURE_HASH)
            .topic1(self.node.account().into_word())
            .topic2(B256::from(*checkpoint.root().as_bytes()))
            .from_block(self.config.from_block);
        let same = |log: &Log| {
            let event = Anchored::decode_log_data(log.data());
            event.is_ok_and(|event| event.size == checkpoint.size())
        };
        let logs = self.node.logs(&filter).await?;
        let found = logs
            .iter()
            .find(|log| same(log))
            .and_then(|log| Some((log.transaction_hash?, log.block_number?, log.block_hash?)));
        let Some((transaction, number, hash)) = found else { return Ok(None) };
        let standing = self.node.standing(number, hash).await?;
        Ok(standing.map(|standing| self.receipt(transaction, standing)))
    }

    fn receipt(&self, transaction: B256, standing: Standing) -> Receipt {
        Receipt {
            ledger: format!("eip155:{}", self.node.chain()),
            position: standing.number,
            anchored_at_ms: standing.time_s.saturating_mul(1_000),
            finality: standing.finality,
            locator: [self.contract.as_slice(), transaction.as_slice(), standing.hash.as_slice()].concat(),
        }
    }
}

impl Service<Call> for EvmLedger {
    type Response = Receipt;
    type Error = Error;
    // An `async fn` has no name that could stand here.
    type Future = BoxFuture<'static, Result<Receipt, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let ledger = self.clone();
        match call {
            Call::Anchor(checkpoint) => ledger.anchor(checkpoint).boxed(),
            Call::Lookup(checkpoint) => ledger.lookup(checkpoint).boxed(),
            _ => std::future::ready(Err(error::unsupported())).boxed(),
        }
    }
}

/// A transaction in a block with enough blocks on it.
struct Mined {
    standing: Standing,
    contract: Option<Address>,
    gas_used: u64,
}

/// Sends a transaction and waits until enough blocks stand on it.
///
/// Asks for the receipt and for the hash of its block each time, and sends again when a reorganization
/// dropped it. alloy's own watcher does neither.
async fn mined(config: &EvmConfig, node: &Node, hash: B256, signed: &[u8]) -> Result<Mined, Error> {
    node.send(signed).await?;
    let poll = async {
        loop {
            match node.receipt(hash).await? {
                Some(receipt) => {
                    if let Some(mined) = confirmed(config, node, &receipt).await? {
                        return Ok(mined);
                    }
                }
                // It waits in the pool, or a reorganization dropped it. Sending it again heals the second,
                // and in the first case the node says that it knows it.
                None => {
                    if let Err(err) = node.send(signed).await {
                        trace!(transaction = %hash, error = %err, "the node did not take the anchor again");
                    }
                }
            }
            sleep(Duration::from_millis(config.poll_ms)).await;
        }
    };
    let limit = Duration::from_millis(config.anchor_ms);
    timeout(limit, poll).await.unwrap_or_else(|_| Err(error::pending("ledger_evm::anchor")))
}

async fn confirmed(
    config: &EvmConfig,
    node: &Node,
    receipt: &TransactionReceipt,
) -> Result<Option<Mined>, Error> {
    let (Some(number), Some(block)) = (receipt.block_number, receipt.block_hash) else { return Ok(None) };
    if !receipt.status() {
        return Err(error::reverted(receipt.gas_used));
    }
    if node.height().await? + 1 < number + config.confirmations {
        return Ok(None);
    }
    let standing = node.standing(number, block).await?;
    Ok(standing.map(|standing| Mined {
        standing,
        contract: receipt.contract_address,
        gas_used: receipt.gas_used,
    }))
}

/// Reads the hashes of the transaction and of the block from a receipt of this ledger.
fn locate(receipt: &Receipt) -> Option<(B256, B256)> {
    let (_, hashes) = receipt.locator.split_first_chunk::<20>()?;
    let (transaction, block) = hashes.split_first_chunk::<32>()?;
    Some((B256::from(transaction), B256::from(<[u8; 32]>::try_from(block).ok()?)))
}
