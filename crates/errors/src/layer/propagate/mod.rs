//! Middleware for clients that passes the current trace on to the service that is called.
//!
//! It writes `traceparent` with the trace of the request that is being answered
//! ([`TraceContext::current`](crate::TraceContext::current)) and a span of its own. Outside a trace, and for a request
//! that names one already, it changes nothing.
//!
//! # Examples
//!
//! ```
//! use http::{Request, Response};
//! use maily_errors::layer::propagate::PropagateLayer;
//! use maily_errors::{Error, TraceContext};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let upstream = service_fn(|req: Request<()>| async move {
//!     Ok::<_, Error>(Response::new(TraceContext::from_headers(req.headers())))
//! });
//! let client = ServiceBuilder::new().layer(PropagateLayer).service(upstream);
//!
//! let here = TraceContext::root();
//! let there = here.scope(client.oneshot(Request::new(()))).await.unwrap().into_body().unwrap();
//! assert_eq!(there.trace_id(), here.trace_id());
//! assert_ne!(there.span_id(), here.span_id());
//! # }
//! ```

mod layer;
mod service;

pub use self::layer::PropagateLayer;
pub use self::service::Propagate;

#[cfg(test)]
mod tests;
