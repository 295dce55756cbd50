use std::error::Error as _;

use tower::{Layer as _, ServiceExt as _, service_fn};

use super::CatchPanicLayer;
use crate::{Code, Error, Problem};

async fn caught<F: Future<Output = Result<(), Error>>>(handler: fn() -> F) -> Error {
    CatchPanicLayer::new().layer(service_fn(move |()| handler())).oneshot(()).await.unwrap_err()
}

#[tokio::test]
async fn panic_becomes_an_error_whose_source_is_its_text() {
    let err = caught(|| async { panic!("row {} is odd", 7) }).await;

    assert_eq!(err.code(), Code::Panicked);
    assert_eq!(err.source().unwrap().to_string(), "row 7 is odd");
}

#[tokio::test]
async fn text_of_a_panic_never_reaches_the_problem_document() {
    let err = caught(|| async { panic!("the key is hunter2") }).await;

    let json = String::from_utf8(Problem::from(&err).to_json()).unwrap();
    assert!(json.contains("panicked") && !json.contains("hunter2"), "{json}");
}

#[tokio::test]
async fn panic_before_the_first_await_is_caught_too() {
    fn early() -> std::future::Ready<Result<(), Error>> {
        panic!("early")
    }

    assert_eq!(caught(early).await.code(), Code::Panicked);
}

#[tokio::test]
async fn payload_that_is_not_text_is_caught_too() {
    let err = caught(|| async { std::panic::panic_any(7_u8) }).await;

    assert_eq!(err.source().unwrap().to_string(), "a value that is not text");
}

#[tokio::test]
async fn errors_pass_unchanged() {
    let err = caught(|| async { Err(Error::from(Code::Timeout)) }).await;

    assert_eq!(err.code(), Code::Timeout);
}
