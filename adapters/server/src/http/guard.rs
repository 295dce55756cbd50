//! Who may come in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, ORIGIN, UPGRADE, WWW_AUTHENTICATE};
use maily_errors::{Code, Error, Public, Secret};
use maily_serve_http::reply::Problem;
use subtle::{Choice, ConstantTimeEq};
use tokio_util::sync::CancellationToken;

/// Checks every request before a route sees it.
///
/// - While the server drains, nothing new begins ([`Code::Draining`]).
/// - Without keys only loopback names are answered, so that no page of another origin can reach the server
///   through a name that resolves to 127.0.0.1.
/// - A browser's request must come from the page that this server served: `Origin` equals `Host`.
/// - With keys, everything below `/v1`, `/metrics` and `/openapi.json` needs one: `Authorization: Bearer KEY`, `x-api-key: KEY`,
///   or `?key=KEY` on a WebSocket, where a browser cannot set a header. Webhooks carry their own signature.
#[derive(Clone, Debug)]
pub struct Guard {
    keys: Arc<[Secret<String>]>,
    draining: CancellationToken,
}

impl Guard {
    /// Creates a guard that knows these keys, and turns away what comes once `draining` is canceled.
    #[must_use]
    pub fn new(keys: Vec<Secret<String>>, draining: CancellationToken) -> Self {
        Self { keys: keys.into(), draining }
    }

    /// The middleware, for `axum::middleware::from_fn_with_state`.
    pub async fn check(State(guard): State<Self>, request: Request, next: Next) -> Response {
        match guard.admit(&request) {
            Ok(()) => next.run(request).await,
            Err(err) => {
                let unknown = err.code() == Code::Unauthorized;
                let mut response = Problem::from(err).into_response();
                if unknown {
                    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                response
            }
        }
    }

    fn admit(&self, request: &Request) -> Result<(), Error> {
        let path = request.uri().path();
        if self.draining.is_cancelled() && path != "/healthz" {
            return Err(Error::from(Code::Draining).with_operation("server::guard"));
        }
        let host = text(request.headers(), HOST).or_else(|| request.uri().host()).unwrap_or_default();
        if self.keys.is_empty() && !is_loopback(host) {
            return Err(refused("without keys only loopback names are answered"));
        }
        if let Some(origin) = text(request.headers(), ORIGIN) {
            let from = origin.split_once("://").map_or(origin, |(_, host)| host);
            if from != host {
                return Err(refused("the request comes from a page of another origin")
                    .with_context("origin", Public(origin)));
            }
        }
        if self.keys.is_empty() || !needs_key(path) || self.knows(&presented(request)) {
            return Ok(());
        }
        Err(Error::from(Code::Unauthorized).with_operation("server::guard"))
    }

    /// Compares with every key, in time that does not depend on where they differ.
    fn knows(&self, presented: &str) -> bool {
        let compare = |known: &Secret<String>| known.expose().as_bytes().ct_eq(presented.as_bytes());
        self.keys.iter().map(compare).fold(Choice::from(0), |any, same| any | same).into()
    }
}

fn refused(message: &'static str) -> Error {
    Error::new(Code::Forbidden, message).with_operation("server::guard")
}

fn needs_key(path: &str) -> bool {
    let guarded = path.starts_with("/v1/") || path == "/metrics" || path == "/openapi.json";
    guarded && !path.starts_with("/v1/analytics/webhooks/")
}

fn presented(request: &Request) -> String {
    let bearer = text(request.headers(), AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, key)| key.trim().to_owned());
    let query = || {
        text(request.headers(), UPGRADE).filter(|protocol| protocol.eq_ignore_ascii_case("websocket"))?;
        let Query(mut pairs) = Query::<HashMap<String, String>>::try_from_uri(request.uri()).ok()?;
        pairs.remove("key")
    };
    // What Anthropic clients send.
    let api_key = || text(request.headers(), HeaderName::from_static("x-api-key")).map(str::to_owned);
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
    use super::*;

    const KEY: &str = "0123456789abcdef";

    fn admit(keys: &[&str], uri: &str, headers: &[(&str, &str)]) -> Result<(), Code> {
        let keys = keys.iter().map(|key| Secret::new((*key).to_owned())).collect();
        let guard = Guard::new(keys, CancellationToken::new());
        let request = headers
            .iter()
            .fold(Request::builder().uri(uri), |builder, (name, value)| builder.header(*name, *value));
        guard.admit(&request.body(axum::body::Body::empty()).unwrap()).map_err(|err| err.code())
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
    fn key_in_the_query_is_for_sockets_only() {
        const ODD: &str = "0123456789abcde+";
        let (host, socket) = (("host", "maily.example"), ("upgrade", "websocket"));
        let uri = "/v1/mesh/stream?room=a&key=0123456789abcde%2B";
        assert_eq!(admit(&[ODD], uri, &[host, socket]), Ok(()));
        assert_eq!(admit(&[ODD], uri, &[host]), Err(Code::Unauthorized));
    }

    #[test]
    fn health_and_signed_webhooks_need_no_key() {
        let host = ("host", "maily.example");
        assert_eq!(admit(&[KEY], "/healthz", &[host]), Ok(()));
        assert_eq!(admit(&[KEY], "/v1/analytics/webhooks/sendgrid", &[host]), Ok(()));
    }

    #[test]
    fn draining_server_takes_nothing_new() {
        let draining = CancellationToken::new();
        draining.cancel();
        let request = Request::builder().uri("/v1/models").header("host", "localhost");

        let refused =
            Guard::new(Vec::new(), draining).admit(&request.body(axum::body::Body::empty()).unwrap());

        assert_eq!(refused.unwrap_err().code(), Code::Draining);
    }
}
