//! The other instances of a mesh, and what it shares with them: limits of keys, and streams.

use std::sync::Arc;

use maily_accounts_store::StoreAccounts;
use maily_errors::{Code, Error, Result};
use maily_mesh::account::GossipAccounts;
use maily_mesh::membership::{self, PeerStatus};
use maily_mesh::memory::LocalAccounts;
use maily_mesh::{Accounts, Gossip, LimitConfig, Mesh, MeshConfig, SharedBy};
use maily_transcripts_store::StoreTranscripts;
use pyo3::prelude::*;
use tokio::task::JoinSet;

use super::calls::Calls;
use crate::redis::AnyStore;

/// Another instance of the mesh, as the gossip knows it.
#[pyclass(frozen, get_all, module = "maily.mesh")]
pub(super) struct Peer {
    /// Its name.
    name: String,
    /// Where it takes packets, `HOST:PORT`.
    address: String,
    /// How it is: `alive`, `suspect`, `dead` or `left`.
    status: &'static str,
}

/// Returns where what keys draw is kept, and whom it is shared with: a store on a server is shared by all who use it.
pub(super) fn accounts(
    limit: &LimitConfig,
    gossip: Option<Arc<dyn Gossip>>,
    store: Option<AnyStore>,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<dyn Accounts>> {
    let on_server = matches!(store, Some(AnyStore::Server(_)));
    match limit.shared {
        SharedBy::Redis if !on_server => Err(refused("`redis` needs `accounts`, a store on a server")),
        // Behind a gossip each instance has its own share, and a counter of its own for it.
        SharedBy::Gossip if on_server => {
            Err(refused("`gossip` keeps shares in memory or in a file, not on a server"))
        }
        SharedBy::Gossip => {
            let gossip = gossip.ok_or_else(|| refused("`gossip` needs `gossip.key`"))?;
            let accounts = GossipAccounts::new(gossip, own(store), limit.owners.iter().cloned())?;
            let running = accounts.clone();
            tasks.spawn(async move { running.run().await });
            Ok(Arc::new(accounts))
        }
        _ => Ok(own(store)),
    }
}

/// Keeps resumable streams in a store, if there is one.
pub(super) fn share_streams(config: &MeshConfig, mesh: &Mesh, store: Option<AnyStore>) -> Result<()> {
    match store {
        Some(store) => mesh.share_streams(Arc::new(StoreTranscripts::new(store))),
        None if config.replay.shared => {
            return Err(Error::new(Code::ConfigInvalid, "streams are shared over what is not set up")
                .with_operation("python::mesh")
                .with_violation("/replay/shared", "needs `streams`, a store"));
        }
        None => {}
    }
    Ok(())
}

fn own(store: Option<AnyStore>) -> Arc<dyn Accounts> {
    match store {
        None => Arc::new(LocalAccounts::default()),
        Some(store @ AnyStore::File(_)) => Arc::new(StoreAccounts::new(store).with_minutes_in_memory()),
        Some(store) => Arc::new(StoreAccounts::new(store)),
    }
}

fn refused(detail: &'static str) -> Error {
    Error::new(Code::ConfigInvalid, "limits are shared over what is not set up")
        .with_operation("python::mesh")
        .with_violation("/limit/shared", detail)
}

impl Calls {
    pub(super) fn peers(&self) -> Vec<Peer> {
        self.gossip.iter().flat_map(|gossip| gossip.peers()).map(Peer::from).collect()
    }
}

impl From<membership::Peer> for Peer {
    fn from(peer: membership::Peer) -> Self {
        let status = match peer.status {
            PeerStatus::Alive => "alive",
            PeerStatus::Suspect => "suspect",
            PeerStatus::Left => "left",
            _ => "dead",
        };
        Self { name: peer.name.to_string(), address: peer.address.to_string(), status }
    }
}
