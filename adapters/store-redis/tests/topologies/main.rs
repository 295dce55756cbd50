//! A store on one server, behind sentinels and in a cluster, with TLS and without, through faults on real processes.
#![cfg(feature = "conformance")]
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests that say what they measured"
)]

mod cluster;
mod rules;
mod sentinel;
mod support;
mod tls;
mod vote;
