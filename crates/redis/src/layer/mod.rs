//! Middleware over a store or a transport.

pub mod deadline;
pub mod idempotency;
pub mod limit;
