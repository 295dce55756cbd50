//! Budgets of several instances over a simulated network: seeds, loss, partitions, restarts, clocks that differ.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a test that says what it measured")]

mod budgets;
mod fleet;
#[expect(dead_code, reason = "the tests of the membership ask more of it")]
#[path = "../membership/network.rs"]
mod network;
mod windows;
