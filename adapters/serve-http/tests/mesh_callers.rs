//! What a caller may who is known: its tenant's memories and answers, and what its key can pay.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Extension;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use maily_llm_echo::EchoConfig;
use maily_mesh::account::Per;
use maily_mesh::balance::Node;
use maily_mesh::layer::limit::KeyUsage;
use maily_mesh::memory::{HashEmbedder, Scripted, Step};
use maily_mesh::recall::Memories;
use maily_mesh::{AnyEmbed, Caller, KeyConfig, Mesh, MeshConfig, PriceConfig};
use maily_serve_http::mesh::{MeshState, router};
use serde_json::{Value, json};
use tower::ServiceExt;

const MEMORIES: &str = "/v1/memories";
const SEARCH: &str = "/v1/memories/search";

/// A server that takes each request for one of this caller.
#[derive(Clone)]
struct Client(axum::Router);

impl Client {
    fn of(state: &MeshState, caller: Option<Caller>) -> Self {
        let routes: axum::Router = router(state.clone()).into();
        Self(match caller {
            Some(caller) => routes.layer(Extension(caller)),
            None => routes,
        })
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (StatusCode, HeaderMap, Value) {
        self.send_for("", method, path, body).await
    }

    async fn send_for(
        &self,
        tenant: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        let request = if tenant.is_empty() { request } else { request.header("x-maily-tenant", tenant) };
        let answer =
            self.0.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn remembering() -> MeshState {
    let recall = Arc::new(Memories::new(HashEmbedder));
    let mesh = Mesh::with_recall(&MeshConfig::default(), recall.clone());
    mesh.nodes().insert(Node::new("local", EchoConfig::default().build()));
    MeshState::new(mesh).with_recall(recall)
}

fn prompt(text: &str) -> Value {
    json!({ "model": "default", "messages": [{ "role": "user", "content": text }] })
}

#[tokio::test]
async fn caller_has_the_memories_of_its_own_tenant_and_no_others() {
    let state = remembering();
    let [ann, bob] = ["ann", "bob"].map(|tenant| Client::of(&state, Some(Caller::new(tenant))));
    let trusted = Client::of(&state, None);
    let stored = ann.send("POST", MEMORIES, &json!({ "text": "The code is 7" })).await.2;
    let id = stored["id"].as_str().unwrap();

    for (method, path, body) in [
        ("POST", MEMORIES.to_owned(), json!({ "text": "x", "tenant": "ann" })),
        ("POST", SEARCH.to_owned(), json!({ "query": "code", "tenant": "ann" })),
        ("GET", format!("{MEMORIES}?tenant=ann"), Value::Null),
        ("DELETE", format!("{MEMORIES}/{id}?tenant=ann"), Value::Null),
        ("DELETE", format!("{MEMORIES}?tenant=ann"), Value::Null),
        ("DELETE", format!("{MEMORIES}?tenant=default"), Value::Null),
    ] {
        let (status, _, problem) = bob.send(method, &path, &body).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::FORBIDDEN, &json!("tenant-not-allowed")),
            "{path}"
        );
        assert_eq!(problem["context"]["own"], "bob", "{problem}");
    }

    let none = json!({ "memories": [] });
    assert_eq!(bob.send("GET", MEMORIES, &Value::Null).await.2, none);
    assert_eq!(bob.send("POST", SEARCH, &json!({ "query": "code" })).await.2, none);
    assert_eq!(bob.send("DELETE", &format!("{MEMORIES}/{id}"), &Value::Null).await.0, StatusCode::NOT_FOUND);
    let own = ann.send("GET", &format!("{MEMORIES}?tenant=ann"), &Value::Null).await.2;
    assert_eq!(own["memories"][0]["id"], id);
    // Who lets in without saying who it is trusts what the request says.
    assert_eq!(trusted.send("GET", MEMORIES, &Value::Null).await.2, none);
    let named = trusted.send("GET", &format!("{MEMORIES}?tenant=ann"), &Value::Null).await.2;
    assert_eq!(named["memories"][0]["id"], id);
}

#[tokio::test]
async fn tenant_below_the_callers_own_is_its_own_and_another_one() {
    let state = remembering();
    let acme = Client::of(&state, Some(Caller::new("acme")));

    let body = json!({ "text": "Ann likes tea", "tenant": "acme/ann" });
    assert_eq!(acme.send("POST", MEMORIES, &body).await.0, StatusCode::CREATED);

    assert_eq!(acme.send("GET", MEMORIES, &Value::Null).await.2, json!({ "memories": [] }));
    let ann = acme.send("GET", &format!("{MEMORIES}?tenant=acme/ann"), &Value::Null).await.2;
    assert_eq!(ann["memories"][0]["text"], "Ann likes tea");
    let recalled = async |tenant| {
        let answer =
            acme.send_for(tenant, "POST", "/v1/chat/completions", &prompt("Ann likes tea or coffee?")).await;
        assert_eq!(answer.0, StatusCode::OK);
        answer.1["x-maily-recalled"].to_str().unwrap().to_owned()
    };
    assert_eq!((recalled("").await, recalled("acme/ann").await), ("0".to_owned(), "1".to_owned()));
}

#[tokio::test]
async fn prompt_of_a_caller_recalls_what_its_tenant_has_stored_and_nothing_else() {
    let state = remembering();
    let [ann, bob] = ["ann", "bob"].map(|tenant| Client::of(&state, Some(Caller::new(tenant))));
    ann.send("POST", MEMORIES, &json!({ "text": "The spring sale begins on Monday" })).await;

    let text = "When does the spring sale begin?";
    let mut message = prompt(text);
    message["max_tokens"] = json!(10);
    for (path, body) in [
        ("/v1/chat/completions", prompt(text)),
        ("/v1/messages", message),
        ("/v1/responses", json!({ "model": "default", "input": text })),
    ] {
        let recalled = async |client: &Client, tenant| {
            let answer = client.send_for(tenant, "POST", path, &body).await;
            (answer.0, answer.1.get("x-maily-recalled").map(|count| count.to_str().unwrap().to_owned()))
        };
        assert_eq!(recalled(&ann, "").await, (StatusCode::OK, Some("1".to_owned())), "{path}");
        assert_eq!(recalled(&bob, "").await, (StatusCode::OK, Some("0".to_owned())), "{path}");
        assert_eq!(recalled(&bob, "ann").await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn equal_prompts_of_two_tenants_have_an_answer_each() {
    let config = json!({ "cache": { "enabled": true, "which": "all" } });
    let config: MeshConfig = serde_json::from_value(config).unwrap();
    let mesh = Mesh::new(&config);
    let node = Scripted::new([Step::Answer("Hi".into())]);
    mesh.nodes().insert(Node::new("n", node.clone()));
    let state = MeshState::new(mesh);
    let [ann, bob] = ["ann", "bob"].map(|tenant| Client::of(&state, Some(Caller::new(tenant))));

    let kept = async |client: &Client| {
        let answer = client.send("POST", "/v1/chat/completions", &prompt("Hello")).await;
        answer.1["x-maily-cache"].to_str().unwrap().to_owned()
    };
    assert_eq!((kept(&ann).await, kept(&bob).await), ("miss".to_owned(), "miss".to_owned()));
    assert_eq!((kept(&ann).await, kept(&bob).await), ("hit".to_owned(), "hit".to_owned()));
    assert_eq!(node.calls(), 2);
}

/// A server with an embedder, and a client whose key is this one.
fn paying(config: KeyConfig) -> (Client, impl Fn() -> KeyUsage) {
    let mesh = Mesh::new(&MeshConfig::default());
    mesh.nodes().insert(Node::new("local", EchoConfig::default().build()));
    mesh.keys().price(&PriceConfig::new("words", 2.0, 0.0)).unwrap();
    mesh.keys().insert(config).unwrap();
    let keys = mesh.keys().clone();
    let recall = Arc::new(Memories::new(HashEmbedder));
    let state = MeshState::new(mesh).with_recall(recall).with_embedder(AnyEmbed::new(HashEmbedder));
    let client = Client::of(&state.with_embedding_model("words"), Some(Caller::new("a").with_key("a")));
    (client, move || keys.usage_of("a").unwrap())
}

/// Forty bytes in two texts, which are ten tokens and one for each.
fn texts() -> Value {
    json!({ "model": "any name", "input": ["x".repeat(20), "y".repeat(20)] })
}

#[tokio::test]
async fn embeddings_take_tokens_and_money_of_the_key_until_there_are_no_more() {
    let limits = KeyConfig::new("a").with_requests_per_minute(100).with_tokens_per_minute(30);
    let (client, usage) = paying(limits.with_budget(1_000, Per::Total));

    let (status, headers, answer) = client.send("POST", "/v1/embeddings", &texts()).await;
    assert_eq!((status, answer["data"].as_array().unwrap().len()), (StatusCode::OK, 2));
    assert_eq!(answer["usage"]["prompt_tokens"], 12);
    assert_eq!(headers["x-ratelimit-remaining-tokens"], "18");
    assert_eq!(headers["x-ratelimit-remaining-requests"], "99");
    assert_eq!(headers["x-maily-budget-remaining-micros"], "976");
    assert_eq!((usage().requests, usage().tokens, usage().cost_micros, usage().running), (1, 12, 24, 0));

    assert_eq!(client.send("POST", "/v1/embeddings", &texts()).await.0, StatusCode::OK);
    let (status, headers, problem) = client.send("POST", "/v1/embeddings", &texts()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("key-limit")));
    assert_eq!(headers["x-ratelimit-remaining-tokens"], "6");
    assert!(headers.contains_key("retry-after"));
    let large = json!({ "input": "x".repeat(124) });
    let (status, _, problem) = client.send("POST", "/v1/embeddings", &large).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("prompt-over-limit")));
    assert_eq!((usage().requests, usage().tokens), (2, 24));
}

#[tokio::test]
async fn embeddings_are_for_keys_that_may_use_the_model_whatever_the_request_calls_it() {
    let (client, _) = paying(KeyConfig::new("a").with_model("large"));

    let mut body = texts();
    body["model"] = json!("large");
    let (status, _, problem) = client.send("POST", "/v1/embeddings", &body).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("model-not-allowed")));

    let (client, _) = paying(KeyConfig::new("a").with_model("words"));
    assert_eq!(client.send("POST", "/v1/embeddings", &body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn embeddings_that_are_refused_by_the_route_cost_nothing() {
    let (client, usage) = paying(KeyConfig::new("a").with_requests_per_minute(10));

    for wrong in [json!({ "input": [] }), json!({ "input": "x".repeat(65_537) }), json!({})] {
        assert!(client.send("POST", "/v1/embeddings", &wrong).await.0.is_client_error());
    }

    assert_eq!((usage().requests, usage().tokens), (0, 0));
}

#[tokio::test]
async fn count_of_tokens_and_memories_cost_a_request_and_no_tokens() {
    let (client, usage) = paying(KeyConfig::new("a").with_requests_per_minute(4).with_tokens_per_minute(1));

    let mut body = prompt("Hello");
    body["max_tokens"] = json!(1);
    let (status, headers, count) = client.send("POST", "/v1/messages/count_tokens", &body).await;
    assert_eq!((status, count["input_tokens"].as_u64().is_some()), (StatusCode::OK, true), "{count}");
    assert_eq!(headers["anthropic-ratelimit-requests-remaining"], "3");
    let (_, headers, _) = client
        .send("POST", "/v1/responses/input_tokens", &json!({ "model": "default", "input": "Hello" }))
        .await;
    assert_eq!(headers["x-ratelimit-remaining-requests"], "2");
    assert_eq!(client.send("POST", MEMORIES, &json!({ "text": "a" })).await.0, StatusCode::CREATED);
    let (_, headers, _) = client.send("POST", SEARCH, &json!({ "query": "a" })).await;
    assert_eq!(headers["x-ratelimit-remaining-requests"], "0");

    let (status, _, problem) = client.send("POST", "/v1/messages/count_tokens", &body).await;
    assert_eq!((status, &problem["error"]["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("key-limit")));
    assert_eq!(client.send("GET", MEMORIES, &Value::Null).await.0, StatusCode::OK, "a list is free");
    assert_eq!((usage().requests, usage().tokens), (4, 0));
}
