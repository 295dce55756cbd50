//! Errors on the wire: answers of other services, and ours.

use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use maily_errors::{Cause, Code, Error, Problem, Respond, TraceContext};
use pyo3::prelude::*;

use super::state::State;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(from_response, module)?)?;
    module.add_function(wrap_pyfunction!(problem, module)?)?;
    module.add_function(wrap_pyfunction!(respond, module)?)
}

/// The most bytes of a body that are read, as in `maily_errors::DecodeConfig`.
const MAX_BYTES: usize = 64 * 1024;

/// Reads an answer of another service into the exception of its kind.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted")]
fn from_response<'py>(
    py: Python<'py>,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &headers {
        // What cannot be a header says nothing about the error.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            head.headers_mut().append(name, value);
        }
    }
    let body = if body.len() > MAX_BYTES { &[] } else { body };
    super::exception(py, &Error::from_answer(&head, body))
}

/// Who answers, and for which request.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct By {
    service: Option<String>,
    trace: Option<String>,
    instance: Option<String>,
}

/// Returns the problem document of an exception.
#[pyfunction]
fn problem(state: State, by: By) -> Vec<u8> {
    document(state, by).to_json()
}

/// Returns the answer with an exception: status, headers, body.
#[pyfunction]
fn respond(state: State, by: By) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let (head, body) = Respond.respond_with(&document(state, by)).into_parts();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let headers = head.headers.iter().filter_map(header).collect();
    // The body is there already, so there is nothing to wait for and nothing to fail.
    let body = body.collect().now_or_never().and_then(Result::ok).map(|body| body.to_bytes().into());
    (head.status.as_u16(), headers, body.unwrap_or_default())
}

fn document(state: State, by: By) -> Problem {
    let err = state.error();
    let mut problem = Problem::from(&err);
    if problem.detail.is_none() && state.message != err.code().title() {
        problem.detail = Some(state.message);
    }
    let public = state.context.into_iter().filter(|(.., public)| *public);
    problem.context.extend(public.map(|(key, value, _)| (key, value.into())));
    let trace = err.trace().or_else(|| by.trace.as_deref().and_then(TraceContext::parse));
    problem.trace_id = problem.trace_id.or(trace.map(TraceContext::trace_id));
    problem.instance = problem.instance.or(by.instance);
    if let Some(service) = by.service {
        let code = problem.code.clone().unwrap_or_else(|| Code::name(err.code()).to_owned());
        let cause = Cause::new(service, code);
        problem.causes.add(trace.map_or(cause.clone(), |trace| cause.with_trace(trace)));
    }
    problem
}
