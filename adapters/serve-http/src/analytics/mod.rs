//! Routes of the analytics core.
//!
//! | route | does |
//! |---|---|
//! | `POST /v1/analytics/webhooks/{provider}` | verifies and stores what an e-mail platform posts, byte for byte |
//! | `POST /v1/analytics/events` | stores events of your own services |
//! | `POST /v1/analytics/scores` | estimates how likely rows succeed |
//! | `POST /v1/analytics/recommendations` | chooses a candidate and answers the receipt |
//! | `POST /v1/analytics/recommendations/{id}/outcomes` | records what became of it, once |
//! | `GET /v1/analytics/windows` | answers the live windows as they are now |
//!
//! The live windows themselves are a WebSocket, `GET /v1/analytics/live`.

mod row;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use http::HeaderMap;
use maily_analytics::model::{CampaignId, CandidateName, Event, Scores};
use maily_analytics::port::Webhook;
use maily_analytics::recommend::{Outcome, Recommendation, RecommendationId, Settled};
use maily_analytics::service::Ingested;
use maily_analytics::window::Snapshot;
use maily_analytics::{Analytics, Ask, Candidate};
use maily_errors::{Code, Error};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::row::Row;
use crate::body::{self, Raw};
use crate::reply::{Problem, Reply, declare_problems};

/// Makes the routes of one analytics service. Bodies have at most 8 MiB.
#[must_use]
pub fn router(analytics: Analytics) -> OpenApiRouter {
    let router = OpenApiRouter::new()
        .routes(routes!(webhook))
        .routes(routes!(events))
        .routes(routes!(scores))
        .routes(routes!(recommend))
        .routes(routes!(outcome))
        .routes(routes!(windows))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(analytics);
    declare_problems("analytics", router)
}

/// Takes the webhook of an e-mail platform. The signature is verified over the raw body.
#[utoipa::path(
    post, path = "/v1/analytics/webhooks/{provider}", tag = "analytics", operation_id = "analytics_webhook",
    params(("provider" = String, Path, description = "The platform, such as `sendgrid`")),
    request_body(content = Vec<u8>, content_type = "application/json"),
    responses((status = 200, description = "Stored: `accepted` and `duplicates`", body = Object), Problem)
)]
async fn webhook(
    State(analytics): State<Analytics>,
    provider: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Reply<Json<Ingested>> {
    let Path(provider) = provider.map_err(|_| Error::from(Code::WebhookProviderUnknown))?;
    let webhook = Webhook { headers, body, received: jiff::Timestamp::now() };
    Ok(Json(analytics.webhook(&provider, &webhook).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Events {
    /// At most 10,000: `source`, `id`, `type`, `time`, `recipient`, and more.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Event>,
}

/// Stores events, each once by source and id.
#[utoipa::path(
    post, path = "/v1/analytics/events", tag = "analytics", operation_id = "analytics_events",
    request_body = Events,
    responses((status = 200, description = "Stored: `accepted` and `duplicates`", body = Object), Problem)
)]
async fn events(
    State(analytics): State<Analytics>,
    body::Json(body): body::Json<Events>,
) -> Reply<Json<Ingested>> {
    Ok(Json(analytics.ingest(body.events).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rows {
    /// At most 10,000.
    rows: Vec<Row>,
}

/// Estimates how likely each row succeeds: a calibrated probability with its interval.
#[utoipa::path(
    post, path = "/v1/analytics/scores", tag = "analytics", operation_id = "analytics_scores",
    request_body = Rows,
    responses((status = 200, description = "`model`, and one of `estimates` for each row", body = Object), Problem)
)]
async fn scores(
    State(analytics): State<Analytics>,
    body::Json(body): body::Json<Rows>,
) -> Reply<Json<Scores>> {
    let rows = body.rows.into_iter().enumerate().map(|(index, row)| row.features(&format!("/rows/{index}")));
    Ok(Json(analytics.score(&rows.collect::<maily_errors::Result<Vec<_>>>()?)?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// 1 to 1,000, each with a name of its own.
    candidates: Vec<Choice>,
    /// What holds for all candidates.
    #[serde(default)]
    shared: Row,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Choice {
    /// Its name in the answer.
    #[schema(value_type = String)]
    name: CandidateName,
    /// What is known about it.
    #[serde(default)]
    features: Row,
}

/// Chooses a candidate. The answer is the receipt: interval, propensity, model and identifier.
#[utoipa::path(
    post, path = "/v1/analytics/recommendations", tag = "analytics", operation_id = "analytics_recommend",
    request_body = Question,
    responses((status = 201, description = "The receipt", body = Object), Problem)
)]
async fn recommend(
    State(analytics): State<Analytics>,
    body::Json(question): body::Json<Question>,
) -> Reply<(StatusCode, Json<Recommendation>)> {
    let shared = question.shared.features("/shared")?;
    let candidates = question.candidates.into_iter().enumerate().map(|(index, choice)| {
        let features =
            choice.features.features(&format!("/candidates/{index}/features"))?.with_all(&shared)?;
        Ok(Candidate { name: choice.name, features })
    });
    let ask = Ask { candidates: candidates.collect::<maily_errors::Result<_>>()? };
    Ok((StatusCode::CREATED, Json(analytics.recommend(ask)?)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Report {
    /// Whether it succeeded.
    success: bool,
}

/// Records what became of a recommendation, once, and learns from it.
#[utoipa::path(
    post, path = "/v1/analytics/recommendations/{id}/outcomes", tag = "analytics",
    operation_id = "analytics_outcome",
    params(("id" = String, Path, description = "The identifier in the receipt")),
    request_body = Report,
    responses((status = 201, description = "What was promised and what came", body = Object), Problem)
)]
async fn outcome(
    State(analytics): State<Analytics>,
    id: Result<Path<String>, PathRejection>,
    body::Json(report): body::Json<Report>,
) -> Reply<(StatusCode, Json<Settled>)> {
    // What is no identifier is the identifier of nothing.
    let id = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(Error::from(Code::RecommendationNotFound))?;
    let outcome = Outcome { id: RecommendationId(id), success: report.success };
    Ok((StatusCode::CREATED, Json(analytics.settle(outcome)?)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    campaign: Option<String>,
}

/// Answers the live windows as they are now: exact counts, and rates with their confidence band.
#[utoipa::path(
    get, path = "/v1/analytics/windows", tag = "analytics", operation_id = "analytics_windows",
    params(("campaign" = Option<String>, Query, description = "Only the windows of this campaign")),
    responses((status = 200, description = "`epoch`, `seq`, `watermark` and the windows", body = Object), Problem)
)]
async fn windows(
    State(analytics): State<Analytics>,
    selection: Result<Query<Selection>, QueryRejection>,
) -> Reply<Json<Snapshot>> {
    let Query(selection) = selection.map_err(|err| {
        Error::new(Code::Invalid, "the query has more than one `campaign`, or something else")
            .with_source(err)
    })?;
    let campaign = selection.campaign.map(CampaignId::new).transpose()?;
    Ok(Json(analytics.windows(campaign.as_ref())))
}

const BODY_LIMIT_BYTES: usize = 8 * 1024 * 1024;
