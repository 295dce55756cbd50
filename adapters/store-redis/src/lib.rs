//! Redis and Valkey through redis-rs
