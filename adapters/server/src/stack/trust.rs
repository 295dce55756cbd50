//! Trust: the key, the journal and the ledger of the data folder, or a chain.

use std::path::PathBuf;

use maily_errors::{Code, Error, Public};
use maily_ledger_evm::{EvmConfig, EvmLedger};
use maily_ledger_log::LogConfig;
use maily_trust::memory::Ed25519Signer;
use maily_trust::port::Sign as _;
use maily_trust::{Trust, TrustConfig};

use crate::config::{Config, Evm};

/// Returns where the issuer's key lies.
#[must_use]
pub fn key_file(config: &Config) -> PathBuf {
    config.server.data.join("issuer.key")
}

/// Opens the log of the data folder; the first time it makes a key.
///
/// # Errors
///
/// - [`Code::KeyInvalid`] when the key file is damaged.
/// - [`Code::LedgerCorrupt`] or [`Code::LedgerLocked`] for the log.
pub async fn open(config: &Config) -> Result<Trust, Error> {
    let log = LogConfig::new(super::data_file(config, "ledger.log")?).build()?;
    let signer = Ed25519Signer::load_or_create(&key_file(config), &config.trust.origin)?;
    let (name, origin) = (signer.key().name(), config.trust.origin.as_str());
    if name != origin {
        tracing::warn!(name, origin, "`trust.origin` names a new key; the one that is there keeps its name");
    }
    let mut settings = TrustConfig::default();
    settings.public_url = Some(config.trust.public_url.clone()).filter(|url| !url.is_empty());
    match &config.trust.evm {
        evm if evm.url.is_empty() => Trust::open(settings, signer, log.clone(), log).await,
        evm => Trust::open(settings, signer, log, chain(evm).await?).await,
    }
}

async fn chain(evm: &Evm) -> Result<EvmLedger, Error> {
    let key = evm.key.as_ref().map_or("", |key| key.expose());
    let config = EvmConfig::new(evm.url.as_str(), key);
    let contract = evm.contract.parse().map_err(|err| {
        Error::new(Code::ConfigInvalid, "the address of the contract is missing or wrong")
            .with_operation("server::stack::trust")
            .with_context("key", Public("trust.evm.contract"))
            .with_source(Box::<dyn std::error::Error + Send + Sync>::from(err))
    })?;
    config.with_contract(contract).build().await
}
