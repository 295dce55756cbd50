//! Answers out: problem documents, in the response and in the OpenAPI description.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use maily_errors::{Error, MEDIA_TYPE, Respond};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, RefOr, Response as Described, ResponseBuilder};

/// What a handler returns.
pub type Reply<T> = Result<T, Problem>;

/// An error on its way to the client: an RFC 9457 problem document with the status of its code.
///
/// In `#[utoipa::path(responses(.., Problem))]` it declares the answer of every failed call.
#[derive(Debug)]
pub struct Problem(Error);

impl From<Error> for Problem {
    fn from(err: Error) -> Self {
        Self(err)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let err = self.0;
        if err.code().http_status() >= 500 {
            tracing::warn!(code = err.code().name(), error = ?err, "request failed");
        } else {
            tracing::debug!(code = err.code().name(), error = ?err, "request refused");
        }
        metrics::counter!("maily_http_problems_total", "code" => err.code().name()).increment(1);
        Respond.respond(&err).map(axum::body::Body::new)
    }
}

impl utoipa::IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let content = ContentBuilder::new().schema(Some(schema())).build();
        let response = ResponseBuilder::new()
            .description("A problem document (RFC 9457); `code` is one of the catalogue")
            .content(MEDIA_TYPE, content)
            .build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}

fn schema() -> Schema {
    let member = |kind: Type, about: &str| {
        ObjectBuilder::new().schema_type(SchemaType::new(kind)).description(Some(about)).build()
    };
    ObjectBuilder::new()
        .property("type", member(Type::String, "A URI that identifies the code"))
        .required("type")
        .property("title", member(Type::String, "What went wrong, the same for each occurrence"))
        .required("title")
        .property("status", member(Type::Integer, "The HTTP status"))
        .required("status")
        .property("code", member(Type::String, "The stable name in the catalogue"))
        .required("code")
        .property("detail", member(Type::String, "What went wrong here"))
        .property("retry_after_ms", member(Type::Integer, "How long to wait before the next try"))
        .property("errors", member(Type::Array, "The wrong fields: `pointer` (RFC 6901) and `detail`"))
        .property("trace_id", member(Type::String, "The trace to quote in a report"))
        .build()
        .into()
}
