//! The service that answers with errors.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::Full;
use tower_service::Service;

use crate::model::Error;
use crate::problem::{MEDIA_TYPE, Problem};

/// Turns an error into an HTTP response: status, problem document, `Retry-After`.
///
/// `Retry-After` holds whole seconds, rounded up; the body's `retry_after_ms` is exact. The document names the trace
/// of the error, else the [current](crate::TraceContext::current) one, and below [`layer::trace`](crate::layer::trace)
/// the service that answers.
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
        respond_as(err, None)
    }

    /// Answers with a problem document, for one that was given an instance or members of its own.
    #[must_use]
    pub fn respond_with(&self, problem: &Problem) -> Response<Full<Bytes>> {
        answer(problem.status, problem.retry_after_ms, problem.to_json())
    }

    /// Writes into the head of an answer whose body is not a problem document what the body cannot say: the delay,
    /// and the [causes](crate::Causes).
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_errors::{Cause, Causes, Code, Error, Respond};
    ///
    /// let err = Error::from(Code::Throttled).with_causes([Cause::new("mesh", "throttled")].into_iter().collect());
    /// let mut page = http::Response::new("<html>come back later</html>");
    /// *page.status_mut() = http::StatusCode::TOO_MANY_REQUESTS;
    /// Respond.write_head(&err, page.headers_mut());
    ///
    /// assert_eq!(page.headers()["retry-after"], "1");
    /// assert_eq!(page.headers()["maily-causes"], r#""mesh";code="throttled""#);
    /// ```
    pub fn write_head(&self, err: &Error, headers: &mut HeaderMap) {
        let problem = Problem::from(err);
        problem.causes.write_to(headers);
        write_delay(problem.retry_after_ms, headers);
    }
}

/// Answers for a service with this name, or for the current one.
pub(crate) fn respond_as(err: &Error, service: Option<&str>) -> Response<Full<Bytes>> {
    if err.upstream().is_some() {
        return Respond.respond_with(&Problem::of(err, service));
    }
    let mut body = Vec::with_capacity(USUAL_BYTES);
    Problem::write_as(err, service, &mut body);
    answer(err.code().http_status(), err.delay_ms(), body)
}

fn answer(status: u16, delay_ms: Option<u64>, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    // A foreign document may carry any number; what is not an error status must not look like success.
    *response.status_mut() = StatusCode::from_u16(status)
        .ok()
        .filter(|status| status.is_client_error() || status.is_server_error())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    write_delay(delay_ms, response.headers_mut());
    response
}

fn write_delay(delay_ms: Option<u64>, headers: &mut HeaderMap) {
    if let Some(delay_ms) = delay_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(delay_ms.div_ceil(1000)));
    }
}

/// Most documents are shorter.
const USUAL_BYTES: usize = 512;

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
