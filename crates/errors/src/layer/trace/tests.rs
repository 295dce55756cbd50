use http::{Request, Response};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::TraceLayer;
use crate::{Code, Error, Problem, Respond, TraceContext};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn handled<T: Send + 'static>(request: Request<()>, look: fn() -> T) -> T {
    let (seen, answer) = std::sync::mpsc::channel();
    let handler = service_fn(move |_: Request<()>| {
        let seen = seen.clone();
        async move {
            tokio::task::yield_now().await;
            seen.send(look()).unwrap();
            Ok::<_, Error>(Response::new(()))
        }
    });
    TraceLayer::new("gateway").layer(handler).oneshot(request).await.unwrap();
    answer.recv().unwrap()
}

fn from_browser() -> Request<()> {
    Request::builder().header("traceparent", PARENT).body(()).unwrap()
}

#[tokio::test]
async fn request_goes_on_in_the_trace_of_its_caller_with_a_span_of_its_own() {
    let parent = TraceContext::parse(PARENT).unwrap();

    let here = handled(from_browser(), TraceContext::current).await.unwrap();

    assert_eq!(here.trace_id(), parent.trace_id());
    assert_ne!(here.span_id(), parent.span_id());
}

#[tokio::test]
async fn request_without_a_trace_begins_one() {
    assert!(handled(Request::new(()), TraceContext::current).await.is_some());
}

#[tokio::test]
async fn header_that_is_no_trace_begins_one() {
    let request = Request::builder().header("traceparent", "00-00-00-00").body(()).unwrap();

    assert!(handled(request, TraceContext::current).await.is_some());
}

#[tokio::test]
async fn error_with_a_detail_carries_the_trace_and_its_document_names_the_service() {
    let (err, problem) = handled(from_browser(), || {
        let err = Error::new(Code::StoreFailed, "the write failed");
        let problem = Problem::from(&err);
        (err, problem)
    })
    .await;

    let here = err.trace().unwrap();
    let cause = problem.causes.iter().next().unwrap();
    assert_eq!((problem.trace_id, cause.span_id), (Some(here.trace_id()), Some(here.span_id())));
    assert_eq!((&*cause.service, &*cause.code), ("gateway", "store-failed"));
}

#[tokio::test]
async fn bare_code_is_answered_with_the_current_trace() {
    let response = handled(from_browser(), || Respond.respond(&Error::from(Code::Conflict))).await;

    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let problem = Problem::from_json(&body).unwrap();
    assert_eq!(problem.trace_id.unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

#[tokio::test]
async fn nothing_is_left_behind_after_a_request_even_one_that_panics() {
    let handler = service_fn(|_: Request<()>| async { panic!("odd") as Result<Response<()>, Error> });
    let request = TraceLayer::new("gateway").layer(handler).oneshot(from_browser());

    let ended = tokio::spawn(request).await;

    assert!(ended.unwrap_err().is_panic());
    assert_eq!(TraceContext::current(), None);
    assert!(Problem::from(&Error::from(Code::Conflict)).causes.is_empty());
}

#[tokio::test]
async fn scopes_nest_and_the_outer_one_comes_back() {
    let (outer, inner) = (TraceContext::root(), TraceContext::root());

    let seen = outer
        .scope(async move {
            let deep = inner.scope(async { TraceContext::current() }).await;
            (deep, TraceContext::current())
        })
        .await;

    assert_eq!(seen, (Some(inner), Some(outer)));
}
