//! Middleware that measures every command of a transport.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `db_client_operation_duration_seconds` | histogram | `db_system_name`, `db_operation_name`, `server_address`, `server_port`; when it failed `error_type` and, for a refusal, `db_response_status_code` |
//!
//! It is the OpenTelemetry metric `db.client.operation.duration` in the spelling of Prometheus. `error_type` is the name
//! of our code, or `refused` when the server refused the command. A call that is dropped is `canceled`. Keys and values
//! are in no label, and commands that are not known by name are `other`.
//!
//! A command that succeeds costs two looks at the clock and one record: the instruments are looked up once.
//!
//! # Examples
//!
//! ```
//! use maily_redis::layer::Database;
//! use maily_redis::layer::meter::MeterLayer;
//! use maily_redis::{Command, Reply, Store, StoreConfig, Key};
//! use tower::{Layer, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let server = service_fn(|_: Command| async { Ok(Reply::Data("v".into())) });
//! let meter = MeterLayer::new(Database::new("redis", "cache.internal", 6379));
//! let store = StoreConfig::default().build(meter.layer(server))?;
//! assert_eq!(store.get(&Key::new("draft")?).await?, Some("v".into()));
//! # Ok::<(), maily_errors::Error>(()) }).unwrap();
//! ```

mod future;
mod instruments;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::MeterLayer;
pub use self::service::Meter;

#[cfg(test)]
mod tests;
