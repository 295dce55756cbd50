//! The rules of the [`Transcripts`] port.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use crate::model::StreamId;
use crate::port::Transcripts;

const MINUTE: Duration = Duration::from_secs(60);

async fn write(transcripts: &impl Transcripts, stream: StreamId, page: u32, content: &str) -> bool {
    let content = Bytes::copy_from_slice(content.as_bytes());
    transcripts.write(stream, page, content, MINUTE).await.expect("the transcripts can be reached")
}

async fn read(transcripts: &impl Transcripts, stream: StreamId, first: u32) -> Vec<Bytes> {
    transcripts.read(stream, first).await.expect("the transcripts can be reached")
}

/// Pages are read as they were written, byte by byte and in order, from whichever is asked for.
pub async fn pages_are_read_as_they_were_written(transcripts: impl Transcripts) {
    let stream = StreamId::random();
    let pages: Vec<Bytes> = (0..70_u8).map(|page| vec![page; usize::from(page) * 7].into()).collect();
    assert!(read(&transcripts, stream, 0).await.is_empty(), "a stream that nobody wrote has no pages");
    for (page, content) in (0..).zip(&pages) {
        let written = transcripts.write(stream, page, content.clone(), MINUTE).await;
        assert!(written.expect("the transcripts can be reached"));
    }

    assert_eq!(read(&transcripts, stream, 0).await, pages);
    assert_eq!(read(&transcripts, stream, 69).await, pages[69..]);
    assert!(read(&transcripts, stream, 70).await.is_empty());
}

/// Of all who write one page at once one succeeds, and what it wrote is read.
pub async fn page_is_written_once(transcripts: impl Transcripts) {
    let stream = StreamId::random();
    for page in 0..5 {
        let writers = (0..8).map(|writer| {
            let (transcripts, content) = (&transcripts, format!("page {page} of {writer}"));
            async move { write(transcripts, stream, page, &content).await.then_some(content) }
        });
        let written: Vec<_> = join_all(writers).await.into_iter().flatten().collect();
        assert_eq!(written.len(), 1);

        assert!(!write(&transcripts, stream, page, "later").await);
        assert_eq!(read(&transcripts, stream, page).await, written);
    }
}

/// What lies behind a page that is missing is not read.
pub async fn reading_ends_before_a_gap(transcripts: impl Transcripts) {
    let stream = StreamId::random();
    for page in [0, 1, 3] {
        assert!(write(&transcripts, stream, page, "said").await);
    }

    assert_eq!(read(&transcripts, stream, 0).await.len(), 2);
    assert!(write(&transcripts, stream, 2, "said").await);
    assert_eq!(read(&transcripts, stream, 0).await.len(), 4);
}

/// Pages of another stream do not matter.
pub async fn streams_do_not_see_each_other(transcripts: impl Transcripts) {
    let [one, other] = [StreamId::random(), StreamId::random()];
    assert!(write(&transcripts, one, 0, "one").await);
    assert!(write(&transcripts, other, 0, "other").await);

    assert_eq!(read(&transcripts, one, 0).await, ["one"]);
    assert_eq!(read(&transcripts, other, 0).await, ["other"]);
}

/// A page is there for its time, and gone after it.
pub async fn page_is_gone_after_its_time(transcripts: impl Transcripts) {
    let stream = StreamId::random();
    assert!(write(&transcripts, stream, 0, "stays").await);
    let written = transcripts.write(stream, 1, "goes".into(), Duration::from_millis(300)).await;
    assert!(written.expect("the transcripts can be reached"));
    let start = Instant::now();

    while read(&transcripts, stream, 0).await.len() == 2 {
        assert!(start.elapsed() < Duration::from_secs(20), "it is still there");
        sleep(Duration::from_millis(10)).await;
    }

    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
    assert_eq!(read(&transcripts, stream, 0).await, ["stays"]);
}

/// The largest page is kept: 1 MiB.
pub async fn largest_page_is_kept(transcripts: impl Transcripts) {
    let (stream, largest) = (StreamId::random(), Bytes::from(vec![7; 1024 * 1024]));

    let written = transcripts.write(stream, 0, largest.clone(), MINUTE).await;

    assert!(written.expect("the transcripts can be reached"));
    assert!(read(&transcripts, stream, 0).await == [largest]);
}

/// A write that is dropped has happened or has not; whoever writes next sees which.
pub async fn dropped_write_has_happened_or_not(transcripts: impl Transcripts) {
    let stream = StreamId::random();
    for page in 0..10 {
        let first = transcripts.write(stream, page, "first".into(), MINUTE);
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(page) * 20), first).await;
        let second = write(&transcripts, stream, page, "second").await;

        let said = read(&transcripts, stream, page).await;
        assert_eq!(said, [if second { "second" } else { "first" }]);
    }
}
