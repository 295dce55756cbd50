use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use super::LimitLayer;
use crate::model::Caller;
use crate::{Canvas, Join};

const QUERY: Bytes = Bytes::from_static(&[3]);

#[tokio::test(start_paused = true)]
async fn session_over_its_rate_waits_and_loses_nothing() {
    let canvas = LimitLayer::new(10, 1_000_000).layer(Canvas::in_memory());
    let session = canvas.oneshot(Join::new("a".parse().unwrap(), Caller::default())).await.unwrap();
    let start = Instant::now();

    for _ in 0..31 {
        session.send(QUERY).await.unwrap();
    }

    // Ten and the one that begins the next second go at once; the other twenty wait a tenth of a second each.
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}
