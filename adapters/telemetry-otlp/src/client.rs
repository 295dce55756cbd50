//! One request to the collector.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{StatusCode, Uri};
use maily_client_http1::{Client as Http, Failure as Broken, Headers, Incoming, Patience, Request, Target};
use maily_errors::{Code, Error, Public, Result};
use tokio::time::timeout;

use crate::codec;
use crate::config::{TelemetryConfig, wrong};

/// A collector, and what every request to it begins with.
#[derive(Debug)]
pub(crate) struct Client {
    http: Http,
    head: Bytes,
    patience: Duration,
}

/// Why a batch was not taken.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody is there, or is too busy: the same batch may be taken later, after this time if the collector names one.
    Away(Error, Option<Duration>),
    /// The batch will never be taken.
    Refused(Error),
}

/// How long the collector wants to be left alone.
#[derive(Default)]
struct RetryAfter(Option<Duration>);

impl Headers for RetryAfter {
    fn see(&mut self, name: &str, value: &[u8]) {
        if name.eq_ignore_ascii_case("retry-after") {
            let seconds = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            self.0 = seconds.map(Duration::from_secs);
        }
    }
}

impl Client {
    /// Reads the settings; `None` if nothing is exported.
    pub(crate) fn of(config: &TelemetryConfig) -> Result<Option<Self>> {
        let Some(url) = &config.otlp else { return Ok(None) };
        let (target, url) = target(url).ok_or_else(|| {
            wrong("telemetry.otlp", "a collector is `http://HOST:PORT` or `https://HOST:PORT`")
        })?;
        let patience = Duration::from_millis(config.timeout_ms);
        let http = Http::new(target, Patience::default().with_connect_ms(config.timeout_ms));
        Ok(Some(Self { http, head: head(config, &url)?, patience }))
    }

    /// Sends one request; the answer is how many of its spans the collector did not take, and why.
    pub(crate) async fn post(&self, body: Bytes) -> Result<Option<(usize, String)>, Failure> {
        let length = format!("content-length: {}\r\n\r\n", body.len());
        let request = Request::new(self.head.clone(), length, body);
        let asked = async {
            let (head, body) = self.http.send::<RetryAfter>(request).await.map_err(away)?;
            judge(head.status, head.headers.0)?;
            // Read to its end: the connection is used again.
            Ok(codec::rejected(&whole(body).await.map_err(away)?))
        };
        let silent = |_| Failure::Away(failed("the collector does not answer in time"), None);
        timeout(self.patience, asked).await.map_err(silent)?
    }
}

/// Adds the path of the protocol, unless it is there.
fn target(url: &str) -> Option<(Target, Uri)> {
    let mut parts = url.parse::<Uri>().ok()?.into_parts();
    let base = parts.path_and_query.as_ref().map_or("", |path| path.path());
    let base = base.strip_suffix(PATH).unwrap_or(base).trim_end_matches('/');
    parts.path_and_query = Some(format!("{base}{PATH}").try_into().ok()?);
    let url = Uri::from_parts(parts).ok()?;
    Some((Target::of(&url)?, url))
}

fn head(config: &TelemetryConfig, url: &Uri) -> Result<Bytes> {
    let host = url.authority().map_or("", |authority| authority.as_str());
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-protobuf\r\nuser-agent: maily/{}\r\n",
        url.path(),
        env!("CARGO_PKG_VERSION")
    );
    for (name, value) in &config.headers {
        let value = value.expose();
        if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
            let err = wrong("telemetry.headers", "a header has a name and a value that HTTP allows");
            return Err(err.with_context("header", Public(name.clone())));
        }
        let _ = write!(head, "{name}: {value}\r\n");
    }
    Ok(head.into())
}

/// Tells an answer that is worth another try from one that is final.
///
/// Source: OTLP specification 1.9, section OTLP/HTTP response.
fn judge(status: StatusCode, after: Option<Duration>) -> Result<(), Failure> {
    let busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    let with_status = |message| failed(message).with_context("status", Public(status.as_u16()));
    if busy.contains(&status) {
        return Err(Failure::Away(with_status("the collector is busy"), after));
    }
    let refused = || Failure::Refused(with_status("the collector refuses"));
    status.is_success().then_some(()).ok_or_else(refused)
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, Broken> {
    let mut whole = Vec::new();
    while let Some(piece) = poll_fn(|cx| body.poll_piece(cx)).await.transpose()? {
        // What a collector has to say is short; of more than that nothing is read.
        if whole.len() + piece.len() > MOST_ANSWER_BYTES {
            break;
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

fn away(broken: Broken) -> Failure {
    let err = match broken {
        Broken::Unreachable(err) | Broken::HungUp(Some(err)) | Broken::Cut(Some(err)) => {
            failed("the collector is not reached").with_source(err)
        }
        Broken::Framing(what) | Broken::Head(what) | Broken::Silent(what) => {
            failed("the collector does not speak HTTP").with_context("what", Public(what))
        }
        _ => failed("the collector hung up"),
    };
    Failure::Away(err, None)
}

fn failed(message: &'static str) -> Error {
    Error::new(Code::Unavailable, message).with_operation("telemetry_otlp::export")
}

const PATH: &str = "/v1/traces";
const MOST_ANSWER_BYTES: usize = 64 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_the_protocol_is_added_once() {
        for (url, whole) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://otlp.example/api/otlp/", "https://otlp.example/api/otlp/v1/traces"),
            ("https://otlp.example/v1/traces", "https://otlp.example/v1/traces"),
        ] {
            assert_eq!(target(url).unwrap().1, whole);
        }
    }

    #[test]
    fn url_that_is_none_is_refused() {
        for url in ["", "127.0.0.1:4318", "grpc://collector:4317", "http://", "collector", "/v1/traces"] {
            assert!(target(url).is_none(), "{url}");
        }
    }

    #[test]
    fn busy_collector_is_asked_again_and_one_that_refuses_is_not() {
        let after = Some(Duration::from_secs(7));
        for status in [429, 502, 503, 504] {
            let judged = judge(StatusCode::from_u16(status).unwrap(), after);
            assert!(matches!(judged, Err(Failure::Away(_, told)) if told == after), "{status}");
        }
        for status in [301, 400, 401, 404, 413, 500] {
            let judged = judge(StatusCode::from_u16(status).unwrap(), after);
            assert!(matches!(judged, Err(Failure::Refused(_))), "{status}");
        }
        assert!(judge(StatusCode::OK, None).is_ok());
    }
}
