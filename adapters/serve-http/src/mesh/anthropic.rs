//! Errors that Anthropic clients read.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maily_errors::{Error, Problem, Respond, Value};
use maily_mesh::{Format, wire};
use serde_json::json;
use utoipa::openapi::{RefOr, Response as Described};

/// An error in the envelope of messages: `{"type":"error","error":{"type":..,"message":..}}`.
///
/// An official client picks its exception by the status and takes the message from `error`; `code` is ours.
/// `x-should-retry: false` keeps it from repeating what the mesh has repeated already, unless the nodes said when to come back.
#[derive(Debug)]
pub struct AnthropicProblem(Error);

impl From<Error> for AnthropicProblem {
    fn from(err: Error) -> Self {
        Self(err)
    }
}

impl IntoResponse for AnthropicProblem {
    fn into_response(self) -> Response {
        let Self(err) = self;
        crate::reply::note(&err);
        let code = err.code();
        let problem = Problem::from(&err);
        let mut message = super::answer::explained(&problem);
        // The envelope has no member for the field.
        for violation in &problem.errors {
            message.push_str(&format!("; {} {}", violation.pointer, violation.detail));
        }
        if let Some(param) = problem.context.get("param").and_then(Value::as_str) {
            message.push_str(&format!("; {param}"));
        }
        let error = json!({ "type": wire::error_type(code.kind()), "message": message, "code": code.name() });
        let mut response = axum::Json(json!({ "type": "error", "error": error })).into_response();
        *response.status_mut() =
            StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Respond.write_head(&err, response.headers_mut());
        super::answer::pass_on(&err, Format::Messages, response.headers_mut());
        response.headers_mut().insert("x-should-retry", super::answer::again(&err));
        response
    }
}

impl utoipa::IntoResponses for AnthropicProblem {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        crate::reply::Problem::responses()
    }
}
