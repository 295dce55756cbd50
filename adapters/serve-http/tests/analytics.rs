//! The analytics routes: signed webhooks in, estimates and receipts out.

#![cfg(feature = "analytics")]

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use maily_analytics::memory::MemoryLog;
use maily_analytics::{Analytics, AnalyticsConfig};
use maily_source_esp::{SendGrid, SendGridConfig};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey;
use serde_json::{Value, json};
use tower::ServiceExt;

fn signing_key() -> SigningKey {
    SigningKey::from_slice(&[7; 32]).expect("32 bytes below the order are a key")
}

fn router() -> axum::Router {
    let der = signing_key().verifying_key().to_public_key_der().expect("a key has a DER form");
    let sendgrid = SendGridConfig::new(STANDARD.encode(der.as_bytes())).build().expect("the key is one");
    let mut config = AnalyticsConfig::default();
    config.recommend.seed = Some(1);
    let analytics = Analytics::new(&config, MemoryLog::new(), [Arc::new(sendgrid) as _]);
    maily_serve_http::analytics::router(analytics.expect("the settings are in range")).into()
}

async fn send(router: &axum::Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.expect("a router does not fail");
    let status = response.status();
    let bytes = response.into_body().collect().await.expect("a body of one piece").to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn post(router: &axum::Router, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post(path).body(Body::from(body.to_string())).expect("a path of ours");
    send(router, request).await
}

async fn get(router: &axum::Router, path: &str) -> (StatusCode, Value) {
    send(router, Request::get(path).body(Body::empty()).expect("a path of ours")).await
}

/// A webhook that is signed now, as the clock of the routes is the real one.
fn webhook(body: &'static str) -> Request<Body> {
    let timestamp = jiff::Timestamp::now().as_second().to_string();
    let signature: DerSignature = signing_key().sign(format!("{timestamp}{body}").as_bytes());
    Request::post("/v1/analytics/webhooks/sendgrid")
        .header(SendGrid::TIMESTAMP_HEADER, timestamp)
        .header(SendGrid::SIGNATURE_HEADER, STANDARD.encode(signature.as_bytes()))
        .body(Body::from(body))
        .expect("headers of ours")
}

const OPENS: &str = concat!(
    r#"[{"email":"a@example.com","timestamp":1767600000,"event":"delivered","sg_event_id":"1","sg_message_id":"m"},"#,
    r#"{"email":"a@example.com","timestamp":1767600001,"event":"open","sg_event_id":"2","sg_message_id":"m"},"#,
    r#"{"email":"a@example.com","timestamp":1767600002,"event":"open","sg_event_id":"3","sg_machine_open":"true"}]"#,
    "\r\n"
);

#[tokio::test]
async fn signed_webhook_reaches_the_windows_once() {
    let router = router();

    let first = send(&router, webhook(OPENS)).await;
    let replay = send(&router, webhook(OPENS)).await;
    let (_, snapshot) = get(&router, "/v1/analytics/windows").await;

    assert_eq!(first, (StatusCode::OK, json!({"accepted": 3, "duplicates": 0})));
    assert_eq!(replay, (StatusCode::OK, json!({"accepted": 0, "duplicates": 3})));
    let window = &snapshot["windows"][0];
    assert_eq!(window["counts"]["opens"], json!({"human": 1, "machine": 1}));
    assert_eq!(window["cohort"], json!({"delivered": 1, "opened": 1, "clicked": 0}));
    assert_eq!(window["open_rate"]["value"], 1.0);
}

#[tokio::test]
async fn forged_webhook_is_refused_and_changes_nothing() {
    let router = router();
    let mut forged = webhook(OPENS);
    *forged.body_mut() = Body::from(OPENS.replace("a@example.com", "b@example.com"));

    let (status, problem) = send(&router, forged).await;
    let (_, snapshot) = get(&router, "/v1/analytics/windows").await;

    assert_eq!((status, &problem["code"]), (StatusCode::UNAUTHORIZED, &json!("webhook-signature")));
    assert_eq!(snapshot["windows"], json!([]));
}

#[tokio::test]
async fn unknown_provider_is_not_found() {
    for provider in ["pigeon", "%ff", "%00"] {
        let (status, problem) =
            post(&router(), &format!("/v1/analytics/webhooks/{provider}"), json!([])).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("webhook-provider-unknown")));
    }
}

#[tokio::test]
async fn events_of_ones_own_are_stored_by_campaign() {
    let router = router();
    let event = json!({"source": "shop", "id": "1", "type": "conversion", "time": "2026-01-05T08:00:00Z",
        "recipient": "ann@example.org", "campaign": "spring"});

    let stored = post(&router, "/v1/analytics/events", json!({"events": [event]})).await;
    let (_, spring) = get(&router, "/v1/analytics/windows?campaign=spring").await;
    let (_, autumn) = get(&router, "/v1/analytics/windows?campaign=autumn").await;

    assert_eq!(stored, (StatusCode::OK, json!({"accepted": 1, "duplicates": 0})));
    assert_eq!(spring["windows"][0]["counts"]["conversions"], 1);
    assert_eq!(autumn["windows"], json!([]));
}

#[tokio::test]
async fn wrong_field_is_named() {
    let event = json!({"source": "shop", "id": "1", "type": "open", "time": "yesterday", "recipient": "a"});

    let (status, problem) = post(&router(), "/v1/analytics/events", json!({"events": [event]})).await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(problem["errors"][0]["pointer"], "/events/0/time");
}

#[tokio::test]
async fn recommendation_goes_from_question_to_outcome() {
    let router = router();
    let question = json!({"candidates": [
        {"name": "a", "features": {"subject": "20% off, today only"}},
        {"name": "b", "features": {"subject": "Your invoice", "numbers": {"age_days": 3.0}}},
    ], "shared": {"categories": {"plan": "free"}}});

    let (created, receipt) = post(&router, "/v1/analytics/recommendations", question).await;
    let outcomes = format!("/v1/analytics/recommendations/{}/outcomes", receipt["id"].as_str().unwrap());
    let settled = post(&router, &outcomes, json!({"success": true})).await;
    let again = post(&router, &outcomes, json!({"success": true})).await;
    let nobody = post(&router, "/v1/analytics/recommendations/x/outcomes", json!({"success": true})).await;

    assert_eq!((created, settled.0), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(receipt["propensity"], 0.5);
    assert_eq!(receipt["estimate"]["cold"], true);
    assert_eq!(settled.1["chosen"], receipt["chosen"]);
    assert_eq!((again.0, &again.1["code"]), (StatusCode::CONFLICT, &json!("outcome-duplicate")));
    assert_eq!((nobody.0, &nobody.1["code"]), (StatusCode::NOT_FOUND, &json!("recommendation-not-found")));
}

#[tokio::test]
async fn row_that_cannot_be_used_is_named() {
    let rows = json!({"rows": [{"subject": "hello"}, {"hour": 24, "subject": "hello"}]});

    let (status, problem) = post(&router(), "/v1/analytics/scores", rows).await;
    let (_, infinite) =
        post(&router(), "/v1/analytics/scores", json!({"rows": [{"numbers": {"x": 1e39}}]})).await;
    let (_, unknown) = post(&router(), "/v1/analytics/scores", json!({"rows": [{"subjekt": "hello"}]})).await;

    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(problem["errors"][1]["pointer"], "/rows/1");
    assert_eq!(infinite["code"], "features-invalid");
    assert_eq!(unknown["code"], "body-invalid");
}

#[tokio::test]
async fn query_that_is_not_known_is_refused() {
    let (status, problem) = get(&router(), "/v1/analytics/windows?champagne=1").await;

    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid")));
}
