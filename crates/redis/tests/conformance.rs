//! The store in memory keeps every rule of the `store` port.
#![cfg(feature = "conformance")]

use maily_redis::MemoryStore;

maily_redis::conformance!(store, MemoryStore::default());
