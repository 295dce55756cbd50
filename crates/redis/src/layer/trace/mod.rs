//! Middleware that makes each command a span.
//!
//! The span has level `INFO` and the fields of the OpenTelemetry conventions for databases: `otel.name` and
//! `db.operation.name`, `db.system.name`, `server.address`, `server.port`; when it failed `error.type` and, for a
//! refusal, `db.response.status_code`. Keys and values are in no field.
//!
//! Without a subscriber that wants such spans a command costs one load and a branch.
//!
//! # Examples
//!
//! ```
//! use maily_redis::layer::Database;
//! use maily_redis::layer::trace::TraceLayer;
//! use maily_redis::{Command, Key, Reply, Store, StoreConfig};
//! use tower::{Layer, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let server = service_fn(|_: Command| async { Ok(Reply::Data("v".into())) });
//! let trace = TraceLayer::new(Database::new("redis", "cache.internal", 6379));
//! let store = StoreConfig::default().build(trace.layer(server))?;
//! assert_eq!(store.get(&Key::new("draft")?).await?, Some("v".into()));
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub use self::service::Trace;

#[cfg(test)]
mod tests;
