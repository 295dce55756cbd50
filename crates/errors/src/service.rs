//! The service that answers with errors.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use crate::model::Error;
use crate::problem::{MEDIA_TYPE, Problem};

/// Turns an error into an HTTP response: status, problem document, `Retry-After`.
///
/// `Retry-After` holds whole seconds, rounded up; the body's `retry_after_ms` is exact.
///
/// # Examples
///
/// ```
/// use maily_errors::{Code, Error, Respond};
///
/// let response = Respond.respond(&Error::from(Code::Throttled));
/// assert_eq!(response.status(), 429);
/// assert_eq!(response.headers()["content-type"], "application/problem+json");
/// assert_eq!(response.headers()["retry-after"], "1");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Respond;

impl Respond {
    /// Answers with the problem document of an error.
    #[must_use]
    pub fn respond(&self, err: &Error) -> Response<Full<Bytes>> {
        self.respond_with(&Problem::from(err))
    }

    /// Answers with a problem document, for one that was given an instance or a trace.
    #[must_use]
    pub fn respond_with(&self, problem: &Problem) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(problem.to_json())));
        // A foreign document may carry any number; what is not an error status must not look like success.
        *response.status_mut() = StatusCode::from_u16(problem.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(delay_ms) = problem.retry_after_ms {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(delay_ms.div_ceil(1000)));
        }
        response
    }
}

impl Service<Error> for Respond {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, err: Error) -> Self::Future {
        ready(Ok(self.respond(&err)))
    }
}
