//! Middleware over a store or a transport.

pub mod cache;
mod database;
pub mod deadline;
mod future;
pub mod idempotency;
pub mod limit;
pub mod meter;
pub mod trace;

pub use self::database::Database;
pub use self::future::ResponseFuture;
