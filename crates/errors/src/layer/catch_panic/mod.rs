//! Middleware that turns a panic into an error.
//!
//! # Differences from `tower_http::catch_panic`
//!
//! It fits any service, not only HTTP ones, and the error is a [`maily_errors::Error`](crate::Error) of code
//! [`Code::Panicked`]. The text of the panic is its source: it reaches the log, never a
//! response. Build with unwinding panics (the default), else there is nothing to catch.
//!
//! # Examples
//!
//! ```
//! use maily_errors::layer::catch_panic::CatchPanicLayer;
//! use maily_errors::{Code, Error};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let divide = service_fn(|by: u32| async move { Ok::<_, Error>(10 / by) });
//! let service = ServiceBuilder::new().layer(CatchPanicLayer::new()).service(divide);
//!
//! assert_eq!(service.clone().oneshot(5).await.ok(), Some(2));
//! assert_eq!(service.oneshot(0).await.unwrap_err().code(), Code::Panicked);
//! # }
//! ```

mod future;
mod layer;
mod service;

pub use self::future::ResponseFuture;
pub use self::layer::CatchPanicLayer;
pub use self::service::CatchPanic;

#[cfg(test)]
mod tests;

use std::any::Any;

use crate::code::Code;
use crate::model::Error;

fn panicked(payload: Box<dyn Any + Send>) -> Error {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&'static str>().map_or_else(
            |payload| {
                // Dropping a foreign payload may panic again; leaking one small box cannot.
                std::mem::forget(payload);
                String::from("a value that is not text")
            },
            |text| (*text).to_owned(),
        ),
    };
    Error::from(Code::Panicked).with_source(text)
}
