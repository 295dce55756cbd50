//! What an exception is made of, as plain values that go both ways.

use std::time::Duration;

use maily_errors::{Cause, Causes, Code, Error, Problem, TYPE_PREFIX, Value, Violation};
use pyo3::prelude::*;

/// The fields of an exception. A `dict` in Python.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(super) struct State {
    /// The name of the code that it acts as.
    pub(super) code: String,
    pub(super) message: String,
    operation: Option<String>,
    spent: bool,
    retry_after: Option<f64>,
    /// With each value, whether a response may show it.
    pub(super) context: Vec<(String, Scalar, bool)>,
    violations: Vec<(String, String, Option<String>)>,
    causes: Vec<Link>,
    trace: Option<String>,
    pub(super) upstream: Option<Upstream>,
}

/// One entry of the chain of causes: service, code, trace id, span id.
pub(super) type Link = (String, String, Option<String>, Option<String>);

/// What another service answered: the name and number of its code, whether the catalogue has it, the status, the
/// detail, and the document.
pub(super) type Upstream = (String, Option<u16>, bool, u16, Option<String>, Vec<u8>);

/// A value that explains an error.
#[derive(Clone, FromPyObject, IntoPyObject)]
pub(super) enum Scalar {
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

impl State {
    /// Takes an error apart.
    pub(super) fn of(err: &Error) -> Self {
        let public: Vec<&str> = err.public_context().map(|(key, _)| key).collect();
        let of_upstream = err.upstream().into_iter().flat_map(|problem| &problem.context);
        let context = of_upstream.map(|(key, value)| (key.clone(), Scalar::from(value), true));
        let own = err.context().map(|(key, value)| (key.to_owned(), value.into(), public.contains(&key)));
        Self {
            code: err.code().name().to_owned(),
            message: err.message().to_owned(),
            operation: err.operation().map(str::to_owned),
            spent: err.code().is_retryable() && !err.is_temporary(),
            retry_after: err.retry_after().map(|delay| delay.as_secs_f64()),
            context: context.chain(own).collect(),
            violations: err.violations().iter().cloned().map(|v| (v.pointer, v.detail, v.code)).collect(),
            causes: links(err.causes()),
            trace: err.trace().map(|trace| trace.to_string()),
            upstream: err.upstream().map(|problem| upstream(problem, err.code())),
        }
    }

    /// Puts the error together again, without the texts that only Python has.
    pub(super) fn error(&self) -> Error {
        let code = self.code.parse().unwrap_or(Code::Unexpected);
        let problem = self.upstream.as_ref().and_then(|(.., text)| Problem::from_json(text).ok());
        let mut err = problem.map_or_else(
            || Error::from_code(code).with_violations(self.violations.iter().map(violation)),
            Error::from,
        );
        err = err.with_causes(chain(&self.causes));
        if let Some(delay) = self.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
            err = err.with_retry_after(delay);
        }
        if let Some(trace) = self.trace.as_deref().and_then(maily_errors::TraceContext::parse) {
            err = err.with_trace(trace);
        }
        if self.spent { err.into_persistent() } else { err }
    }
}

fn upstream(problem: &Problem, acts_as: Code) -> Upstream {
    let (detail, text) = (problem.detail.clone(), problem.to_json());
    if problem.is_ours() && problem.known_code().is_none() {
        let name = problem.code.as_deref().or(problem.type_uri.strip_prefix(TYPE_PREFIX));
        let name = name.unwrap_or(acts_as.name()).to_owned();
        return (name, problem.number, false, problem.status, detail, text);
    }
    (acts_as.name().to_owned(), Some(acts_as.number()), true, problem.status, detail, text)
}

fn violation((pointer, detail, code): &(String, String, Option<String>)) -> Violation {
    let violation = Violation::new(pointer.as_str(), detail.as_str());
    match code {
        Some(code) => violation.with_code(code.as_str()),
        None => violation,
    }
}

/// Makes a chain of what Python holds, within its bounds.
pub(super) fn chain(links: &[Link]) -> Causes {
    links.iter().map(cause).collect()
}

pub(super) fn cause((service, code, trace_id, span_id): &Link) -> Cause {
    let mut cause = Cause::new(service.clone(), code.clone());
    cause.trace_id = trace_id.as_deref().and_then(|id| id.parse().ok());
    cause.span_id = span_id.as_deref().and_then(|id| id.parse().ok());
    cause
}

pub(super) fn links(causes: &Causes) -> Vec<Link> {
    let link = |cause: &Cause| {
        let (trace_id, span_id) =
            (cause.trace_id.map(|id| id.to_string()), cause.span_id.map(|id| id.to_string()));
        (cause.service.to_string(), cause.code.to_string(), trace_id, span_id)
    };
    causes.iter().map(link).collect()
}

impl From<&Value> for Scalar {
    fn from(value: &Value) -> Self {
        if let Some(text) = value.as_str() {
            return Self::Text(text.to_owned());
        }
        let unsigned = || value.to_string().parse().ok().map(Self::Unsigned);
        let truth = value.as_bool().map(Self::Bool);
        let number = truth.or(value.as_i64().map(Self::Integer)).or_else(unsigned);
        number.unwrap_or_else(|| Self::Float(value.as_f64().unwrap_or(f64::NAN)))
    }
}

impl From<Scalar> for Value {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Bool(value) => value.into(),
            Scalar::Integer(value) => value.into(),
            Scalar::Unsigned(value) => value.into(),
            Scalar::Float(value) => value.into(),
            Scalar::Text(value) => value.into(),
        }
    }
}
