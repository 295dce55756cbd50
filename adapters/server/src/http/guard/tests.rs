use std::convert::Infallible;

use serde_json::Value;
use tower::ServiceExt;

use super::*;

const KEY: &str = "0123456789abcdef";

fn admit(keys: &[&str], uri: &str, headers: &[(&str, &str)]) -> Result<(), Code> {
    let keys = keys.iter().copied().map(Key::new).collect();
    let guard = Guard::new(keys, CancellationToken::new());
    let request = headers
        .iter()
        .fold(Request::builder().uri(uri), |builder, (name, value)| builder.header(*name, *value));
    guard.rules.admit(&mut request.body(axum::body::Body::empty()).unwrap()).map_err(|err| err.code())
}

#[test]
fn loopback_needs_no_key() {
    assert_eq!(admit(&[], "/v1/models", &[("host", "127.0.0.1:7890")]), Ok(()));
    assert_eq!(admit(&[], "/v1/models", &[("host", "[::1]:7890")]), Ok(()));
    assert_eq!(admit(&[], "/v1/models", &[("host", "localhost")]), Ok(()));
}

#[test]
fn rebound_name_is_refused_without_keys() {
    assert_eq!(admit(&[], "/v1/models", &[("host", "evil.example:7890")]), Err(Code::Forbidden));
}

#[test]
fn page_of_another_origin_is_refused() {
    let headers = [("host", "127.0.0.1:7890"), ("origin", "https://evil.example")];
    assert_eq!(admit(&[], "/v1/models", &headers), Err(Code::Forbidden));
}

#[test]
fn page_of_this_origin_is_welcome_also_where_the_address_names_the_host() {
    let origin = ("origin", "http://127.0.0.1:7890");
    assert_eq!(admit(&[], "/v1/models", &[("host", "127.0.0.1:7890"), origin]), Ok(()));
    // As HTTP/2 has it: no header, and the port in the address.
    assert_eq!(admit(&[], "http://127.0.0.1:7890/v1/models", &[origin]), Ok(()));
    assert_eq!(admit(&[], "http://127.0.0.1:7891/v1/models", &[origin]), Err(Code::Forbidden));
}

#[test]
fn api_needs_a_key_that_is_known() {
    let host = ("host", "maily.example");
    assert_eq!(admit(&[KEY], "/v1/models", &[host]), Err(Code::Unauthorized));
    assert_eq!(
        admit(&[KEY], "/v1/models", &[host, ("authorization", "Bearer wrong")]),
        Err(Code::Unauthorized)
    );
    let bearer = format!("Bearer {KEY}");
    assert_eq!(admit(&[KEY], "/v1/models", &[host, ("authorization", &bearer)]), Ok(()));
    assert_eq!(admit(&[KEY], "/v1/models", &[host, ("authorization", &bearer.to_lowercase())]), Ok(()));
}

#[test]
fn only_an_operators_key_changes_nodes() {
    const OPERATOR: &str = "fedcba9876543210";
    let secret = |key: &str| vec![Secret::new(key.to_owned())];
    let admit = |keys, operators, method: &str, uri: &str, key: &str| {
        let guard = Guard::new(keys, CancellationToken::new()).with_operators(operators);
        let request = Request::builder().method(method).uri(uri).header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {key}"));
        guard.rules.admit(&mut request.body(axum::body::Body::empty()).unwrap()).map_err(|err| err.code())
    };
    let (keys, none) = (|| vec![Key::new(KEY)], Vec::new);
    let both = |method, uri, key| admit(keys(), secret(OPERATOR), method, uri, key);

    for (method, uri) in
        [("POST", "/v1/nodes"), ("DELETE", "/v1/nodes/gpu-1"), ("POST", "/v1/nodes/gpu-1/drain")]
    {
        assert_eq!(both(method, uri, OPERATOR), Ok(()));
        assert_eq!(both(method, uri, KEY), Err(Code::Forbidden));
        assert_eq!(both(method, uri, "wrong"), Err(Code::Unauthorized));
        assert_eq!(admit(keys(), Vec::new(), method, uri, KEY), Err(Code::Forbidden));
        assert_eq!(admit(none(), Vec::new(), method, uri, ""), Ok(()), "whoever is on this machine");
        assert_eq!(admit(none(), secret(OPERATOR), method, uri, ""), Err(Code::Unauthorized));
        assert_eq!(admit(none(), secret(OPERATOR), method, uri, OPERATOR), Ok(()));
    }
    assert_eq!(both("GET", "/v1/nodes", KEY), Ok(()));
    assert_eq!(both("GET", "/v1/nodes", OPERATOR), Ok(()));
    assert_eq!(both("GET", "/v1/nodes", "wrong"), Err(Code::Unauthorized));
    assert_eq!(both("POST", "/v1/chat/completions", OPERATOR), Err(Code::Unauthorized));
    assert_eq!(admit(none(), secret(OPERATOR), "POST", "/v1/chat/completions", ""), Ok(()));
}

#[test]
fn key_in_the_query_is_for_sockets_only() {
    const ODD: &str = "0123456789abcde+";
    let (host, socket) = (("host", "maily.example"), ("upgrade", "websocket"));
    let uri = "/v1/mesh/stream?room=a&key=0123456789abcde%2B";
    assert_eq!(admit(&[ODD], uri, &[host, socket]), Ok(()));
    assert_eq!(admit(&[ODD], uri, &[host]), Err(Code::Unauthorized));
}

#[test]
fn tenant_of_a_key_goes_along_and_without_keys_the_request_names_one() {
    let admitted = |keys: Vec<Key>| {
        let guard = Guard::new(keys, CancellationToken::new());
        let request = Request::post("/v1/memories").header("host", "localhost").header("x-api-key", KEY);
        let mut request = request.body(axum::body::Body::empty()).unwrap();
        guard.rules.admit(&mut request).unwrap();
        request.extensions().get::<Caller>().map(|caller| caller.tenant.to_string())
    };

    assert_eq!(admitted(vec![Key::new(KEY)]).as_deref(), Some("default"));
    assert_eq!(admitted(vec![Key::new(KEY).with_tenant("acme")]).as_deref(), Some("acme"));
    assert_eq!(admitted(vec![Key::new(KEY).with_tenant(Key::ANY)]), None);
    assert_eq!(admitted(Vec::new()), None);
}

#[test]
fn key_of_the_mesh_opens_prompts_and_memories_only_and_says_whose_it_is() {
    let callers = Keys::default();
    callers.insert(maily_mesh::KeyConfig::new("team-a").with_secret("sk-of-team-a-000")).unwrap();
    let guard = Guard::new(Vec::new(), CancellationToken::new()).with_callers(callers);
    let ask = |path: &str, key: &str| {
        let request = Request::post(path).header("host", "maily.example").header("x-api-key", key);
        let mut request = request.body(axum::body::Body::empty()).unwrap();
        let admitted = guard.rules.admit(&mut request).map_err(|err| err.code());
        admitted.map(|()| request.extensions().get::<Caller>().unwrap().clone())
    };

    assert!(guard.knows_keys());
    let caller = Caller::new("team-a").with_key("team-a");
    for open in ["/v1/messages", "/v1/usage", "/v1/memories", "/v1/memories/search", "/v1/memories/m1"] {
        assert_eq!(ask(open, "sk-of-team-a-000"), Ok(caller.clone()), "{open}");
    }
    for closed in ["/v1/nodes", "/v1/store/a", "/metrics", "/v1/memoriesx"] {
        assert_eq!(ask(closed, "sk-of-team-a-000"), Err(Code::Forbidden), "{closed}");
    }
    assert_eq!(ask("/v1/messages", "sk-of-team-a-001"), Err(Code::Unauthorized));
}

#[test]
fn health_and_signed_webhooks_need_no_key() {
    let host = ("host", "maily.example");
    assert_eq!(admit(&[KEY], "/healthz", &[host]), Ok(()));
    assert_eq!(admit(&[KEY], "/v1/analytics/webhooks/sendgrid", &[host]), Ok(()));
}

#[tokio::test]
async fn refusal_is_in_the_envelope_of_its_route() {
    let refuse = async |guard: Guard, path: &str| {
        let inner = tower::service_fn(|_| std::future::ready(Ok::<_, Infallible>(Response::default())));
        let request = Request::post(path).header("host", "localhost").header("x-api-key", "wrong");
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = guard.layer(inner).oneshot(request).await.unwrap();
        let again = response.headers().get("x-should-retry").cloned();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (serde_json::from_slice::<Value>(&body).unwrap(), again)
    };
    let draining = CancellationToken::new();
    draining.cancel();
    let guards = [
        (
            Guard::new(vec![Key::new(KEY)], CancellationToken::new()),
            "unauthorized",
            "authentication_error",
            "false",
        ),
        (Guard::new(Vec::new(), draining), "draining", "overloaded_error", "true"),
    ];

    for (guard, code, anthropic, again) in guards {
        let again = Some(HeaderValue::from_static(again));
        for path in ["/v1/chat/completions", "/v1/responses/input_tokens", "/v1/models/m", "/v1/embeddings"] {
            let (problem, header) = refuse(guard.clone(), path).await;
            assert_eq!((&problem["code"], &problem["error"]["code"]), (&code.into(), &code.into()), "{path}");
            assert_eq!(header, again, "{path}");
        }
        for path in ["/v1/messages", "/v1/messages/count_tokens"] {
            let (envelope, header) = refuse(guard.clone(), path).await;
            assert_eq!(
                (&envelope["type"], &envelope["error"]["type"]),
                (&"error".into(), &anthropic.into()),
                "{path}"
            );
            assert_eq!(header, again, "{path}");
        }
        for path in ["/v1/nodes", "/v1/memories", "/metrics", "/v1/messagesx"] {
            let (problem, header) = refuse(guard.clone(), path).await;
            assert_eq!((&problem["code"], problem.get("error")), (&code.into(), None), "{path}");
            assert_eq!(header, None, "{path}");
        }
    }
}

#[test]
fn draining_server_takes_nothing_new() {
    let draining = CancellationToken::new();
    draining.cancel();
    let request = Request::builder().uri("/v1/models").header("host", "localhost");

    let refused =
        Guard::new(Vec::new(), draining).rules.admit(&mut request.body(axum::body::Body::empty()).unwrap());

    assert_eq!(refused.unwrap_err().code(), Code::Draining);
}
