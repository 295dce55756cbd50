//! Answers out: problem documents, in the response and in the OpenAPI description.

use std::collections::{BTreeMap, BTreeSet};

use axum::response::{IntoResponse, Response};
use maily_errors::{Code, Error, OPENAPI_COMPONENTS, Respond};
use utoipa::IntoResponses;
use utoipa::openapi::{Components, Ref, RefOr, Response as Described};
use utoipa_axum::router::OpenApiRouter;

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
        note(&err);
        Respond.respond(&err).map(axum::body::Body::new)
    }
}

/// Writes an error into the log and counts it, on its way to the client.
pub(crate) fn note(err: &Error) {
    let code = err.code();
    // Whoever lost sight of the accounts has said so, once: every prompt fails until they are back.
    if code.http_status() >= 500 && code != Code::AccountUnreachable {
        tracing::warn!(code = code.name(), error = ?err, "request failed");
    } else {
        tracing::debug!(code = code.name(), error = ?err, "request refused");
    }
    metrics::counter!("maily_http_problems_total", "code" => code.name()).increment(1);
}

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        BTreeMap::from([refer("default".to_owned(), "Problem")])
    }
}

/// Returns that answers with a status are those of this name in the components.
fn refer(status: String, name: &str) -> (String, RefOr<Described>) {
    (status, RefOr::Ref(Ref::from_response_name(name)))
}

/// Declares for every operation the problem documents that it can answer with.
///
/// These are the codes of its `domain` in the catalogue, those that are common to all, and those of a server: each status
/// refers to the response of the catalogue that enumerates its codes. What comes from somewhere else is `default`.
pub fn declare_problems<S>(domain: &str, mut router: OpenApiRouter<S>) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let own = Code::all().filter(|code| [domain, "common", "server"].contains(&code.domain()));
    let statuses: BTreeSet<u16> = own.map(Code::http_status).collect();
    let description = router.get_openapi_mut();
    for item in description.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            let declared = &mut operation.responses.responses;
            declared.extend(Problem::responses());
            declared
                .extend(statuses.iter().map(|status| refer(status.to_string(), &format!("Problem{status}"))));
        }
    }
    let known = description.components.get_or_insert_default();
    let Components { schemas, responses, .. } = components();
    known.schemas.extend(schemas);
    known.responses.extend(responses);
    router
}

fn components() -> Components {
    serde_json::from_str(OPENAPI_COMPONENTS).expect("generated, and every test of a description reads it")
}
