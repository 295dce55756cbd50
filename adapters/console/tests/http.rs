//! What a browser sees of the router.

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

const YEAR: &str = "public, max-age=31536000, immutable";

async fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).expect("the test's request is well formed");
    maily_console::router().oneshot(request).await.expect("the router never fails")
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    ask(Method::GET, path, headers).await
}

async fn bytes(response: Response) -> Vec<u8> {
    response.into_body().collect().await.expect("the body is in memory").to_bytes().to_vec()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("our headers are ASCII"))
}

/// Paths of the script and the style sheet, as the page names them.
async fn assets() -> Vec<String> {
    let page = String::from_utf8(bytes(get("/", &[]).await).await).expect("the page is UTF-8");
    let quoted = page.split('"').filter(|part| part.starts_with("/assets/"));
    quoted.map(str::to_owned).collect()
}

#[tokio::test]
async fn page_is_html_that_is_asked_for_again() {
    let response = get("/", &[]).await;

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&response, "cache-control"), "no-cache");
}

#[tokio::test]
async fn page_has_no_inline_script_or_style() {
    let page = String::from_utf8(bytes(get("/", &[]).await).await).unwrap();

    assert!(page.contains("<script type=\"module\""));
    assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains("<script>"));
}

#[tokio::test]
async fn assets_that_the_page_names_exist_and_never_change() {
    let assets = assets().await;

    assert_eq!(assets.len(), 2, "one script and one style sheet: {assets:?}");
    for path in assets {
        let response = get(&path, &[]).await;
        let kind = if path.ends_with(".js") { "text/javascript" } else { "text/css" };
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "content-type"), format!("{kind}; charset=utf-8"));
        assert_eq!(header(&response, "cache-control"), YEAR);
    }
}

#[tokio::test]
async fn smallest_accepted_encoding_is_sent() {
    for (accepted, sent) in [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("BR;q=0.1", "br"),
        ("*", "br"),
        ("gzip;q=0, *;q=0", ""),
        ("identity", ""),
    ] {
        let response = get("/", &[("accept-encoding", accepted)]).await;

        assert_eq!(header(&response, "content-encoding"), sent, "accept-encoding: {accepted}");
        assert_eq!(header(&response, "vary"), "accept-encoding");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    }
}

#[tokio::test]
async fn encoded_copy_is_smaller_and_has_its_own_tag() {
    let path = &assets().await[0];
    let plain = get(path, &[]).await;
    let packed = get(path, &[("accept-encoding", "br")]).await;

    assert_ne!(header(&plain, "etag"), header(&packed, "etag"));
    assert!(bytes(packed).await.len() * 2 < bytes(plain).await.len());
}

#[tokio::test]
async fn script_stays_within_its_budget() {
    let script = assets().await.into_iter().find(|path| path.ends_with(".js")).unwrap();

    let packed = bytes(get(&script, &[("accept-encoding", "gzip")]).await).await;

    assert!(packed.len() <= 130_000, "{} bytes", packed.len());
}

#[tokio::test]
async fn known_bytes_are_not_sent_again() {
    let etag = header(&get("/", &[]).await, "etag").to_owned();

    for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let response = get("/", &[("if-none-match", &known)]).await;
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "if-none-match: {known}");
        assert_eq!(header(&response, "etag"), etag);
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert!(bytes(response).await.is_empty());
    }
    let response = get("/", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn head_says_the_length_and_sends_nothing() {
    let length = bytes(get("/", &[]).await).await.len();

    let response = ask(Method::HEAD, "/", &[]).await;

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-length"), length.to_string());
    assert!(bytes(response).await.is_empty());
}

#[tokio::test]
async fn missing_asset_is_a_problem_document() {
    for path in ["/assets/gone.js", "/assets/", "/assets/../index.html", "/assets/%2e%2e%2findex.html"] {
        let response = get(path, &[]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let response = get("/assets/gone.js", &[]).await;
    assert_eq!(header(&response, "content-type"), "application/problem+json");
}

#[tokio::test]
async fn encoded_copy_is_no_file_of_its_own() {
    for path in assets().await {
        assert_eq!(get(&format!("{path}.br"), &[]).await.status(), StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    assert_eq!(ask(Method::POST, "/", &[]).await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn every_answer_is_confined() {
    let etag = header(&get("/", &[]).await, "etag").to_owned();
    for response in [
        get("/", &[]).await,
        get("/", &[("if-none-match", &etag)]).await,
        get("/favicon.svg", &[]).await,
        get("/assets/gone.js", &[]).await,
    ] {
        let policy = header(&response, "content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.split("; ").any(|part| part == rule), "{rule} in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'));
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    }
}
