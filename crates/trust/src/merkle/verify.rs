//! Checking a proof without the tree.

use maily_errors::{Code, Error};

use super::hash::{Hash, node_hash};

/// Computes the root that an inclusion path leads to.
///
/// # Errors
///
/// [`Code::MerkleInvalid`] when `index >= size`, or when the path is too short or too long for them.
///
/// Source: RFC 9162, section 2.1.3.2.
pub fn root_of_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, Error> {
    let refused = || Error::new(Code::MerkleInvalid, "the inclusion path does not fit the tree");
    if index >= size {
        return Err(refused());
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return Err(refused());
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 { Ok(hash) } else { Err(refused()) }
}

/// Checks that a leaf is in the tree with this root.
///
/// # Errors
///
/// [`Code::MerkleInvalid`] when it is not.
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: Hash) -> Result<(), Error> {
    if root_of_inclusion(leaf, index, size, path)? == root {
        return Ok(());
    }
    Err(Error::new(Code::MerkleInvalid, "the inclusion path leads to another root"))
}

/// Checks that the tree of `old` leaves is a prefix of the tree of `new` leaves.
///
/// # Errors
///
/// [`Code::MerkleInvalid`] when it is not, and always when `old` is 0: everything follows from nothing, so
/// such a proof would prove nothing.
///
/// Source: RFC 9162, section 2.1.4.2.
pub fn verify_consistency(
    old: u64,
    new: u64,
    path: &[Hash],
    old_root: Hash,
    new_root: Hash,
) -> Result<(), Error> {
    let refused = |message| Err(Error::new(Code::MerkleInvalid, message));
    if old == 0 || old > new {
        return refused("a consistency proof begins at a tree that is not empty and not larger");
    }
    if old == new {
        let same = path.is_empty() && old_root == new_root;
        return if same { Ok(()) } else { refused("trees of one size have one root and an empty proof") };
    }
    // The RFC prepends the old root when the old tree is complete.
    let (mut old_hash, rest) = match path {
        _ if old.is_power_of_two() => (old_root, path),
        [first, rest @ ..] => (*first, rest),
        [] => return refused("the consistency proof is empty"),
    };
    let mut new_hash = old_hash;
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    for hash in rest {
        if last == 0 {
            return refused("the consistency proof is too long");
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(hash, &old_hash);
            new_hash = node_hash(hash, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && old_hash == old_root && new_hash == new_root {
        return Ok(());
    }
    refused("the consistency proof leads to another root")
}
