use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::DecodeLayer;
use crate::{Code, Error, Problem};

const LIMIT: usize = 512;

async fn call(response: http::response::Builder, body: Vec<u8>) -> Result<Response<Full<Bytes>>, Error> {
    let response = response.body(Full::new(Bytes::from(body))).unwrap();
    let upstream = service_fn(move |_: Request<()>| {
        let response = response.clone();
        async move { Ok::<_, Error>(response) }
    });
    DecodeLayer::new(LIMIT).layer(upstream).oneshot(Request::new(())).await
}

fn problem(status: u16) -> http::response::Builder {
    Response::builder().status(status).header("content-type", "application/problem+json; charset=utf-8")
}

#[tokio::test]
async fn success_passes_with_its_body_untouched() {
    let body = vec![b'x'; LIMIT * 2];

    let response = call(Response::builder().status(200), body).await.unwrap();

    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(1024));
}

#[tokio::test]
async fn known_code_comes_back_with_its_delay_and_fields() {
    let sent = Error::from(Code::NodeThrottled)
        .with_retry_after(Duration::from_millis(1500))
        .with_violation("/messages/0", "is empty");

    let err = call(problem(429), Problem::from(&sent).to_json()).await.unwrap_err();

    assert_eq!(err.code(), Code::NodeThrottled);
    assert_eq!(err.retry_after(), Some(Duration::from_millis(1500)));
    assert_eq!(err.violations(), sent.violations());
}

#[tokio::test]
async fn unknown_code_goes_on_unchanged() {
    let text = br#"{"type":"urn:maily:error:of-2031","title":"New","status":418,"code":"of-2031","number":9999,"detail":"d","teapot":true}"#;

    let err = call(problem(418), text.to_vec()).await.unwrap_err();

    assert_eq!(err.code(), Code::Invalid);
    assert_eq!(Problem::from(&err).to_json(), text);
}

#[tokio::test]
async fn retry_after_header_counts_when_the_body_says_nothing() {
    let err = call(problem(503).header("retry-after", "7"), b"{\"code\":\"unavailable\"}".to_vec())
        .await
        .unwrap_err();

    assert_eq!(err.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn what_is_not_a_problem_document_is_malformed() {
    let html = Response::builder().status(404).header("content-type", "text/html");
    let cases = [
        (html, b"<html>Not Found</html>".to_vec()),
        (Response::builder().status(500), b"{\"code\":\"timeout\"}".to_vec()),
        (problem(500), Vec::new()),
        (problem(500), b"[]".to_vec()),
        (problem(500), b"{}".to_vec()),
        (problem(500), b"{\"status\":\"500\"}".to_vec()),
        (problem(500), b"{\"title\":\"cut".to_vec()),
        (problem(500), vec![0xff, 0xfe, 0x00]),
    ];
    for (response, body) in cases {
        let text = String::from_utf8_lossy(&body).into_owned();

        let err = call(response, body).await.unwrap_err();

        assert_eq!(err.code(), Code::MalformedProblem, "{text}");
        assert!(err.public_context().any(|(key, _)| key == "status"), "{text}");
    }
}

#[tokio::test]
async fn body_at_the_limit_is_read_and_one_byte_more_is_not() {
    let sized = |size: usize| {
        let mut body = br#"{"code":"timeout","detail":""#.to_vec();
        body.resize(size - 2, b'x');
        body.extend_from_slice(b"\"}");
        body
    };

    assert_eq!(call(problem(500), sized(LIMIT)).await.unwrap_err().code(), Code::Timeout);
    assert_eq!(call(problem(500), sized(LIMIT + 1)).await.unwrap_err().code(), Code::MalformedProblem);
}
