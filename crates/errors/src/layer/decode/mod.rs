//! Middleware for clients that reads the problem document of a failed call.
//!
//! An answer of status 400 or more becomes an [`Error`](crate::Error) with the code that the other service gave, its
//! delay, its violations and its causes; [`Error::from_answer`](crate::Error::from_answer) says how. A code that this
//! catalogue lacks becomes the code of the status, and the whole document stays behind the error
//! ([`Error::upstream`](crate::Error::upstream)), so that it goes on unchanged. Anything that is not a problem
//! document, such as the HTML page of a proxy, becomes the code of its status or
//! [`Code::MalformedProblem`](crate::Code::MalformedProblem). Nothing panics.
//!
//! # Examples
//!
//! ```
//! use http_body_util::Full;
//! use maily_errors::{Code, DecodeConfig, Error};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let upstream = service_fn(|_: http::Request<()>| async {
//!     let body = Full::new(bytes::Bytes::from_static(br#"{"status":404,"code":"model-not-found"}"#));
//!     let answer = http::Response::builder().status(404).header("content-type", "application/problem+json");
//!     Ok::<_, Error>(answer.body(body).expect("the parts are valid"))
//! });
//! let client = ServiceBuilder::new().layer(DecodeConfig::default().build()).service(upstream);
//!
//! let err = client.oneshot(http::Request::new(())).await.unwrap_err();
//! assert_eq!(err.code(), Code::ModelNotFound);
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::DecodeLayer;
pub use self::service::Decode;

#[cfg(test)]
mod tests;
