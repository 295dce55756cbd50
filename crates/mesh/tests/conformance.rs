//! What the crate keeps in memory keeps the rules of its own ports.

use std::sync::Arc;

use maily_mesh::account::GossipAccounts;
use maily_mesh::memory::{HashEmbedder, LocalAccounts, LocalGossip, LocalTranscripts, VolatileArchive};
use maily_mesh::recall::Memories;
use maily_mesh::{NodeConfig, Origin};

maily_mesh::conformance!(embed, HashEmbedder);
maily_mesh::conformance!(nodes, {
    let mut node = NodeConfig::new("a", "echo:");
    node.origin = Origin::new("list");
    maily_mesh::memory::nodes([node])
});
maily_mesh::conformance!(recall, Memories::new(HashEmbedder));
maily_mesh::conformance!(archive, VolatileArchive::default());
maily_mesh::conformance!(gossip, LocalGossip::pair());
maily_mesh::conformance!(accounts, LocalAccounts::default());
maily_mesh::conformance!(transcripts, LocalTranscripts::default());

mod over_gossip {
    use super::*;

    maily_mesh::conformance!(accounts, {
        let gossip = Arc::new(LocalGossip::new("east"));
        let behind = Arc::new(LocalAccounts::default());
        GossipAccounts::new(gossip, behind, ["east".into()]).expect("one owner")
    });
}
