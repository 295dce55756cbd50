//! What keys may spend, and where that is kept: in memory, in a file, with other instances, on a server.

use std::fmt;
use std::sync::Arc;

use maily_accounts_store::StoreAccounts;
use maily_errors::{Code, Error, Public};
use maily_mesh::account::{GossipAccounts, Per};
use maily_mesh::layer::limit::Keys;
use maily_mesh::memory::LocalAccounts;
use maily_mesh::{Accounts, Gossip, Mesh, SharedBy};
use maily_store_redb::RedbConfig;
use tokio::task::JoinSet;

use crate::config::Config;

/// The keys of the mesh, and the task that shares their limits.
pub struct Limits {
    keys: Keys,
    _sharing: JoinSet<()>,
}

/// Adds the keys of the settings to the mesh.
///
/// Budgets that last longer than a minute survive a restart: on the server that instances share, or in `accounts.redb` of
/// the data folder.
///
/// # Errors
///
/// - [`Code::ConfigInvalid`] when limits are shared over a gossip or a Redis that is not set up.
/// - [`Code::RedisDiskCorrupt`], [`Code::RedisDiskFailed`] or [`Code::RedisDiskLocked`] when the file cannot be opened.
pub(super) async fn open(
    config: &Config,
    mesh: &Mesh,
    gossip: Option<Arc<dyn Gossip>>,
) -> Result<Option<Limits>, Error> {
    let limit = &config.mesh.limit;
    let mut sharing = JoinSet::new();
    let accounts: Arc<dyn Accounts> = match limit.shared {
        SharedBy::Redis => {
            let store = super::redis::settings(config).ok_or_else(|| missing("redis.url"))?.build()?;
            Arc::new(StoreAccounts::new(store))
        }
        SharedBy::Gossip => {
            let gossip = gossip.ok_or_else(|| missing("mesh.gossip.key"))?;
            let accounts = GossipAccounts::new(gossip, own(config).await?, limit.owners.clone())?;
            let running = accounts.clone();
            sharing.spawn(async move { running.run().await });
            Arc::new(accounts)
        }
        _ => own(config).await?,
    };
    mesh.keys().share(accounts);
    mesh.keys().configure(limit)?;
    Ok((!limit.keys.is_empty()).then(|| Limits { keys: mesh.keys().clone(), _sharing: sharing }))
}

/// What this instance keeps by itself: a file if there is something to remember.
async fn own(config: &Config) -> Result<Arc<dyn Accounts>, Error> {
    let lasts = |key: &maily_mesh::KeyConfig| key.budget_micros.is_some() && key.per != Per::Minute;
    if !config.mesh.limit.keys.iter().any(lasts) {
        return Ok(Arc::new(LocalAccounts::default()));
    }
    let file = RedbConfig::new(super::data_file(config, "accounts.redb")?).with_cache_bytes(CACHE_BYTES);
    Ok(Arc::new(StoreAccounts::new(file.store().await?).with_minutes_in_memory()))
}

impl Limits {
    /// Gives back what was drawn and not spent, so that others can have it.
    pub async fn give_back(&self) {
        if let Err(err) = self.keys.give_back().await {
            tracing::warn!(code = err.code().name(), error = ?err, "what keys have left is not given back");
        }
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("keys", &self.keys).finish_non_exhaustive()
    }
}

fn missing(key: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, "limits are shared over what is not set up")
        .with_operation("server::limits")
        .with_context("key", Public(key))
}

/// There is one small counter for each budget.
const CACHE_BYTES: usize = 1 << 20;
