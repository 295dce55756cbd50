use std::time::Duration;

use maily_errors::{Code, Error, Kind};
use tokio::time::{Instant, sleep};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::DeadlineLayer;

const LIMIT: Duration = Duration::from_millis(250);

async fn after(delay: Duration) -> Result<(), Error> {
    sleep(delay).await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slow_request_fails_at_the_limit() {
    let start = Instant::now();
    let service = DeadlineLayer::new(LIMIT).layer(service_fn(after));

    let err = service.oneshot(LIMIT * 10).await.unwrap_err();

    assert_eq!(err.kind(), Kind::Timeout);
    assert_eq!(start.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn answer_at_the_limit_counts() {
    let service = DeadlineLayer::new(LIMIT).layer(service_fn(after));

    assert!(service.oneshot(LIMIT).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn errors_pass_unchanged() {
    let fails = service_fn(|()| async { Err::<(), _>(Error::from(Code::RedisReply)) });

    let err = DeadlineLayer::new(LIMIT).layer(fails).oneshot(()).await.unwrap_err();

    assert_eq!(err.code(), Code::RedisReply);
}
