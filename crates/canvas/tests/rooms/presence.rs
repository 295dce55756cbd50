//! Who is here.

use std::time::Duration;

use maily_canvas::Canvas;
use maily_canvas::sync::{Frame, Presence};
use maily_errors::Code;

use crate::support::Client;

pub(crate) fn presence(client: u64, clock: u64, state: Option<&str>) -> Frame {
    Frame::Awareness(vec![Presence { client, clock, state: state.map(Into::into) }])
}

async fn heard(client: &Client) -> Vec<Presence> {
    loop {
        if let Frame::Awareness(all) = client.next().await {
            return all;
        }
    }
}

#[tokio::test]
async fn presence_reaches_others_newcomers_and_ends_with_its_session() {
    let canvas = Canvas::in_memory();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);

    // Clock 0 counts: a first state may have it.
    a.send(&presence(7, 0, Some("{\"x\":1}"))).await;
    assert_eq!(heard(&b).await[0].state.as_deref(), Some("{\"x\":1}"));
    let late = Client::join(&canvas).await;
    assert_eq!(heard(&late).await[0].client, 7);

    drop(a);
    let gone = heard(&b).await;
    assert_eq!((gone[0].client, gone[0].state.as_deref()), (7, None));
    // It comes back with the same id, and is seen at once.
    let again = Client::join(&canvas).await;
    again.send(&presence(7, 1, Some("{}"))).await;
    assert_eq!(heard(&b).await[0].clock, 1);
}

#[tokio::test]
async fn presence_of_another_cannot_be_changed() {
    let canvas = Canvas::in_memory();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);
    a.send(&presence(7, 1, Some("{\"name\":\"Ada\"}"))).await;
    heard(&b).await;

    b.send(&presence(7, 1_000, Some("{\"name\":\"Mallory\"}"))).await;
    b.send(&presence(7, 1, None)).await;
    b.send(&Frame::QueryAwareness).await;

    assert_eq!(heard(&b).await[0].state.as_deref(), Some("{\"name\":\"Ada\"}"));
}

#[tokio::test]
async fn presence_over_its_limits_is_refused() {
    let canvas = Canvas::in_memory();
    let client = Client::join(&canvas).await.synced().await;
    let fits = format!("\"{}\"", "x".repeat(16 * 1024 - 2));
    let over = format!("\"{}\"", "x".repeat(16 * 1024 - 1));

    client.send(&presence(7, 1, Some(&fits))).await;
    for state in [over.as_str(), "{not json", ""] {
        let refused = client.session.send(presence(7, 2, Some(state)).encode()).await.unwrap_err();
        assert_eq!(refused.code(), Code::AwarenessInvalid);
    }
}

#[tokio::test(start_paused = true)]
async fn presence_expires_after_thirty_seconds() {
    let canvas = Canvas::in_memory();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);
    a.send(&presence(7, 1, Some("{}"))).await;
    heard(&b).await;
    let start = tokio::time::Instant::now();

    let gone = heard(&b).await;

    assert_eq!(gone[0].state, None);
    let after = start.elapsed();
    assert!(after >= Duration::from_secs(30) && after <= Duration::from_secs(33), "{after:?}");
}
