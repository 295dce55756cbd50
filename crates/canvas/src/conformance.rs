//! One function for each rule of each port. An adapter runs them all with one line.
//!
//! ```
//! maily_canvas::conformance!(store, maily_canvas::memory::MemoryStore::default());
//! # fn main() {}
//! ```

#![expect(clippy::missing_panics_doc, reason = "a broken rule panics: each function is a test")]

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;

use crate::model::DocumentName;
use crate::port::{Bus, DocStore};

fn name(name: &str) -> DocumentName {
    name.parse().expect("the names below are valid")
}

fn update(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A document that was never stored is `None`, not empty.
pub async fn store_unknown_document_is_none(store: impl DocStore) {
    assert_eq!(store.load(&name("nobody")).await.expect("load"), None);
    assert!(!store.remove(&name("nobody")).await.expect("remove"));
}

/// What was appended is loaded, in order, under numbers without a gap.
pub async fn store_loads_what_was_appended(store: impl DocStore) {
    let document = name("a");

    let first = store.append(&document, vec![update("one"), update("two")]).await.expect("append");
    let second = store.append(&document, vec![update("three")]).await.expect("append");

    let stored = store.load(&document).await.expect("load").expect("it was stored");
    assert_eq!((first, second, stored.last), (2, 3, 3));
    assert_eq!(stored.updates, [update("one"), update("two"), update("three")]);
    assert_eq!(stored.snapshot, None);
}

/// Documents do not see each other, also when one name begins like another.
pub async fn store_keeps_documents_apart(store: impl DocStore) {
    store.append(&name("a"), vec![update("one")]).await.expect("append");
    store.append(&name("a.b"), vec![update("two")]).await.expect("append");

    let stored = store.load(&name("a")).await.expect("load").expect("it was stored");
    assert_eq!(stored.updates, [update("one")]);
    assert_eq!(store.list().await.expect("list"), [name("a"), name("a.b")]);
}

/// Compaction keeps what came after it, and numbers go on.
pub async fn store_compaction_keeps_later_updates(store: impl DocStore) {
    let document = name("a");
    store.append(&document, vec![update("one"), update("two"), update("three")]).await.expect("append");

    store.compact(&document, 2, update("both")).await.expect("compact");

    let stored = store.load(&document).await.expect("load").expect("it was stored");
    assert_eq!(stored.snapshot, Some(update("both")));
    assert_eq!((stored.updates, stored.last), (vec![update("three")], 3));
    assert_eq!(store.append(&document, vec![update("four")]).await.expect("append"), 4);
}

/// A compaction that comes late changes nothing.
pub async fn store_older_compaction_changes_nothing(store: impl DocStore) {
    let document = name("a");
    store.append(&document, vec![update("one"), update("two")]).await.expect("append");
    store.compact(&document, 2, update("new")).await.expect("compact");

    store.compact(&document, 1, update("old")).await.expect("compact");

    let stored = store.load(&document).await.expect("load").expect("it was stored");
    assert_eq!((stored.snapshot, stored.updates, stored.last), (Some(update("new")), vec![], 2));
}

/// A removed document is gone, and begins again at one.
pub async fn store_removed_document_begins_again(store: impl DocStore) {
    let document = name("a");
    store.append(&document, vec![update("one")]).await.expect("append");
    store.compact(&document, 1, update("all")).await.expect("compact");

    assert!(store.remove(&document).await.expect("remove"));

    assert_eq!(store.load(&document).await.expect("load"), None);
    assert_eq!(store.list().await.expect("list"), []);
    assert_eq!(store.append(&document, vec![update("again")]).await.expect("append"), 1);
}

/// Concurrent appends all arrive: each once, each under a number of its own.
pub async fn store_concurrent_appends_all_arrive(store: impl DocStore) {
    let documents = [name("a"), name("b"), name("c")];
    let appends = (0..30_u8).map(|index| {
        let document = &documents[usize::from(index) % documents.len()];
        store.append(document, vec![Bytes::from(vec![index])])
    });

    let numbers = join_all(appends).await;

    for (start, document) in documents.iter().enumerate() {
        let stored = store.load(document).await.expect("load").expect("it was stored");
        let loaded: BTreeSet<_> = stored.updates.iter().map(|update| update[0]).collect();
        let expected: BTreeSet<_> = (0..30_u8).skip(start).step_by(3).collect();
        assert_eq!(loaded, expected);
    }
    let mut numbers: Vec<_> = numbers.into_iter().map(|number| number.expect("append")).collect();
    numbers.sort_unstable();
    let expected: Vec<u64> = (1..=10).flat_map(|number| [number; 3]).collect();
    assert_eq!(numbers, expected);
}

/// An update may have any size, and any bytes.
pub async fn store_keeps_large_updates(store: impl DocStore) {
    let large = Bytes::from(vec![0xA5; 3 * 1024 * 1024]);

    store.append(&name("large"), vec![Bytes::new(), large.clone()]).await.expect("append");

    let stored = store.load(&name("large")).await.expect("load").expect("it was stored");
    assert_eq!(stored.updates, [Bytes::new(), large]);
}

/// A subscriber gets what is published after it, of its document only, in order.
pub async fn bus_delivers_in_order(bus: impl Bus) {
    let mut frames = bus.subscribe(&name("a")).await.expect("subscribe");

    bus.publish(&name("b"), update("other")).await.expect("publish");
    bus.publish(&name("a"), update("one")).await.expect("publish");
    bus.publish(&name("a"), update("two")).await.expect("publish");

    assert_eq!(frames.next().await.expect("open").expect("frame"), update("one"));
    assert_eq!(frames.next().await.expect("open").expect("frame"), update("two"));
}

/// Publishing to nobody is no error.
pub async fn bus_takes_frames_without_a_subscriber(bus: impl Bus) {
    bus.publish(&name("a"), update("one")).await.expect("publish");
}

/// Runs every rule of a port: `conformance!(store, expression)` or `conformance!(bus, expression)`.
///
/// The expression is evaluated once for each rule and makes a fresh, empty adapter; it may `.await`.
#[macro_export]
macro_rules! conformance {
    (store, $make:expr) => {
        $crate::conformance!(
            @rules $make,
            store_unknown_document_is_none,
            store_loads_what_was_appended,
            store_keeps_documents_apart,
            store_compaction_keeps_later_updates,
            store_older_compaction_changes_nothing,
            store_removed_document_begins_again,
            store_concurrent_appends_all_arrive,
            store_keeps_large_updates,
        );
    };
    (bus, $make:expr) => {
        $crate::conformance!(@rules $make, bus_delivers_in_order, bus_takes_frames_without_a_subscriber,);
    };
    (@rules $make:expr, $($rule:ident,)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                $crate::conformance::$rule($make).await;
            }
        )*
    };
}
