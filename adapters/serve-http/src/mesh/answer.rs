//! Answers that OpenAI clients read.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;
use http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body as HttpBody, Frame, SizeHint};
use maily_errors::{Code, Error, Problem, Respond, Value};
use maily_mesh::{Body, Completion, Format, PassedOn, wire};
use serde_json::json;
use utoipa::openapi::{RefOr, Response as Described};

/// An error as a problem document with an `error` member: `message`, `type`, `code`, `param`.
///
/// An official client picks its exception by the status and takes the message from that member.
/// `x-should-retry: false` keeps it from repeating what the mesh has repeated already, unless the nodes said when to come back.
#[derive(Debug)]
pub struct OpenAiProblem(Error);

impl From<Error> for OpenAiProblem {
    fn from(err: Error) -> Self {
        Self(err)
    }
}

impl IntoResponse for OpenAiProblem {
    fn into_response(self) -> Response {
        let Self(err) = self;
        let code = err.code();
        crate::reply::note(&err);
        let mut problem = Problem::from(&err);
        let violation = problem.errors.first().map(|violation| violation.pointer.as_str());
        // Else the field that the node names.
        let param = violation.or_else(|| problem.context.get("param")?.as_str());
        let error = json!({ "message": explained(&problem), "type": code.kind().as_str(), "code": code.name(), "param": param });
        problem.extensions.insert("error".to_owned(), error);
        let mut response = Respond.respond_with(&problem).map(axum::body::Body::new);
        response.headers_mut().insert("x-should-retry", again(&err));
        pass_on(&err, Format::Chat, response.headers_mut());
        response
    }
}

impl utoipa::IntoResponses for OpenAiProblem {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        crate::reply::Problem::responses()
    }
}

/// Whether an official client shall ask again, after the delay that it is told.
///
/// A node that asks for a delay is left alone for as long as it says, so whoever waits costs nothing. That of a spent budget
/// may last a month.
pub(super) fn again(err: &Error) -> HeaderValue {
    let told_when = err.code() == Code::NodeThrottled && err.retry_after().is_some();
    HeaderValue::from_static(if err.is_temporary() || told_when { "true" } else { "false" })
}

/// What went wrong, and what the node said about that, if the client may know.
pub(super) fn explained(problem: &Problem) -> String {
    let message = problem.detail.as_ref().unwrap_or(&problem.title);
    match problem.context.get("reason").and_then(Value::as_str) {
        Some(reason) => format!("{message}: {reason}"),
        None => message.clone(),
    }
}

/// Passes on what an error has for the client: a delay, and the rate limits of its key or of the node.
pub(super) fn pass_on(err: &Error, format: Format, headers: &mut HeaderMap) {
    if let Some(passed_on) = PassedOn::of(err) {
        headers.extend(passed_on.clone());
        name_request(format, headers);
    }
    // Also of an error that is not to be repeated: the mesh has spent its attempts, and the next prompt is welcome then.
    if let Some(delay) = err.retry_after() {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// Passes an answer through: the node's bytes, and the headers of the node that a client may want.
pub(super) fn pass(completion: Completion) -> Response {
    let Completion { head, body } = completion;
    let body = if head.streamed {
        axum::body::Body::from_stream(Events { body: Some(body), format: head.format, failed: None })
    } else {
        axum::body::Body::new(Whole(body))
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    *headers = head.headers;
    name_request(head.format, headers);
    let kind = if head.streamed { "text/event-stream; charset=utf-8" } else { "application/json" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(RECALLED, number(head.recalled.len() as u64));
    // One line each, as any list may be written.
    for id in head.recalled.iter().filter_map(|recalled| HeaderValue::from_str(recalled.id.as_str()).ok()) {
        headers.append(RECALLED_ID, id);
    }
    if let Some(cached) = head.cached {
        headers.insert(CACHE, HeaderValue::from_static(cached.status.as_str()));
        headers.insert(AGE, HeaderValue::from(cached.age.as_secs()));
    }
    if let Some(attempt) = head.attempt {
        headers.insert(ATTEMPT, number(attempt.into()));
    }
    if let Some(node) = head.node.and_then(|node| HeaderValue::from_str(node.as_str()).ok()) {
        headers.insert(NODE, node);
    }
    response
}

/// Gives the node's id of the request the name under which the client of a format looks for it, too.
fn name_request(format: Format, headers: &mut HeaderMap) {
    let (theirs, other) =
        if format == Format::Messages { (ANTHROPIC_ID, OPENAI_ID) } else { (OPENAI_ID, ANTHROPIC_ID) };
    if let Some(id) = headers.get(other).filter(|_| !headers.contains_key(&theirs)).cloned() {
        headers.insert(theirs, id);
    }
}

/// Writes a number; the usual ones take no memory for it.
fn number(number: u64) -> HeaderValue {
    match number {
        0 => HeaderValue::from_static("0"),
        1 => HeaderValue::from_static("1"),
        _ => HeaderValue::from(number),
    }
}

// Names that are known now are not read, and not copied, for each answer.
const ANTHROPIC_ID: HeaderName = HeaderName::from_static("request-id");
const ATTEMPT: HeaderName = HeaderName::from_static("x-maily-attempt");
const CACHE: HeaderName = HeaderName::from_static("x-maily-cache");
const NODE: HeaderName = HeaderName::from_static("x-maily-node");
const OPENAI_ID: HeaderName = HeaderName::from_static("x-request-id");
const RECALLED: HeaderName = HeaderName::from_static("x-maily-recalled");
/// The memories that the answer rests on, to look them up or to forget them by.
const RECALLED_ID: HeaderName = HeaderName::from_static("x-maily-recalled-id");

/// An answer of one object; mostly all of it is here already, and the client is told its length.
struct Whole(Body);

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.0).poll_next(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.0.remaining() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.remaining().map_or_else(SizeHint::default, |len| SizeHint::with_exact(len as u64))
    }
}

/// Events of a node; an error becomes the last event, and then breaks the connection.
///
/// Never `[DONE]` after an error, and no clean end either: a client that reads over error events
/// still sees that the answer is not whole.
struct Events {
    body: Option<Body>,
    format: Format,
    failed: Option<(Error, bool)>,
}

impl Stream for Events {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.failed.take() {
            Some((err, false)) => {
                // Once pending, so that the connection flushes the event before it breaks.
                self.failed = Some((err, true));
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some((err, true)) => return Poll::Ready(Some(Err(err))),
            None => {}
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let item = ready!(Pin::new(body).poll_next(cx));
        let Some(Err(err)) = item else { return Poll::Ready(item) };
        self.body = None;
        tracing::warn!(code = err.code().name(), error = ?err, "stream failed");
        let event = wire::error_event_of(self.format, &err);
        self.failed = Some((err, false));
        Poll::Ready(Some(Ok(event)))
    }
}
