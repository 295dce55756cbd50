//! Membership in a simulated network: virtual time, seeds, loss, delay, duplicates, partitions.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that says what it measured"
)]

mod convergence;
mod cost;
mod faults;
mod hostile;
mod network;
mod sharing;
