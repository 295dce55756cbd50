//! What the crate keeps in memory keeps the rules of its own ports.

use maily_mesh::memory::{HashEmbedder, LocalGossip, VolatileArchive};
use maily_mesh::recall::Memories;

maily_mesh::conformance!(embed, HashEmbedder);
maily_mesh::conformance!(nodes, maily_mesh::memory::nodes([maily_mesh::NodeConfig::new("a", "echo:")]));
maily_mesh::conformance!(recall, Memories::new(HashEmbedder));
maily_mesh::conformance!(archive, VolatileArchive::default());
maily_mesh::conformance!(gossip, LocalGossip::pair());
