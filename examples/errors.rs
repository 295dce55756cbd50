//! A handler fails, its caller learns what to do and who met the error, and nothing internal leaves the process.

#![expect(clippy::panic, reason = "the example shows what becomes of one")]

use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use maily::errors::layer::catch_panic::CatchPanicLayer;
use maily::errors::layer::problem::ProblemLayer;
use maily::errors::layer::propagate::PropagateLayer;
use maily::errors::layer::trace::TraceLayer;
use maily::errors::retry::{Decision, Policy, decide};
use maily::errors::{Code, DecodeConfig, Error, MemoryReport, Problem, Public, Status, TraceContext};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

/// What a route does: it returns its error and nothing more.
async fn draft(request: Request<()>) -> Result<Response<Full<bytes::Bytes>>, Error> {
    match request.uri().path() {
        "/panic" => panic!("the key is hunter2"),
        _ => Err(Error::new(Code::NodeThrottled, "the node asks to slow down")
            .with_operation("example::draft")
            .with_context("node", "10.0.3.7")
            .with_context("limit_per_minute", Public(60))
            .with_retry_after(Duration::from_millis(1500))),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let report = MemoryReport::default();
    let server = ServiceBuilder::new()
        // Outermost: everything below knows its trace and the name of the service.
        .layer(TraceLayer::new("drafts"))
        // Whatever fails below is answered.
        .layer(ProblemLayer::new(report.clone()))
        // Below it, so that a panic is answered like any error.
        .layer(CatchPanicLayer::new())
        .service(service_fn(draft));

    // The wire: status, media type, Retry-After, and only what is public.
    let Ok(response) = server.clone().oneshot(Request::new(())).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "2");
    let body =
        response.into_body().collect().await.map_err(|err| Error::from(Code::Unexpected).with_source(err))?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    assert!(text.contains(r#""retry_after_ms":1500"#) && !text.contains("10.0.3.7"), "{text}");

    // The client half: the same error again, in another process, in the same trace.
    let transport = server.clone().map_err(|never| -> Error { match never {} });
    let client =
        ServiceBuilder::new().layer(DecodeConfig::default().build()).layer(PropagateLayer).service(transport);
    let here = TraceContext::root();
    let err = here.scope(client.oneshot(Request::new(()))).await.expect_err("the draft fails");
    assert_eq!((err.code(), err.status()), (Code::NodeThrottled, Status::Temporary));
    assert_eq!(err.retry_after(), Some(Duration::from_millis(1500)));
    let cause = err.causes().iter().next().expect("the service names itself");
    assert_eq!((&*cause.service, cause.trace_id), ("drafts", Some(here.trace_id())));

    // Again? As the other side asks. And once nobody tries any more, the next service is told so.
    let wait = decide(&err, false, 0, &Policy::default(), 0.5);
    assert_eq!(wait, Decision::Retry(Duration::from_millis(1500)));
    assert_eq!(Problem::from(&err.into_persistent()).retry_after_ms, None);

    // A panic is a problem document too; its text is in the report only.
    std::panic::set_hook(Box::new(|_| {}));
    let request = Request::builder()
        .uri("/panic")
        .body(())
        .map_err(|err| Error::from(Code::Unexpected).with_source(err))?;
    let Ok(response) = server.oneshot(request).await;
    assert_eq!(response.status(), 500);
    assert!(report.lines().last().is_some_and(|line| line.contains("hunter2")));
    Ok(())
}
