//! The rules of the [`Gossip`] port, over two instances that find each other by themselves.

use std::time::Duration;

use futures_util::StreamExt;
use maily_errors::Code;

use crate::membership::{Event, MAX_KEY_BYTES, MAX_KEYS, MAX_VALUE_BYTES};
use crate::port::Gossip;

/// How long two instances have for anything, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what} within {PATIENCE:?}");
}

fn value(of: &impl Gossip, key: &str, owner: &impl Gossip) -> Option<String> {
    let shared = of.view(key).into_iter().find(|shared| shared.name == owner.name())?;
    Some(String::from_utf8_lossy(&shared.value).into_owned())
}

/// Two instances come to know each other, and nobody is its own peer.
pub async fn instances_find_each_other([east, west]: [impl Gossip; 2]) {
    assert_ne!(east.name(), west.name());
    until("the two find each other", || {
        east.peers().iter().any(|peer| peer.name == west.name() && peer.status.is_live())
            && west.peers().iter().any(|peer| peer.name == east.name() && peer.status.is_live())
    })
    .await;
    assert_eq!((east.peers().len(), west.peers().len()), (1, 1));
}

/// What one publishes it sees at once and the other soon, each under the name of its owner.
pub async fn published_value_reaches_the_other([east, west]: [impl Gossip; 2]) {
    east.publish("lease/7", "of east".into()).expect("it is shared");
    west.publish("lease/7", "of west".into()).expect("it is shared");
    assert_eq!(east.view("lease/7")[0].name, east.name(), "the own value stands first");
    until("both see both", || {
        value(&west, "lease/7", &east).as_deref() == Some("of east")
            && value(&east, "lease/7", &west).as_deref() == Some("of west")
    })
    .await;
    assert!(east.view("lease/8").is_empty());
}

/// What is shared under keys of one beginning is found with its keys, the own first and then in the order of the keys.
pub async fn keys_of_one_beginning_are_found([east, west]: [impl Gossip; 2]) {
    for key in ["node/b", "nodf", "node/a", "nod"] {
        east.publish(key, key.to_owned().into()).expect("it is shared");
    }
    west.publish("node/c", "of west".into()).expect("it is shared");

    let found = |of: &dyn Gossip| -> Vec<(String, String)> {
        of.scan("node/").into_iter().map(|(key, shared)| (shared.name.to_string(), key.to_string())).collect()
    };
    let [e, w] = [east.name().to_string(), west.name().to_string()];
    let of_east = [(e.clone(), "node/a".to_owned()), (e, "node/b".to_owned())];
    let of_west = [(w, "node/c".to_owned())];
    until("both find all", || {
        found(&east) == [&of_east[..], &of_west].concat() && found(&west) == [&of_west[..], &of_east].concat()
    })
    .await;
    assert!(east.scan("node/d").is_empty());
}

/// The newest value of an owner is what all see in the end, and versions only grow.
pub async fn newest_value_wins_and_never_goes_back([east, west]: [impl Gossip; 2]) {
    let mut last = 0;
    for round in 0..20 {
        east.publish("load/a", format!("{round}").into()).expect("it is shared");
        tokio::task::yield_now().await;
        if let Some(shared) = west.view("load/a").first() {
            assert!(shared.version >= last, "a version went back");
            last = shared.version;
        }
    }
    until("the newest is seen", || value(&west, "load/a", &east).as_deref() == Some("19")).await;
}

/// A withdrawn key is gone everywhere.
pub async fn withdrawn_key_is_gone([east, west]: [impl Gossip; 2]) {
    east.publish("lease/7", "x".into()).expect("it is shared");
    until("it is seen", || value(&west, "lease/7", &east).is_some()).await;
    assert!(east.withdraw("lease/7"));
    assert!(!east.withdraw("lease/7"));
    until("it is gone", || value(&west, "lease/7", &east).is_none()).await;
}

/// A change at one is told to the other.
pub async fn change_is_told([east, west]: [impl Gossip; 2]) {
    let mut events = west.events();
    east.publish("breaker/a", "open".into()).expect("it is shared");
    let told = tokio::time::timeout(PATIENCE, async {
        while let Some(event) = events.next().await {
            if event == (Event::Changed { name: east.name(), key: "breaker/a".into() }) {
                return true;
            }
        }
        false
    });
    assert_eq!(told.await, Ok(true));
    assert_eq!(value(&west, "breaker/a", &east).as_deref(), Some("open"));
}

/// What is over a limit is refused, and what is at it is shared.
pub async fn limits_hold_at_their_edge([east, west]: [impl Gossip; 2]) {
    let key = "k".repeat(MAX_KEY_BYTES);
    let largest = vec![b'v'; MAX_VALUE_BYTES];
    east.publish(&key, largest.clone().into()).expect("it is shared");
    for (key, bytes) in [("", 0), (&*format!("{key}k"), 0), ("large", MAX_VALUE_BYTES + 1)] {
        let err = east.publish(key, vec![0; bytes].into()).expect_err("it is over a limit");
        assert_eq!(err.code(), Code::GossipLimit);
    }
    for at in 1..MAX_KEYS {
        east.publish(&format!("{at}"), "".into()).expect("it is shared");
    }
    assert_eq!(east.publish("more", "".into()).expect_err("too many").code(), Code::GossipLimit);
    until("the largest is seen", || value(&west, &key, &east).is_some_and(|it| it.len() == largest.len()))
        .await;
}
