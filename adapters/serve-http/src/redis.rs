//! Routes of the redis core: values under keys.
//!
//! | route | does |
//! | --- | --- |
//! | `GET /v1/store/{key}` | answers the bytes of the value |
//! | `PUT /v1/store/{key}?ttl_ms=..` | stores the body, at most the router's body limit (2 MiB unless set) |
//! | `DELETE /v1/store/{key}` | removes the value |
//! | `POST /v1/store/{key}/increment` | counts |
//!
//! A key is one segment of the path: percent-encode what is not a letter, digit or `-._~`.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use maily_errors::{Code, Error};
use maily_redis::{Key, StoreReply, StoreRequest};
use serde::{Deserialize, Serialize};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::body::{Json, Raw};
use crate::reply::{Problem, Reply, declare_problems};

/// Returns the routes over a store, usually a [`StoreService`](maily_redis::StoreService) under layers.
pub fn router<S>(store: S) -> OpenApiRouter
where
    S: Service<StoreRequest, Response = StoreReply, Error = Error, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static,
{
    let router = OpenApiRouter::new()
        .routes(routes!(value, put, remove))
        .routes(routes!(increment))
        // Boxed: the handlers have one type whatever layers the store has.
        .with_state(BoxCloneSyncService::new(store));
    declare_problems("redis", router)
}

type Store = BoxCloneSyncService<StoreRequest, StoreReply, Error>;

/// How long a value lives.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Life {
    /// In milliseconds from now, from 1 to those of 100 years; for ever unless given.
    ttl_ms: Option<u64>,
}

/// A step of a counter.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Step {
    /// How much, down if negative.
    #[serde(default = "one")]
    by: i64,
    /// How long a counter lives that this creates, in milliseconds; for ever unless given.
    ttl_ms: Option<u64>,
}

/// A counter.
#[derive(Debug, Serialize, ToSchema)]
struct Count {
    /// The counter after the step.
    value: i64,
}

/// Answers the value.
#[utoipa::path(
    get, path = "/v1/store/{key}", tag = "redis", operation_id = "store_get",
    params(("key" = String, Path, description = "1 to 1024 bytes")),
    responses((status = 200, description = "The value", content_type = "application/octet-stream"), Problem)
)]
async fn value(State(store): State<Store>, Name(key): Name) -> Reply<Response> {
    let value = store.oneshot(StoreRequest::Get { key }).await?.into_value()?;
    let value = value.ok_or_else(|| missing("serve_http::store_get"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], value).into_response())
}

/// Stores a value.
#[utoipa::path(
    put, path = "/v1/store/{key}", tag = "redis", operation_id = "store_put",
    params(("key" = String, Path, description = "1 to 1024 bytes"), Life),
    request_body(content_type = "application/octet-stream", description = "The value"),
    responses((status = 204, description = "Stored"), Problem)
)]
async fn put(State(store): State<Store>, Name(key): Name, life: Life, Raw(value): Raw) -> Reply<StatusCode> {
    let ttl = life.ttl_ms.map(Duration::from_millis);
    store.oneshot(StoreRequest::Set { key, value: detached(value), ttl }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a value.
#[utoipa::path(
    delete, path = "/v1/store/{key}", tag = "redis", operation_id = "store_remove",
    params(("key" = String, Path, description = "1 to 1024 bytes")),
    responses((status = 204, description = "Removed"), Problem)
)]
async fn remove(State(store): State<Store>, Name(key): Name) -> Reply<StatusCode> {
    let removed = store.oneshot(StoreRequest::Remove { key }).await?.into_done()?;
    if removed { Ok(StatusCode::NO_CONTENT) } else { Err(missing("serve_http::store_remove").into()) }
}

/// Adds to a counter, which starts at 0.
#[utoipa::path(
    post, path = "/v1/store/{key}/increment", tag = "redis", operation_id = "store_increment",
    params(("key" = String, Path, description = "1 to 1024 bytes")),
    request_body = Step,
    responses((status = 200, description = "The counter after the step", body = Count), Problem)
)]
async fn increment(
    State(store): State<Store>,
    Name(key): Name,
    Json(step): Json<Step>,
) -> Reply<axum::Json<Count>> {
    let ttl = step.ttl_ms.map(Duration::from_millis);
    let value = store.oneshot(StoreRequest::Increment { key, by: step.by, ttl }).await?.into_count()?;
    Ok(axum::Json(Count { value }))
}

/// The key in the path.
struct Name(Key);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Reply<Self> {
        let Path(name) = Path::<String>::from_request_parts(parts, state).await.map_err(|err| {
            Error::new(Code::Invalid, "the key in the path is not UTF-8")
                .with_operation("serve_http::store")
                .with_source(err)
        })?;
        Ok(Self(Key::new(name)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Life {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Reply<Self> {
        let query = Query::<Self>::from_request_parts(parts, state).await.map_err(|err| {
            Error::new(Code::Invalid, "the query has more than `ttl_ms`, or it is no number")
                .with_operation("serve_http::store")
                .with_source(err)
        })?;
        Ok(query.0)
    }
}

/// Copies a small body out of the connection's buffer, which it would keep alive for as long as it is stored.
fn detached(value: Bytes) -> Bytes {
    const SMALL: usize = 16 * 1024;
    if value.len() > SMALL { value } else { Bytes::copy_from_slice(&value) }
}

fn missing(operation: &'static str) -> Error {
    Error::new(Code::NotFound, "no value is stored under this key").with_operation(operation)
}

const fn one() -> i64 {
    1
}
