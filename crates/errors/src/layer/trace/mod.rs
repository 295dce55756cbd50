//! Middleware for servers that knows in which trace a request is, and which service answers it.
//!
//! It reads `traceparent`, or begins a trace, and opens a span with `trace_id` and `span_id`, named and described as the
//! HTTP conventions of OpenTelemetry 1.41 say; the span of the caller is its `parent_span_id`. Whatever fails below it
//! carries these ids without a word of the handler: an [`Error`](crate::Error) with a detail, its problem document, its
//! line in the log. The document also names the service in its [causes](crate::Causes).
//!
//! Place it outside [`problem`](super::problem). [`TraceContext::current`] is the position for everything that is
//! polled below; a task that outlives its request takes it along with [`TraceContext::scope`].
//!
//! # Differences from `tower_http::trace`
//!
//! One line and one span; the ids reach errors, responses and calls to other services
//! ([`propagate`](super::propagate)), not only the log. It needs no subscriber.
//!
//! # Examples
//!
//! ```
//! use http::{Request, Response};
//! use maily_errors::layer::problem::ProblemLayer;
//! use maily_errors::layer::trace::TraceLayer;
//! use maily_errors::{Code, Error};
//! use http_body_util::BodyExt;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let handler = service_fn(|_: Request<()>| async { Err::<Response<String>, _>(Error::from(Code::Conflict)) });
//! let server = ServiceBuilder::new()
//!     .layer(TraceLayer::new("gateway"))
//!     .layer(ProblemLayer::default())
//!     .service(handler);
//!
//! let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
//! let request = Request::builder().header("traceparent", traceparent).body(()).unwrap();
//! let response = server.oneshot(request).await.unwrap();
//!
//! let body = response.into_body().collect().await.unwrap().to_bytes();
//! let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
//! assert_eq!(problem["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
//! assert_eq!(problem["causes"][0]["service"], "gateway");
//! # }
//! ```
//!
//! [`TraceContext::current`]: crate::TraceContext::current
//! [`TraceContext::scope`]: crate::TraceContext::scope

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::TraceLayer;
pub use self::service::Trace;

#[cfg(test)]
mod tests;
