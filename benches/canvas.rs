//! What an update costs for each person who sees it, and what opening a document costs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use maily::canvas::memory::MemoryStore;
use maily::canvas::model::Caller;
use maily::canvas::port::DocStore;
use maily::canvas::scene::{ElementKind, Geom, NewElement};
use maily::canvas::sync::Frame;
use maily::canvas::{Canvas, DocumentName, Join, Session};
use tokio::runtime::Runtime;

const READERS: usize = 19;
const UPDATES: usize = 200;
const ELEMENTS: usize = 2_000;

async fn join(canvas: &Canvas, document: &DocumentName) -> Session {
    canvas.join(&Join::new(document.clone(), Caller::default())).await.expect("it is open")
}

/// Reads this many updates.
async fn read(session: &Session, updates: usize) {
    let mut seen = 0;
    while seen < updates {
        let frame = session.recv().await.expect("open").expect("frame");
        seen += usize::from(frame.starts_with(&[0, 2]));
    }
}

/// One person edits, 19 others read: the time of one delivery.
fn fan_out(c: &mut Criterion, runtime: &Runtime) {
    let mut group = c.benchmark_group("canvas");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4)).sample_size(20);
    group.throughput(Throughput::Elements((READERS * UPDATES) as u64));
    let canvas = Canvas::in_memory();
    let name: DocumentName = "bench".parse().expect("a name");
    let (document, readers, id) = runtime.block_on(async {
        let document = canvas.open(&name).await.expect("it opens");
        let readers = join_all((0..READERS).map(|_| join(&canvas, &name))).await;
        let shape = NewElement::new(ElementKind::Shape, Geom::new(0.0, 0.0, 10.0, 10.0));
        let id = document.insert_element(shape).await.expect("an edit");
        join_all(readers.iter().map(|reader| read(reader, 1))).await;
        (document, readers, id)
    });
    group.bench_function("fan_out_20_people", |b| {
        b.iter(|| {
            runtime.block_on(async {
                let moves = async {
                    let edits = (0..UPDATES)
                        .map(|step| document.move_element(&id, Geom::new(step as f64, 0.0, 10.0, 10.0)));
                    join_all(edits).await
                };
                let (_, _) = futures_util::future::join(
                    moves,
                    join_all(readers.iter().map(|reader| read(reader, UPDATES))),
                )
                .await;
            });
        });
    });
    group.finish();
}

/// A document of 2,000 elements is loaded and sent to its first client.
fn cold_load(c: &mut Criterion, runtime: &Runtime) {
    let mut group = c.benchmark_group("canvas");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4)).sample_size(20);
    let name: DocumentName = "bench".parse().expect("a name");
    let snapshot = runtime.block_on(async {
        let document = Canvas::in_memory().open(&name).await.expect("it opens");
        let elements = (0..ELEMENTS).map(|index| {
            let place = Geom::new((index % 60) as f64 * 10.0, (index / 60) as f64 * 10.0, 9.0, 9.0);
            document.insert_element(
                NewElement::new(ElementKind::Text, place).with_text("A line of campaign copy"),
            )
        });
        join_all(elements).await;
        document.update().await.expect("the document")
    });
    group.throughput(Throughput::Bytes(snapshot.len() as u64));
    group.bench_function("cold_load_2000_elements", |b| {
        b.iter_batched(
            || {
                let store = Arc::new(MemoryStore::default());
                runtime.block_on(store.append(&name, vec![snapshot.clone()])).expect("it is stored");
                Canvas::builder(store).build()
            },
            |canvas| {
                runtime.block_on(async {
                    let session = join(&canvas, &name).await;
                    session.send(Frame::SyncStep1(Bytes::from_static(&[0])).encode()).await.expect("sent");
                    while !session.recv().await.expect("open").expect("frame").starts_with(&[0, 1]) {}
                });
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn canvas(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    fan_out(c, &runtime);
    cold_load(c, &runtime);
}

criterion_group!(benches, canvas);
criterion_main!(benches);
