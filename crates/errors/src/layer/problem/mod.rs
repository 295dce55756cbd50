//! Middleware that answers an error with its problem document.
//!
//! What the document may not show goes to a [`Report`](crate::Report): every error whose status is 500 or more.
//!
//! # Differences from `axum::error_handling`
//!
//! There is nothing to write per route: the status, the body and `Retry-After` follow from the error's code, and
//! what reaches the client is decided by type ([`Public`](crate::Public)), not by the handler.
//!
//! # Examples
//!
//! ```
//! use maily_errors::layer::problem::ProblemLayer;
//! use maily_errors::{Code, Error};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let handler = service_fn(|_: http::Request<()>| async {
//!     Err::<http::Response<String>, _>(Error::new(Code::NoNode, "no node takes prompts"))
//! });
//! let service = ServiceBuilder::new().layer(ProblemLayer::default()).service(handler);
//!
//! let Ok(response) = service.oneshot(http::Request::new(())).await;
//! assert_eq!(response.status(), 503);
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::ProblemLayer;
pub use self::service::ProblemService;

#[cfg(test)]
mod tests;
