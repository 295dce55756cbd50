//! Middleware that drops events which were stored a moment ago.
//!
//! Providers send a webhook again when our answer was late or lost, often within seconds. The log removes
//! duplicates in any case; this layer spares it the look-up, and the disk the read.
//!
//! # Differences from a plain cache
//!
//! An event is remembered only *after* the service below has answered that it is stored: a batch that failed
//! is not known, so sending it again works.
//!
//! # Examples
//!
//! ```
//! use maily_analytics::layer::dedupe::DedupeLayer;
//! use maily_analytics::{Analytics, AnalyticsConfig, Event};
//! use tower::{Layer, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let service = DedupeLayer::new(10_000).layer(Analytics::in_memory(&AnalyticsConfig::default())?);
//! let event: Event = serde_json::from_str(
//!     r#"{"source":"shop","id":"7","type":"open","time":"2026-01-05T10:00:00Z","recipient":"ann@example.org"}"#,
//! )?;
//!
//! let first = service.clone().oneshot(vec![event.clone()]).await?;
//! let again = service.clone().oneshot(vec![event]).await?;
//! assert_eq!((first.accepted, again.accepted, again.duplicates), (1, 0, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod future;
mod layer;
mod recent;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::DedupeLayer;
pub use self::service::Dedupe;

#[cfg(test)]
mod tests;
