//! Accounts in a store keep every rule of the `accounts` port, in memory and in a file.

use maily_accounts_store::StoreAccounts;
use maily_redis::MemoryStore;
use maily_store_redb::RedbConfig;

maily_mesh::conformance!(accounts, StoreAccounts::new(MemoryStore::default()));

mod in_a_file {
    use super::{RedbConfig, StoreAccounts};

    maily_mesh::conformance!(accounts, {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for the test");
        // Kept below `target`: the file is used until the test ends.
        let path = folder.keep().join("accounts.redb");
        StoreAccounts::new(RedbConfig::new(path).store().await.expect("the file is made"))
    });
}
