//! The store in memory keeps every rule of the ports that a store has.
#![cfg(feature = "conformance")]

use maily_redis::MemoryStore;

maily_redis::conformance!(bus, MemoryStore::default());
maily_redis::conformance!(jobs, MemoryStore::default());
maily_redis::conformance!(store, MemoryStore::default());
maily_redis::conformance!(lock, MemoryStore::default());
maily_redis::conformance!(limit, MemoryStore::default());
maily_redis::conformance!(idempotency, MemoryStore::default());
maily_redis::conformance!(cache, MemoryStore::default());
