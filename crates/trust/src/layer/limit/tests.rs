use std::convert::Infallible;

use maily_errors::{Code, Error, Value};
use tower::{Layer, ServiceExt, service_fn};

use super::*;

async fn length(message: Vec<u8>) -> Result<usize, Error> {
    std::future::ready(Ok::<_, Infallible>(message.len())).await.map_err(|never| match never {})
}

#[tokio::test]
async fn message_at_the_limit_passes_and_one_more_byte_does_not() {
    let service = LimitLayer::new(10).layer(service_fn(length));

    let passed = service.clone().oneshot(vec![0; 10]).await.unwrap();
    let refused = service.oneshot(vec![0; 11]).await.unwrap_err();

    assert_eq!(passed, 10);
    assert_eq!(refused.code(), Code::MailTooLarge);
    let context: Vec<_> = refused.public_context().collect();
    assert_eq!(context, [("bytes", &Value::from(11_u64)), ("limit_bytes", &Value::from(10_u64))]);
}
