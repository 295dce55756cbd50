use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use maily_errors::{Code, Error};
use tower::{Layer, ServiceExt, service_fn};

use super::DedupeLayer;
use crate::model::Event;
use crate::service::Ingested;

fn event(id: u32) -> Event {
    let text = format!(
        r#"{{"source":"s","id":"{id}","type":"open","time":"2026-01-05T10:00:00Z","recipient":"a@b.c"}}"#
    );
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn stored_event_does_not_reach_the_service_again() {
    let service = DedupeLayer::new(10).layer(service_fn(|events: Vec<Event>| async move {
        Ok::<_, Error>(Ingested { accepted: events.len() as u64, duplicates: 0 })
    }));

    service.clone().oneshot(vec![event(1)]).await.unwrap();
    let second = service.oneshot(vec![event(1), event(2)]).await.unwrap();

    assert_eq!(second, Ingested { accepted: 1, duplicates: 1 });
}

#[tokio::test]
async fn event_of_a_failed_batch_is_not_remembered() {
    let calls = Arc::new(AtomicUsize::new(0));
    let service = DedupeLayer::new(10).layer(service_fn(move |events: Vec<Event>| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if first {
                return Err(Error::from(Code::EventsStoreFailed));
            }
            Ok(Ingested { accepted: events.len() as u64, duplicates: 0 })
        }
    }));

    assert!(service.clone().oneshot(vec![event(1)]).await.is_err());
    assert_eq!(service.oneshot(vec![event(1)]).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn oldest_event_is_forgotten_at_the_limit() {
    let service = DedupeLayer::new(2).layer(service_fn(|events: Vec<Event>| async move {
        Ok::<_, Error>(Ingested { accepted: events.len() as u64, duplicates: 0 })
    }));

    service.clone().oneshot(vec![event(1), event(2), event(3)]).await.unwrap();

    assert_eq!(service.oneshot(vec![event(1), event(2), event(3)]).await.unwrap().accepted, 1);
}
