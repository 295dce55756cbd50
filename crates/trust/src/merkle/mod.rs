//! Merkle trees as RFC 9162 (and RFC 6962) hash them: append, prove, verify.
//!
//! A leaf is hashed with prefix `0x00` and a node with `0x01`, so neither can pass for the other.
//!
//! # Examples
//!
//! ```
//! use maily_trust::merkle::{Tree, leaf_hash, verify_inclusion};
//!
//! let tree: Tree = ["a", "b", "c"].map(|text| leaf_hash(text.as_bytes())).into_iter().collect();
//! let path = tree.inclusion(1, tree.len())?;
//!
//! assert!(verify_inclusion(leaf_hash(b"b"), 1, tree.len(), &path, tree.root()).is_ok());
//! assert!(verify_inclusion(leaf_hash(b"x"), 1, tree.len(), &path, tree.root()).is_err());
//! # Ok::<(), maily_errors::Error>(())
//! ```

mod hash;
mod tree;
mod verify;

pub use self::hash::{Hash, empty_root, leaf_hash, node_hash};
pub use self::tree::Tree;
pub use self::verify::{root_of_inclusion, verify_consistency, verify_inclusion};

#[cfg(test)]
mod tests;
