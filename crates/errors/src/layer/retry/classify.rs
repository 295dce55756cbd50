use http::Request;
use tokio::time::Instant;

/// What the retry layer must know about a request.
///
/// A closure that returns whether a request is idempotent is one.
pub trait Classify<Req> {
    /// Returns whether a second effect of the request is harmless.
    fn is_idempotent(&self, req: &Req) -> bool;

    /// Returns when its caller stops waiting.
    fn deadline(&self, req: &Req) -> Option<Instant> {
        let _ = req;
        None
    }
}

impl<Req, F: Fn(&Req) -> bool> Classify<Req> for F {
    fn is_idempotent(&self, req: &Req) -> bool {
        self(req)
    }
}

/// Classifies HTTP requests: by method (RFC 9110, section 9.2.2), or by an `Idempotency-Key`.
///
/// The deadline is the [`Deadline`] among the request's extensions.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByMethod;

/// When the caller of a request stops waiting: an extension of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Deadline(pub Instant);

impl<B> Classify<Request<B>> for ByMethod {
    fn is_idempotent(&self, req: &Request<B>) -> bool {
        req.method().is_idempotent() || req.headers().contains_key("idempotency-key")
    }

    fn deadline(&self, req: &Request<B>) -> Option<Instant> {
        req.extensions().get().map(|Deadline(at)| *at)
    }
}
