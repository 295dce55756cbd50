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
use http::uri::Authority;
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
        // HTTP/2 names the host, and its port, in the address.
        let authority = || request.uri().authority().map(Authority::as_str);
        let host = text(request.headers(), HOST).or_else(authority).unwrap_or_default();
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
mod tests;
