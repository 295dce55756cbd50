//! Several `maily serve mesh` processes that share nodes, on real sockets, and what can happen to them.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that says what it measured"
)]

mod budget;
mod idle;
mod kill;
mod large;
mod leave;
mod network;
mod node;
mod partition;
mod resume;
mod support;
