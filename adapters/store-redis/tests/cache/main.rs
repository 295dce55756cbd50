//! The near cache on real servers and real processes: never stale for good, loaded once, stale rather than nothing.
#![cfg(feature = "conformance")]

mod cluster;
mod failing;
mod stale;
mod stampede;
mod worker;
