//! What the crate keeps in memory keeps the rules of its own ports.

use maily_mesh::memory::{ExactIndex, HashEmbedder};

maily_mesh::conformance!(embed, HashEmbedder);
maily_mesh::conformance!(recall, ExactIndex::new(HashEmbedder));
