//! Middleware over a store or a transport.

pub mod cache;
mod database;
pub mod deadline;
pub mod idempotency;
pub mod limit;
pub mod meter;
pub mod trace;

pub use self::database::Database;
