use proptest::prelude::*;

use super::*;

/// The leaves and roots of the Certificate Transparency reference tests.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn reference() -> Tree {
    LEAVES.iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap())).collect()
}

fn tree(size: u64) -> Tree {
    (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn roots_agree_with_the_reference_vectors() {
    let tree = reference();

    for (index, root) in ROOTS.iter().enumerate() {
        assert_eq!(tree.root_at(index as u64 + 1).unwrap().to_string(), *root);
    }
    assert_eq!(
        tree.root_at(0).unwrap().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn paths_agree_with_the_reference_vectors() {
    let tree = reference();

    assert_eq!(
        tree.inclusion(0, 8).unwrap(),
        hashes(&[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ])
    );
    assert_eq!(
        tree.consistency(6, 8).unwrap(),
        hashes(&[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ])
    );
}

#[test]
fn consistency_from_size_zero_is_an_error() {
    let tree = tree(4);

    assert!(tree.consistency(0, 4).is_err());
    assert!(verify_consistency(0, 4, &[], empty_root(), tree.root()).is_err());
    assert!(verify_consistency(0, 0, &[], empty_root(), empty_root()).is_err());
}

#[test]
fn hash_of_no_bytes_is_rejected() {
    for length in [0, 16, 31, 33, 64] {
        assert!(Hash::from_slice(&vec![0; length]).is_err());
    }
    assert!("".parse::<Hash>().is_err());
}

#[test]
fn parallel_build_equals_one_by_one() {
    let leaves: Vec<_> = (0..70_001_u64).map(|number| Hash::of(&number.to_be_bytes())).collect();
    let mut slow = Tree::new();
    slow.extend(leaves.iter().copied());

    let fast = Tree::from_leaves(leaves);

    assert_eq!(fast.root(), slow.root());
    assert_eq!(fast.inclusion(70_000, 70_001).unwrap(), slow.inclusion(70_000, 70_001).unwrap());
}

#[test]
fn states_that_never_were_are_refused() {
    let tree = tree(5);

    assert!(tree.root_at(6).is_err());
    assert!(tree.inclusion(5, 5).is_err());
    assert!(tree.inclusion(0, 6).is_err());
    assert!(tree.consistency(4, 3).is_err());
    assert!(tree.consistency(4, 6).is_err());
    assert!(Tree::new().inclusion(0, 0).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_leaf_is_included_and_no_other(size in 1_u64..200, pick in any::<u64>(), flip in any::<u8>()) {
        let tree = tree(size);
        let index = pick % size;
        let leaf = tree.leaf(index).unwrap();
        let path = tree.inclusion(index, size).unwrap();

        verify_inclusion(leaf, index, size, &path, tree.root()).unwrap();

        prop_assert!(verify_inclusion(Hash::of(&[flip]), index, size, &path, tree.root()).is_err());
        prop_assert!(verify_inclusion(leaf, index + size, size, &path, tree.root()).is_err());
        let mut long = path.clone();
        long.push(leaf);
        prop_assert!(verify_inclusion(leaf, index, size, &long, tree.root()).is_err());
        if let Some((_, short)) = path.split_last() {
            prop_assert!(verify_inclusion(leaf, index, size, short, tree.root()).is_err());
            let mut wrong = path.clone();
            wrong[usize::from(flip) % path.len()] = Hash::of(&[flip]);
            prop_assert!(verify_inclusion(leaf, index, size, &wrong, tree.root()).is_err());
        }
    }

    #[test]
    fn every_prefix_is_consistent_and_no_other(new in 1_u64..200, pick in any::<u64>(), flip in any::<u8>()) {
        let tree = tree(new);
        let old = 1 + pick % new;
        let path = tree.consistency(old, new).unwrap();
        let (before, after) = (tree.root_at(old).unwrap(), tree.root());

        verify_consistency(old, new, &path, before, after).unwrap();

        prop_assert!(verify_consistency(old, new, &path, Hash::of(&[flip]), after).is_err());
        prop_assert!(verify_consistency(old, new, &path, before, Hash::of(&[flip])).is_err());
        let mut long = path.clone();
        long.push(before);
        prop_assert!(verify_consistency(old, new, &long, before, after).is_err());
        if let Some((_, short)) = path.split_last() {
            prop_assert!(verify_consistency(old, new, short, before, after).is_err());
        }
    }

    #[test]
    fn growth_keeps_every_earlier_root(size in 1_u64..150) {
        let mut grown = Tree::new();
        for number in 0..size {
            grown.push(leaf_hash(&number.to_be_bytes()));
            prop_assert_eq!(grown.root(), tree(number + 1).root());
        }
    }
}
