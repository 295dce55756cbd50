//! What a room promises, through the public API only.

#![expect(clippy::unwrap_used, reason = "a test")]

mod presence;
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::FutureExt;
use maily_canvas::memory::{KeyAccess, MemoryBus, MemoryStore};
use maily_canvas::model::{Caller, Grant};
use maily_canvas::port::DocStore;
use maily_canvas::scene::{ElementKind, Geom, NewElement};
use maily_canvas::sync::Frame;
use maily_canvas::{Canvas, CanvasConfig, Join};
use maily_errors::{Code, Kind};
use tokio::sync::Semaphore;
use yrs::{Doc, Text, Transact};

use self::support::{Client, Slow, name};

#[tokio::test]
async fn edits_reach_the_others_and_not_their_author() {
    let canvas = Canvas::in_memory();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);

    a.types("hello ").await;
    b.until(|b, _| b.text() == "hello ").await;
    b.types("👋").await;

    // The first thing that its author hears is the other one's edit.
    assert!(matches!(a.next().await, Frame::SyncStep2(_) | Frame::Update(_)));
}

#[tokio::test]
async fn offline_edits_arrive() {
    let canvas = Canvas::in_memory();
    let watcher = Client::join(&canvas).await.synced().await;
    let doc = Doc::new();
    doc.get_or_insert_text("text").push(&mut doc.transact_mut(), "written on the train");

    let traveller = Client::with(&canvas, doc, Caller::default()).await;

    let both = futures_util::future::join(
        watcher.until(|watcher, _| watcher.text() == "written on the train"),
        traveller.until(|_, frame| matches!(frame, Frame::SyncStep2(_))),
    );
    both.await;
}

#[tokio::test]
async fn nobody_sees_an_update_before_it_is_stored() {
    let gate = Arc::new(Semaphore::new(0));
    let store = Arc::new(Slow { gate: Some(Arc::clone(&gate)), ..Slow::default() });
    let canvas = Canvas::builder(Arc::clone(&store) as Arc<dyn DocStore>).build();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);

    a.types("one").await;
    // The room waits for the disk: there is nothing to see.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(b.session.recv().now_or_never().is_none());
    gate.add_permits(1);

    b.until(|b, _| b.text() == "one").await;
    assert_eq!(store.appends.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn updates_that_wait_share_one_commit() {
    let gate = Arc::new(Semaphore::new(0));
    let store = Arc::new(Slow { gate: Some(Arc::clone(&gate)), ..Slow::default() });
    let canvas = Canvas::builder(Arc::clone(&store) as Arc<dyn DocStore>).build();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);

    for _ in 0..100 {
        a.types("x").await;
    }
    gate.add_permits(1_000);
    b.until(|b, _| b.text().len() == 100).await;

    assert!(store.appends.load(Ordering::SeqCst) <= 3, "{} commits", store.appends.load(Ordering::SeqCst));
}

#[tokio::test]
async fn failed_store_ends_the_sessions_and_keeps_nothing() {
    let store = Arc::new(Slow::default());
    let canvas = Canvas::builder(Arc::clone(&store) as Arc<dyn DocStore>).build();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);
    store.broken.store(true, Ordering::SeqCst);

    a.types("lost by the disk").await;

    let reason = b.session.recv().await.unwrap().unwrap_err();
    assert_eq!(reason.code(), Code::StoreFailed);
    assert!(b.session.recv().await.is_none());
    // The author connects again, and its edit is not lost: it is asked for, and stored this time.
    store.broken.store(false, Ordering::SeqCst);
    let Client { doc, session } = a;
    drop((session, b));
    let again = Client::with(&canvas, doc, Caller::default()).await.synced().await;
    let fresh = Client::join(&canvas).await;
    let seen = fresh.until(|fresh, _| fresh.text() == "lost by the disk");
    tokio::select! {
        () = seen => {}
        () = again.until(|_, _| false) => {}
    }
}

#[tokio::test]
async fn document_that_cannot_be_loaded_is_not_written() {
    let store = Arc::new(Slow::default());
    store.inner.append(&name(), vec![Bytes::from_static(&[0, 0])]).await.unwrap();
    store.unreadable.store(true, Ordering::SeqCst);
    let canvas = Canvas::builder(Arc::clone(&store) as Arc<dyn DocStore>).build();

    let joined = canvas.join(&Join::new(name(), Caller::default())).await;
    let opened = canvas.open(&name()).await;

    assert_eq!(joined.unwrap_err().code(), Code::StoreCorrupt);
    assert_eq!(opened.unwrap_err().code(), Code::StoreCorrupt);
    assert_eq!(store.appends.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn damaged_log_is_an_error_and_not_an_empty_document() {
    let store = Arc::new(MemoryStore::default());
    store.append(&name(), vec![Bytes::from_static(b"\xff\xff\xff")]).await.unwrap();

    let err = Canvas::builder(store).build().open(&name()).await.unwrap_err();

    assert_eq!(err.code(), Code::StoreCorrupt);
}

#[tokio::test]
async fn slow_reader_loses_nothing() {
    let config = CanvasConfig::default().with_max_outbox_bytes(2_000);
    let canvas = Canvas::builder(Arc::new(MemoryStore::default())).with_config(config).build();
    let (writer, slow) =
        (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);
    let document = canvas.open(&name()).await.unwrap();

    for _ in 0..5_000 {
        writer.types("0123456789").await;
    }
    // An answer of the document: the room has handled everything before it.
    document.update().await.unwrap();

    let mut frames = 0;
    slow.until(|slow, _| {
        frames += 1;
        slow.text().len() == 50_000
    })
    .await;
    assert!(frames < 200, "{frames} frames for 5000 updates");
    // And it goes on as before.
    writer.types("!").await;
    slow.until(|slow, _| slow.text().ends_with('!')).await;
}

#[tokio::test]
async fn reader_sees_everything_and_changes_nothing() {
    let access = KeyAccess::default().with_key("read", Grant::read()).with_key("write", Grant::write());
    let canvas = Canvas::builder(Arc::new(MemoryStore::default())).with_access(Arc::new(access)).build();
    let key = |key: &str| Caller::with_key(key.to_owned().into());
    let writer = Client::with(&canvas, Doc::new(), key("write")).await.synced().await;
    let reader = Client::with(&canvas, Doc::new(), key("read")).await.synced().await;

    reader.types("not allowed").await;
    writer.types("allowed").await;

    assert!(matches!(reader.next().await, Frame::Denied(_)));
    assert!(matches!(reader.next().await, Frame::Update(_)));
    let refused = canvas.join(&Join::new(name(), Caller::default())).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Unauthorized);
    let fresh = Client::with(&canvas, Doc::new(), key("read")).await.synced().await;
    assert_eq!(fresh.text(), "allowed");
}

#[tokio::test]
async fn room_ends_when_the_last_one_has_left() {
    let canvas = Canvas::in_memory();
    let client = Client::join(&canvas).await.synced().await;
    client.types("kept").await;
    let document = canvas.open(&name()).await.unwrap();
    assert_eq!(canvas.rooms(), 1);

    drop((client, document));
    while canvas.rooms() > 0 {
        tokio::task::yield_now().await;
    }

    let again = Client::join(&canvas).await.synced().await;
    assert_eq!(again.text(), "kept");
}

#[tokio::test]
async fn log_is_compacted_and_nothing_is_lost() {
    let store = Arc::new(MemoryStore::default());
    let config = CanvasConfig::default().with_compact_updates(10);
    let canvas = Canvas::builder(Arc::clone(&store) as Arc<dyn DocStore>).with_config(config).build();
    let document = canvas.open(&name()).await.unwrap();
    let title = NewElement::new(ElementKind::Text, Geom::new(0.0, 0.0, 100.0, 20.0));
    let id = document.insert_element(title).await.unwrap();
    for _ in 0..95 {
        document.append_text(&id, "x").await.unwrap();
    }

    drop(document);
    while canvas.rooms() > 0 {
        tokio::task::yield_now().await;
    }

    let stored = store.load(&name()).await.unwrap().unwrap();
    // Compaction runs beside the edits, so how many it has caught up with is not for a test to say.
    assert!(stored.snapshot.is_some() && stored.updates.len() < 96, "{} updates", stored.updates.len());
    let scene = canvas.open(&name()).await.unwrap().scene().await.unwrap();
    assert_eq!(scene.element(id.as_str()).unwrap().text.len(), 95);
}

#[tokio::test]
async fn flood_of_pending_updates_ends_its_sender_only() {
    let config = CanvasConfig::default().with_max_pending(10);
    let canvas = Canvas::builder(Arc::new(MemoryStore::default())).with_config(config).build();
    let (a, b) = (Client::join(&canvas).await.synced().await, Client::join(&canvas).await.synced().await);
    let hostile = Client::join(&canvas).await.synced().await;
    {
        // The first update is never sent: all others wait for it.
        let shared = hostile.doc.get_or_insert_text("text");
        shared.push(&mut hostile.doc.transact_mut(), "first");
    }

    for _ in 0..11 {
        hostile.types("waits").await;
    }

    let ended = loop {
        match hostile.session.recv().await {
            Some(Ok(_)) => {}
            other => break other,
        }
    };
    assert_eq!(ended.unwrap().unwrap_err().code(), Code::TooManyPending);
    a.types("fine").await;
    b.until(|b, _| b.text() == "fine").await;
}

#[tokio::test]
async fn two_canvases_on_one_bus_are_one() {
    let store: Arc<dyn DocStore> = Arc::new(MemoryStore::default());
    let bus = Arc::new(MemoryBus::default());
    let process = || Canvas::builder(Arc::clone(&store)).with_bus(Arc::clone(&bus) as _).build();
    let (here, there) = (process(), process());
    let (a, b) = (Client::join(&here).await.synced().await, Client::join(&there).await.synced().await);

    a.types("from here").await;
    b.until(|b, _| b.text() == "from here").await;
    b.send(&presence::presence(9, 1, Some("{}"))).await;
    a.until(|_, frame| matches!(frame, Frame::Awareness(all) if all[0].client == 9)).await;

    // Stored once: by the process that it came to.
    assert_eq!(store.load(&name()).await.unwrap().unwrap().last, 1);
}

#[tokio::test]
async fn limits_hold_at_the_edge() {
    let config = CanvasConfig::default().with_max_sessions(1).with_max_rooms(1).with_max_frame_bytes(8);
    let canvas = Canvas::builder(Arc::new(MemoryStore::default())).with_config(config).build();
    let session = canvas.join(&Join::new(name(), Caller::default())).await.unwrap();

    let second = canvas.join(&Join::new(name(), Caller::default())).await.unwrap_err();
    let other = canvas.open(&"other".parse().unwrap()).await.unwrap_err();
    let fits = session.send(Bytes::from_static(&[0, 0, 1, 0])).await;
    let over = session.send(Bytes::from_static(&[0; 9])).await.unwrap_err();

    assert_eq!((second.code(), other.code()), (Code::RoomFull, Code::RoomFull));
    assert!(fits.is_ok());
    assert_eq!(over.code(), Code::FrameTooLarge);
}

#[tokio::test]
async fn edits_that_are_wrong_leave_the_document_as_it_was() {
    let document = Canvas::in_memory().open(&name()).await.unwrap();
    let element = || NewElement::new(ElementKind::Text, Geom::new(0.0, 0.0, 10.0, 10.0));
    let id = document.insert_element(element().with_text("👩‍👩‍👧 hello")).await.unwrap();
    let before = document.update().await.unwrap();

    let wide = document.move_element(&id, Geom::new(0.0, 0.0, f64::NAN, 1.0)).await.unwrap_err();
    let long = document.append_text(&id, "x".repeat(100_001)).await.unwrap_err();
    let twice = document.insert_element(element().with_id(id.clone())).await.unwrap_err();
    let nobody = document.set_text(&"nobody".parse().unwrap(), "x").await.unwrap_err();

    assert_eq!((wide.code(), long.code()), (Code::SceneInvalid, Code::SceneInvalid));
    assert_eq!((twice.code(), nobody.code()), (Code::Conflict, Code::NotFound));
    assert!(wide.violations()[0].pointer.contains(id.as_str()));
    assert_eq!(document.update().await.unwrap(), before);
    document.set_text(&id, "👩‍👩‍👦 hallo").await.unwrap();
    let scene = document.scene().await.unwrap();
    assert_eq!(scene.element(id.as_str()).unwrap().text, "👩‍👩‍👦 hallo");
}

#[tokio::test]
async fn scene_names_the_element_that_is_wrong() {
    use yrs::{Map, MapPrelim, WriteTxn};

    let canvas = Canvas::in_memory();
    let client = Client::join(&canvas).await.synced().await;
    let update = {
        let mut txn = client.doc.transact_mut();
        let elements = txn.get_or_insert_map("elements");
        let bad = elements.insert(&mut txn, "bad", MapPrelim::default());
        bad.insert(&mut txn, "kind", "text");
        bad.insert(&mut txn, "layer", "base");
        bad.insert(&mut txn, "geom", "wide");
        txn.encode_update_v1()
    };
    client.send(&Frame::Update(update.into())).await;

    let err = canvas.open(&name()).await.unwrap().scene().await.unwrap_err();

    assert_eq!(err.code(), Code::SceneInvalid);
    assert_eq!(err.violations()[0].pointer, "/elements/bad/geom");
}

#[tokio::test]
async fn changes_and_views_follow_the_edits() {
    let document = Canvas::in_memory().open(&name()).await.unwrap();
    let mut changes = document.subscribe();
    let first = document.export_svg(Vec::new()).await.unwrap();
    assert!(Arc::ptr_eq(&first, &document.export_svg(Vec::new()).await.unwrap()));

    let shape = NewElement::new(ElementKind::Shape, Geom::new(1.0, 2.0, 3.0, 4.0));
    document.insert_element(shape).await.unwrap();

    assert_eq!(changes.next().await.unwrap(), 1);
    assert_ne!(first, document.export_svg(Vec::new()).await.unwrap());
}
