//! Streams that several instances share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use maily_errors::{Code, Error, Result};
use tower::{Layer, ServiceExt};

use super::{ANSWER, ids, next, prompt, read};
use crate::body::Body;
use crate::layer::replay::{Keep, Replay, ReplayLayer};
use crate::layer::resume::{Resume, ResumeLayer};
use crate::memory::{LocalTranscripts, Scripted, Step};
use crate::model::{Completion, EventId, Format, Message, Prompt, StreamId};
use crate::port::Transcripts;

/// An instance with a node of its own.
fn instance(
    transcripts: &(impl Transcripts + Clone + 'static),
    keep: Keep,
    steps: impl IntoIterator<Item = Step>,
) -> (Replay<Resume<Scripted>>, Scripted) {
    let (layer, node) = (ReplayLayer::new(keep), Scripted::new(steps));
    layer.share(Arc::new(transcripts.clone()));
    (layer.layer(ResumeLayer::default().layer(node.clone())), node)
}

fn answers(text: &str) -> [Step; 1] {
    [Step::Answer(text.into())]
}

/// Transcripts that can be away, and count what is written.
#[derive(Clone, Default)]
struct Faulty {
    inner: LocalTranscripts,
    away: Arc<AtomicBool>,
    writes: Arc<AtomicUsize>,
}

impl Faulty {
    fn ask<T: Send + 'static>(&self, asked: BoxFuture<'static, Result<T>>) -> BoxFuture<'static, Result<T>> {
        let away = self.away.load(Relaxed);
        async move {
            // As long as a server that does not answer.
            tokio::time::sleep(Duration::from_millis(if away { 300 } else { 1 })).await;
            if away { Err(Error::new(Code::RedisUnreachable, "away")) } else { asked.await }
        }
        .boxed()
    }
}

impl Transcripts for Faulty {
    fn write(
        &self,
        stream: StreamId,
        page: u32,
        content: Bytes,
        keep: Duration,
    ) -> BoxFuture<'static, Result<bool>> {
        self.writes.fetch_add(1, Relaxed);
        self.ask(self.inner.write(stream, page, content, keep))
    }

    fn read(&self, stream: StreamId, first: u32) -> BoxFuture<'static, Result<Vec<Bytes>>> {
        self.ask(self.inner.read(stream, first))
    }
}

#[tokio::test(start_paused = true)]
async fn reader_of_any_format_comes_back_to_another_instance_behind_any_event() {
    for (format, said) in [
        (Format::Chat, r#""messages":[{"role":"user","content":"Count"}]"#),
        (Format::Completions, r#""prompt":"Count""#),
        (Format::Messages, r#""messages":[{"role":"user","content":"Count"}]"#),
        (Format::Responses, r#""input":"Count""#),
    ] {
        let prompt = Prompt::parse_as(format, format!(r#"{{"model":"m","stream":true,{said}}}"#)).unwrap();
        for chunks in 1..6 {
            let transcripts = LocalTranscripts::default();
            let (east, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
            let first = read(&east, prompt.clone().with_event_ids(), chunks).await;
            drop(east);
            for id in ids(&first) {
                let (told, _) = first.split_once(&format!("id: {}\n", next(id))).unwrap_or((&first, ""));
                let (west, _) = instance(&transcripts, Keep::default(), answers(ANSWER));

                let rest = read(&west, prompt.clone().with_last_event(id), usize::MAX).await;

                let numbers: Vec<u32> = ids(&rest).iter().map(|id| id.number).collect();
                assert_eq!(numbers, (id.number + 1..=id.number + numbers.len() as u32).collect::<Vec<_>>());
                let all = Completion::new(true, Body::full(told.to_owned() + &rest)).with_format(format);
                assert_eq!(all.into_text().await.unwrap(), ANSWER, "{format:?} {id}: {told}{rest}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn node_is_asked_for_the_rest_and_the_numbers_go_on() {
    let transcripts = LocalTranscripts::default();
    let (east, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
    let seen = ids(&read(&east, prompt().with_event_ids(), 2).await);
    let (west, node) = instance(&transcripts, Keep::default(), answers("three, four."));

    let rest = read(&west, prompt().with_last_event(seen[0]), usize::MAX).await;

    assert_eq!(node.seen()[0].read().unwrap().messages[1], Message::assistant("One, two,"));
    assert!(ids(&rest).iter().all(|id| id.stream == seen[0].stream));
    assert!(rest.ends_with("data: [DONE]\n\n"));
}

#[tokio::test(start_paused = true)]
async fn reader_has_no_event_that_is_not_kept() {
    let transcripts = Faulty::default();
    let (east, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
    let mut body = east.oneshot(prompt().with_event_ids()).await.unwrap().body;

    while let Some(chunk) = body.next().await {
        let chunk = String::from_utf8(chunk.unwrap().to_vec()).unwrap();
        let Some(last) = ids(&chunk).last().copied() else { continue };
        // As if the instance was killed at this moment.
        let (west, _) = instance(&transcripts.inner.fork(), Keep::default(), answers(ANSWER));
        let back = west.oneshot(prompt().with_last_event(last)).await;
        assert!(back.is_ok(), "{last}: {:?}", back.err());
    }
}

#[tokio::test(start_paused = true)]
async fn instance_stops_when_another_one_goes_on_with_its_stream() {
    let transcripts = LocalTranscripts::default();
    let (east, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
    let mut old = east.oneshot(prompt().with_event_ids()).await.unwrap().body;
    let id = ids(std::str::from_utf8(&old.next().await.unwrap().unwrap()).unwrap())[0];

    for _ in 0..2 {
        let (west, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
        let mut new = west.oneshot(prompt().with_last_event(id)).await.unwrap().body;

        assert_eq!(old.next().await.unwrap().unwrap_err().code(), Code::StreamCut);
        assert!(old.next().await.is_none());
        assert!(new.next().await.unwrap().is_ok());
        old = new;
    }
    let rest: Vec<_> = old.map(Result::unwrap).collect().await;
    assert!(rest.concat().ends_with(b"data: [DONE]\n\n"));
}

#[tokio::test(start_paused = true)]
async fn whole_stream_is_replayed_by_any_instance_without_a_node() {
    let transcripts = LocalTranscripts::default();
    let (east, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
    let events = read(&east, prompt().with_event_ids(), usize::MAX).await;

    for id in ids(&events) {
        let (west, node) = instance(&transcripts, Keep::default(), []);
        let rest = read(&west, prompt().with_last_event(id), usize::MAX).await;

        let behind = events.split_once(&format!("id: {id}\n")).unwrap().1.split_once("\n\n").unwrap().1;
        assert_eq!((rest.as_str(), node.calls()), (behind, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn shared_stream_is_only_for_its_prompt_and_tenant_and_its_events() {
    let transcripts = LocalTranscripts::default();
    let (east, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
    let id = ids(&read(&east, prompt().with_event_ids(), usize::MAX).await)[0];
    let other = Prompt::chat("m", &[Message::user("Other")], true).unwrap();

    for stranger in [
        other.with_last_event(id),
        prompt().with_tenant("t").with_last_event(id),
        prompt().with_last_event(EventId { number: 99, ..id }),
        prompt().with_last_event(EventId { stream: 7, number: 0 }),
    ] {
        let (west, _) = instance(&transcripts, Keep::default(), answers(ANSWER));
        assert_eq!(west.oneshot(stranger).await.unwrap_err().code(), Code::StreamGone);
    }
}

#[tokio::test(start_paused = true)]
async fn shared_stream_is_gone_after_its_time_and_beyond_each_limit() {
    let gone = async |keep: Keep, wait: Duration| {
        let transcripts = LocalTranscripts::default();
        let (east, _) = instance(&transcripts, keep, answers(ANSWER));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        let asked = prompt().with_event_ids().with_deadline(deadline);
        let all = read(&east, asked, usize::MAX).await;
        tokio::time::advance(wait).await;
        let (west, _) = instance(&transcripts, keep, []);
        let back = west.oneshot(prompt().with_last_event(*ids(&all).last().unwrap())).await;
        back.is_err_and(|err| err.code() == Code::StreamGone)
    };
    let keep = Keep::default();

    assert!(!gone(keep, Duration::from_secs(89)).await);
    assert!(gone(keep, Duration::from_secs(91)).await);
    assert!(gone(Keep { stream_bytes: 100, ..keep }, Duration::ZERO).await);
    assert!(gone(Keep { total_bytes: 500, ..keep }, Duration::ZERO).await);
}

#[tokio::test(start_paused = true)]
async fn streams_go_on_while_transcripts_are_away_and_do_not_wait_one_by_one() {
    let transcripts = Faulty::default();
    transcripts.away.store(true, Relaxed);
    let (east, _) = instance(&transcripts, Keep::default(), (0..20).map(|_| Step::Answer(ANSWER.into())));
    let start = tokio::time::Instant::now();

    let mut last = String::new();
    for _ in 0..10 {
        last = read(&east, prompt().with_event_ids(), usize::MAX).await;
        assert!(last.ends_with("data: [DONE]\n\n"));
    }

    assert_eq!((start.elapsed(), transcripts.writes.load(Relaxed)), (Duration::from_millis(300), 1));
    let (west, _) = instance(&transcripts, Keep::default(), []);
    let back = prompt().with_last_event(ids(&last)[0]);
    let err = west.clone().oneshot(back.clone()).await.unwrap_err();
    assert!(err.is_temporary() && err.code() == Code::RedisUnreachable);
    transcripts.away.store(false, Relaxed);
    assert_eq!(west.oneshot(back).await.unwrap_err().code(), Code::StreamGone);

    tokio::time::advance(Duration::from_secs(2)).await;
    let all = read(&east, prompt().with_event_ids(), usize::MAX).await;
    let (west, _) = instance(&transcripts, Keep::default(), []);
    assert!(west.oneshot(prompt().with_last_event(ids(&all)[0])).await.is_ok());
}
