//! The near cache on real servers and real processes: never stale for good, loaded once, stale rather than nothing.
#![cfg(feature = "conformance")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "tests that say what they measured")]

mod cluster;
mod failing;
mod stale;
mod stampede;
mod worker;
