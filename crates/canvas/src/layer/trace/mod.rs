//! Middleware that puts a span around each request to join, and counts how it ended.
//!
//! # Differences from `tower_http::trace`
//!
//! There is no HTTP here: the span carries the document, and the outcome is the code of the error.
//!
//! # Examples
//!
//! ```
//! use maily_canvas::layer::trace::TraceLayer;
//! use maily_canvas::model::Caller;
//! use maily_canvas::{Canvas, Join};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), maily_errors::Error> {
//! let canvas = TraceLayer::new().layer(Canvas::in_memory());
//! let session = canvas.oneshot(Join::new("spring".parse()?, Caller::default())).await?;
//! assert_eq!(session.grant().user, None);
//! # Ok(())
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub use self::service::Trace;
