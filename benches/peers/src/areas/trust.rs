//! What it costs to prove that a mail was in a batch.

use std::hint::black_box;

use maily_trust::merkle::{Tree, leaf_hash, verify_inclusion};
use rs_merkle::{Hasher as _, MerkleTree, algorithms::Sha256};

use crate::contest::{Bar, Contest};

pub(crate) fn run() {
    let certificates: Vec<Vec<u8>> = (0..LEAVES).map(|index| vec![(index % 251) as u8; 200]).collect();
    Contest::new(AREA, "root of 10,000 certificates", Bar::Peer, || {
        Tree::from_leaves(certificates.iter().map(|certificate| leaf_hash(certificate)).collect()).root()
    })
    .against("rs_merkle 1", || {
        let leaves: Vec<[u8; 32]> =
            certificates.iter().map(|certificate| Sha256::hash(certificate)).collect();
        MerkleTree::<Sha256>::from_leaves(&leaves).root()
    })
    .run();

    let tree = Tree::from_leaves(certificates.iter().map(|certificate| leaf_hash(certificate)).collect());
    let leaves: Vec<[u8; 32]> = certificates.iter().map(|certificate| Sha256::hash(certificate)).collect();
    let theirs = MerkleTree::<Sha256>::from_leaves(&leaves);
    Contest::new(AREA, "inclusion proof in 10,000", Bar::Peer, || {
        tree.inclusion(black_box(LEAF as u64), LEAVES as u64)
    })
    .against("rs_merkle 1", || theirs.proof(&[black_box(LEAF)]))
    .run();

    let root = tree.root();
    let path = tree.inclusion(LEAF as u64, LEAVES as u64).unwrap_or_default();
    let leaf = leaf_hash(&certificates[LEAF]);
    let proof = theirs.proof(&[LEAF]);
    let their_root = theirs.root().unwrap_or_default();
    assert!(verify_inclusion(leaf, LEAF as u64, LEAVES as u64, &path, root).is_ok());
    assert!(proof.verify(their_root, &[LEAF], &[leaves[LEAF]], LEAVES));
    Contest::new(AREA, "verification of an inclusion proof", Bar::Peer, || {
        verify_inclusion(black_box(leaf), LEAF as u64, LEAVES as u64, &path, root)
    })
    .against("rs_merkle 1", || proof.verify(their_root, &[LEAF], &[black_box(leaves[LEAF])], LEAVES))
    .run();
}

const AREA: &str = "trust";
/// Certificates of one batch.
const LEAVES: usize = 10_000;
/// The one that is proven.
const LEAF: usize = 4_711;
