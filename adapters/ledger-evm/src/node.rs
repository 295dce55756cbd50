//! One node: requests with a limit, transactions signed here.

use std::future::IntoFuture;
use std::time::Duration;

use alloy::consensus::Transaction as _;
use alloy::eips::{BlockNumberOrTag, Encodable2718 as _};
use alloy::network::{Ethereum, EthereumWallet, NetworkTransactionBuilder as _, TransactionBuilder as _};
use alloy::primitives::{Address, B256, Bytes, TxKind};
use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::types::{Block, Filter, Log, TransactionReceipt, TransactionRequest};
use alloy::signers::local::PrivateKeySigner;
use alloy::transports::TransportResult;
use alloy::transports::http::reqwest::Url;
use maily_errors::Error;
use maily_trust::model::Finality;
use tokio::time::timeout;

use crate::error;

/// Reads the address of a node.
pub(crate) fn parse_url(text: &str) -> Option<Url> {
    text.parse::<Url>().ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// A node of a chain, and the account that pays.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    provider: RootProvider<Ethereum>,
    wallet: EthereumWallet,
    account: Address,
    chain: u64,
    limit: Duration,
}

/// A block that the chain holds now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) time_s: u64,
    pub(crate) finality: Finality,
}

impl Node {
    pub(crate) async fn connect(url: Url, signer: PrivateKeySigner, limit: Duration) -> Result<Self, Error> {
        let account = signer.address();
        let provider = RootProvider::new_http(url);
        let mut node = Self { provider, wallet: EthereumWallet::new(signer), account, chain: 0, limit };
        node.chain = node.ask("ledger_evm::connect", node.provider.get_chain_id()).await?;
        Ok(node)
    }

    pub(crate) const fn account(&self) -> Address {
        self.account
    }

    pub(crate) const fn chain(&self) -> u64 {
        self.chain
    }

    pub(crate) async fn call(&self, to: Address, input: Bytes) -> Result<Bytes, Error> {
        let request = TransactionRequest::default().with_to(to).with_input(input);
        self.ask("ledger_evm::call", self.provider.call(request)).await
    }

    pub(crate) async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, Error> {
        self.ask("ledger_evm::lookup", self.provider.get_logs(filter)).await
    }

    pub(crate) async fn receipt(&self, transaction: B256) -> Result<Option<TransactionReceipt>, Error> {
        self.ask("ledger_evm::receipt", self.provider.get_transaction_receipt(transaction)).await
    }

    pub(crate) async fn height(&self) -> Result<u64, Error> {
        self.ask("ledger_evm::height", self.provider.get_block_number()).await
    }

    /// Signs a transaction with the next nonce of the account. Nothing is sent yet.
    ///
    /// The nonce is asked each time: a number that is counted here goes wrong with the first lost send.
    pub(crate) async fn sign(&self, to: TxKind, input: Bytes) -> Result<(B256, Vec<u8>), Error> {
        let mut request = TransactionRequest::default().with_from(self.account).with_input(input);
        request.to = Some(to);
        let gas = self.ask("ledger_evm::estimate", self.provider.estimate_gas(request.clone())).await?;
        let fees = self.ask("ledger_evm::fees", self.provider.estimate_eip1559_fees()).await?;
        let nonce = self.provider.get_transaction_count(self.account).pending();
        let nonce = self.ask("ledger_evm::nonce", nonce).await?;
        let envelope = request
            .with_chain_id(self.chain)
            .with_nonce(nonce)
            // The first anchor of an account writes fresh words; what is not used is not paid.
            .with_gas_limit(gas + gas / 5)
            .with_max_fee_per_gas(fees.max_fee_per_gas)
            .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas)
            .build(&self.wallet)
            .await
            .map_err(error::unsigned)?;
        debug_assert_eq!(envelope.nonce(), nonce);
        Ok((*envelope.tx_hash(), envelope.encoded_2718()))
    }

    /// Sends a signed transaction. Sending one again is harmless.
    pub(crate) async fn send(&self, signed: &[u8]) -> Result<(), Error> {
        self.ask("ledger_evm::send", self.provider.send_raw_transaction(signed)).await.map(|_| ())
    }

    /// Returns the block of this number if it still has this hash, and how firmly it stands.
    ///
    /// The height alone does not tell: after a reorganization it may be the same.
    pub(crate) async fn standing(&self, number: u64, hash: B256) -> Result<Option<Standing>, Error> {
        let Some(block) = self.block(number.into()).await?.filter(|block| block.header.hash == hash) else {
            return Ok(None);
        };
        let mut finality = Finality::Included;
        for (tag, reached) in
            [(BlockNumberOrTag::Safe, Finality::Safe), (BlockNumberOrTag::Finalized, Finality::Finalized)]
        {
            // Young chains and some nodes do not know these words.
            let newest = self.block(tag).await.ok().flatten();
            if newest.is_some_and(|newest| newest.header.number >= number) {
                finality = reached;
            }
        }
        Ok(Some(Standing { number, hash, time_s: block.header.timestamp, finality }))
    }

    async fn block(&self, block: BlockNumberOrTag) -> Result<Option<Block>, Error> {
        self.ask("ledger_evm::block", self.provider.get_block_by_number(block)).await
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        request: impl IntoFuture<Output = TransportResult<T>>,
    ) -> Result<T, Error> {
        let answer = timeout(self.limit, request.into_future()).await;
        let limit_ms = u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX);
        answer
            .map_err(|_| error::timed_out(operation, limit_ms))?
            .map_err(|err| error::request(operation, err))
    }
}
