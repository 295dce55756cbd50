//! Middleware that slows a session down to a rate of frames and bytes.
//!
//! # Differences from `tower::limit::rate`
//!
//! The limit is on what a session sends after it was accepted, not on the requests to join. Nothing is refused: an
//! update that is refused would leave its author with a document that nobody else has, so the sender waits instead.
//!
//! # Examples
//!
//! ```
//! use maily_canvas::layer::limit::LimitLayer;
//! use maily_canvas::model::Caller;
//! use maily_canvas::{Canvas, Join};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), maily_errors::Error> {
//! let canvas = LimitLayer::new(100, 1024 * 1024).layer(Canvas::in_memory());
//! let session = canvas.oneshot(Join::new("spring".parse()?, Caller::default())).await?;
//! session.send(vec![3].into()).await?;
//! # Ok(())
//! # }
//! ```

mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use self::future::ResponseFuture;
pub use self::layer::LimitLayer;
pub use self::service::Limit;
