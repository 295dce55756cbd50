//! Every port in memory: for documents, tests and the first five minutes.

mod accounts;
mod archive;
mod embedder;
mod gossip;
mod scripted;
mod transcripts;

pub use self::accounts::LocalAccounts;
pub use self::archive::VolatileArchive;
pub use self::embedder::HashEmbedder;
pub use self::gossip::LocalGossip;
pub use self::scripted::{Scripted, Step};
pub use self::transcripts::LocalTranscripts;

use crate::port::{NodeChange, NodeSource};

/// A node source that never changes.
pub fn nodes<N: Send>(nodes: impl IntoIterator<Item = N, IntoIter: Send>) -> impl NodeSource<N> {
    futures_util::stream::iter(nodes.into_iter().map(|node| Ok(NodeChange::Insert(node))))
}

#[cfg(test)]
mod tests;
