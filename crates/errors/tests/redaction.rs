//! What is secret, or for the log only, gets nowhere else.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use maily_errors::layer::problem::ProblemLayer;
use maily_errors::layer::trace::TraceLayer;
use maily_errors::testing::listen;
use maily_errors::{Code, Error, LogReport, Public, Report, Secret};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tracing_subscriber::fmt::MakeWriter;

const SECRET: &str = "hunter2";

/// Settings as a service has them: read from a file, printed at the start, kept in a span.
#[derive(Clone, Debug, serde::Deserialize)]
struct Settings {
    node: String,
    key: Secret<String>,
}

fn settings() -> Settings {
    serde_json::from_str(r#"{"node": "10.0.3.7", "key": "hunter2"}"#).unwrap()
}

/// Everything that the process logs while `work` runs, at the finest level.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn refused(settings: &Settings) -> Error {
    tracing::debug!(?settings, "asks the node");
    Error::new(Code::StoreFailed, "the node refused our key")
        .with_operation("tests::redaction")
        .with_context("node", &settings.node)
        .with_context("key_length", Public(settings.key.expose().len()))
        .with_source(io::Error::other("disk 3 is full"))
}

/// Answers one request as a service does, and returns the body and the log.
async fn answered() -> (String, String) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    let _heard = listen(subscriber.finish());
    let handler = service_fn(|_: Request<()>| async {
        let settings = settings();
        let _span = tracing::info_span!("handler", key = ?settings.key).entered();
        Err::<Response<String>, _>(refused(&settings))
    });
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new("test"))
        .layer(ProblemLayer::new(LogReport))
        .service(handler);

    let response = service.oneshot(Request::new(())).await.unwrap();

    let body = response.into_body().collect().await.unwrap().to_bytes();
    (String::from_utf8(body.to_vec()).unwrap(), log.text())
}

#[tokio::test]
async fn secret_reaches_neither_response_nor_log() {
    let (body, log) = answered().await;

    assert!(body.contains(r#""key_length":7"#), "{body}");
    assert!(log.contains("[secret]") && log.contains("store-failed"), "{log}");
    assert!(!body.contains(SECRET) && !log.contains(SECRET), "{body}{log}");
}

#[tokio::test]
async fn what_is_for_the_log_reaches_it_with_the_trace_and_no_response() {
    let (body, log) = answered().await;

    let trace_id =
        serde_json::from_str::<serde_json::Value>(&body).unwrap()["trace_id"].as_str().unwrap().to_owned();
    for internal in ["10.0.3.7", "disk 3 is full", "tests::redaction", "redaction.rs"] {
        assert!(log.contains(internal), "{internal}: {log}");
        assert!(!body.contains(internal), "{internal}: {body}");
    }
    assert!(log.lines().any(|line| line.contains("error") && line.contains(&trace_id)), "{log}");
}

#[test]
fn secret_is_in_no_form_of_an_error() {
    let settings = settings();
    let report = maily_errors::MemoryReport::default();
    let err = refused(&settings);

    report.report(&err);

    let forms = [err.to_string(), format!("{err:?}"), format!("{err:#?}"), format!("{settings:#?}")];
    for form in forms.into_iter().chain(report.lines()) {
        assert!(!form.contains(SECRET), "{form}");
    }
}
