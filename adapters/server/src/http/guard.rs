//! Who may come in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::{Query, Request};
use axum::response::Response;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, UPGRADE, WWW_AUTHENTICATE};
use maily_errors::{Code, Error, Public, Secret};
use maily_mesh::Caller;
use maily_mesh::layer::limit::Keys;
use maily_serve_http::mesh::refuse;
use pin_project_lite::pin_project;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use crate::config::Key;

/// Checks every request before a route sees it.
///
/// - While the server drains, nothing new begins ([`Code::Draining`]).
/// - Without keys only loopback names are answered, so that no page of another origin can reach the server
///   through a name that resolves to 127.0.0.1.
/// - A browser's request must come from the page that this server served: `Origin` equals `Host`.
/// - With keys, everything below `/v1`, `/metrics` and `/openapi.json` needs one: `Authorization: Bearer KEY`, `x-api-key: KEY`,
///   or `?key=KEY` on a WebSocket, where a browser cannot set a header. Webhooks carry their own signature.
/// - Whose tenant a key is goes along with the request, as its [`Caller`]; without keys, and with a key of any tenant, the
///   request itself says that.
/// - A key of the mesh opens the routes of prompts and memories only, and its name goes along too.
/// - Once there is any key, only an operator's changes the nodes (`POST`, `DELETE` below `/v1/nodes`): whoever does sends
///   prompts of all to where it likes. Elsewhere it is no key.
#[derive(Clone, Debug)]
pub struct Guard {
    rules: Arc<Rules>,
}

/// The service of [`Guard`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    inner: S,
    rules: Arc<Rules>,
}

pin_project! {
    /// The future of [`Guarded`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    #[derive(Debug)]
    enum State<F> {
        Admitted { #[pin] inner: F },
        Refused { response: Option<Box<Response>> },
    }
}

#[derive(Clone, Debug)]
struct Rules {
    keys: Vec<Key>,
    callers: Keys,
    operators: Vec<Secret<String>>,
    draining: CancellationToken,
}

impl Guard {
    /// Creates a guard that knows these keys, and turns away what comes once `draining` is canceled.
    #[must_use]
    pub fn new(keys: Vec<Key>, draining: CancellationToken) -> Self {
        let (callers, operators) = (Keys::default(), Vec::new());
        Self { rules: Arc::new(Rules { keys, callers, operators, draining }) }
    }

    /// Lets in who has a key of the mesh, for prompts and memories.
    #[must_use]
    pub fn with_callers(mut self, callers: Keys) -> Self {
        Arc::make_mut(&mut self.rules).callers = callers;
        self
    }

    /// Adds the keys of those that may change the nodes.
    #[must_use]
    pub fn with_operators(mut self, keys: Vec<Secret<String>>) -> Self {
        Arc::make_mut(&mut self.rules).operators = keys;
        self
    }

    /// Returns whether callers need a key.
    #[must_use]
    pub fn knows_keys(&self) -> bool {
        self.rules.knows_keys()
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded { inner, rules: Arc::clone(&self.rules) }
    }
}

impl<S: Service<Request, Response = Response>> Service<Request> for Guarded<S> {
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let state = match self.rules.admit(&mut request) {
            Ok(()) => State::Admitted { inner: self.inner.call(request) },
            Err(err) => State::Refused { response: Some(Box::new(turn_away(request.uri().path(), err))) },
        };
        ResponseFuture { state }
    }
}

impl<F: Future<Output = Result<Response, E>>, E> Future for ResponseFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Admitted { inner } => inner.poll(cx),
            StateProjection::Refused { response } => {
                Poll::Ready(Ok(*response.take().expect("a future is not polled after its end")))
            }
        }
    }
}

/// Answers in the words of the route that was asked for.
fn turn_away(path: &str, err: Error) -> Response {
    let unknown = err.code() == Code::Unauthorized;
    let mut response = refuse(path, err);
    if unknown {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

impl Rules {
    fn knows_keys(&self) -> bool {
        !self.keys.is_empty() || !self.callers.is_empty()
    }

    fn admit(&self, request: &mut Request) -> Result<(), Error> {
        let path = request.uri().path();
        if self.draining.is_cancelled() && path != "/healthz" {
            return Err(Error::from(Code::Draining).with_operation("server::guard"));
        }
        let host = text(request.headers(), HOST).or_else(|| request.uri().host()).unwrap_or_default();
        if !self.knows_keys() && !is_loopback(host) {
            return Err(refused("without keys only loopback names are answered"));
        }
        if let Some(origin) = text(request.headers(), ORIGIN) {
            let from = origin.split_once("://").map_or(origin, |(_, host)| host);
            if from != host {
                return Err(refused("the request comes from a page of another origin")
                    .with_context("origin", Public(origin)));
            }
        }
        let of_nodes = path == "/v1/nodes" || path.starts_with("/v1/nodes/");
        let changes_nodes = of_nodes && !request.method().is_safe();
        let is_asked = self.knows_keys() || (changes_nodes && !self.operators.is_empty());
        if !is_asked || !needs_key(path) {
            return Ok(());
        }
        let presented = presented(request);
        if of_nodes && find(&self.operators, |key| key, &presented).is_some() {
            return Ok(());
        }
        if let Some(key) = find(&self.keys, |key| &key.secret, &presented) {
            if changes_nodes {
                return Err(refused("only a key of `nodes.keys` changes the nodes"));
            }
            if key.tenant.as_str() != Key::ANY {
                request.extensions_mut().insert(Caller::new(key.tenant.clone()));
            }
            return Ok(());
        }
        let caller = self.callers.caller(&presented);
        let caller = caller.ok_or_else(|| Error::from(Code::Unauthorized).with_operation("server::guard"))?;
        if !is_for_callers(path) {
            return Err(refused("the key is for prompts and memories only"));
        }
        request.extensions_mut().insert(caller);
        Ok(())
    }
}

/// Compares with every key, in time that does not depend on where they differ.
fn find<'a, K>(keys: &'a [K], secret: impl Fn(&K) -> &Secret<String>, presented: &str) -> Option<&'a K> {
    let found = keys.iter().map(|key| (key, secret(key).expose().as_bytes().ct_eq(presented.as_bytes())));
    // None is passed over: each is looked at to its end.
    found.fold(None, |found, (key, same)| if bool::from(same) { Some(key) } else { found })
}

fn refused(message: &'static str) -> Error {
    Error::new(Code::Forbidden, message).with_operation("server::guard")
}

fn needs_key(path: &str) -> bool {
    let guarded = path.starts_with("/v1/") || path == "/metrics" || path == "/openapi.json";
    guarded && !path.starts_with("/v1/analytics/webhooks/")
}

/// What a caller of the mesh may do: ask, remember, and see what there is to ask and what it has left.
fn is_for_callers(path: &str) -> bool {
    const EXACT: [&str; 10] = [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/v1/memories",
        "/v1/mesh/stream",
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/responses",
        "/v1/responses/input_tokens",
        "/v1/usage",
    ];
    EXACT.contains(&path)
        || path == "/v1/models"
        || path.starts_with("/v1/models/")
        || path.starts_with("/v1/memories/")
}

fn presented(request: &Request) -> Cow<'_, str> {
    let bearer = text(request.headers(), AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| Cow::Borrowed(key.trim()));
    let query = || {
        text(request.headers(), UPGRADE).filter(|protocol| protocol.eq_ignore_ascii_case("websocket"))?;
        let Query(mut pairs) = Query::<HashMap<String, String>>::try_from_uri(request.uri()).ok()?;
        pairs.remove("key").map(Cow::Owned)
    };
    // What Anthropic clients send.
    let api_key = || text(request.headers(), HeaderName::from_static("x-api-key")).map(Cow::Borrowed);
    bearer.or_else(api_key).or_else(query).unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
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
            for path in
                ["/v1/chat/completions", "/v1/responses/input_tokens", "/v1/models/m", "/v1/embeddings"]
            {
                let (problem, header) = refuse(guard.clone(), path).await;
                assert_eq!(
                    (&problem["code"], &problem["error"]["code"]),
                    (&code.into(), &code.into()),
                    "{path}"
                );
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

        let refused = Guard::new(Vec::new(), draining)
            .rules
            .admit(&mut request.body(axum::body::Body::empty()).unwrap());

        assert_eq!(refused.unwrap_err().code(), Code::Draining);
    }
}
