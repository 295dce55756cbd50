use std::time::Duration;

use futures_util::StreamExt;
use maily_errors::Code;
use tower::{Layer, ServiceExt};

use super::shelf::Shelf;
use super::{Keep, Replay, ReplayLayer};
use crate::body::Body;
use crate::layer::resume::{Resume, ResumeLayer};
use crate::memory::{Scripted, Step};
use crate::model::{Completion, EventId, Format, Message, Prompt};

mod shared;

const ANSWER: &str = "One, two, three, four.";

fn prompt() -> Prompt {
    Prompt::chat("m", &[Message::user("Count")], true).unwrap()
}

fn mesh(keep: Keep, steps: impl IntoIterator<Item = Step>) -> (Replay<Resume<Scripted>>, Scripted) {
    let node = Scripted::new(steps);
    (ReplayLayer::new(keep).layer(ResumeLayer::default().layer(node.clone())), node)
}

fn ids(events: &str) -> Vec<EventId> {
    events.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect()
}

/// The event behind another one.
fn next(id: EventId) -> EventId {
    EventId { number: id.number + 1, ..id }
}

/// Reads so many chunks, or all.
async fn read(mesh: &Replay<Resume<Scripted>>, prompt: Prompt, chunks: usize) -> String {
    let body = mesh.clone().oneshot(prompt).await.unwrap().body;
    let chunks: Vec<_> = body.take(chunks).map(Result::unwrap).collect().await;
    String::from_utf8(chunks.concat()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn stream_that_nobody_wants_to_come_back_to_is_untouched() {
    let (mesh, _) = mesh(Keep::default(), [Step::Answer(ANSWER.into())]);

    let events = read(&mesh, prompt(), usize::MAX).await;

    assert!(!events.contains("id: "));
}

#[tokio::test(start_paused = true)]
async fn whole_stream_is_replayed_from_every_event() {
    let (mesh, node) = mesh(Keep::default(), [Step::Answer(ANSWER.into())]);
    let events = read(&mesh, prompt().with_event_ids(), usize::MAX).await;
    let ids = ids(&events);
    assert_eq!(
        ids.iter().map(|id| id.number).collect::<Vec<_>>(),
        (1..=ids.len() as u32).collect::<Vec<_>>()
    );

    for id in ids {
        let rest = read(&mesh, prompt().with_last_event(id), usize::MAX).await;
        let behind = events.split_once(&format!("id: {id}\n")).unwrap().1.split_once("\n\n").unwrap().1;
        assert_eq!(rest, behind);
    }
    assert_eq!(node.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn reader_who_left_gets_what_it_missed_and_then_the_rest() {
    let (mesh, node) =
        mesh(Keep::default(), [Step::Answer(ANSWER.into()), Step::Answer("three, four.".into())]);
    let first = read(&mesh, prompt().with_event_ids(), 2).await;
    let seen = ids(&first);

    let rest = read(&mesh, prompt().with_last_event(seen[0]), usize::MAX).await;

    assert_eq!(node.seen()[1].read().unwrap().messages[1], Message::assistant("One, two,"));
    let all: Vec<u32> = ids(&rest).iter().map(|id| id.number).collect();
    assert_eq!(all, (2..2 + all.len() as u32).collect::<Vec<_>>());
    assert!(ids(&rest).iter().all(|id| id.stream == seen[0].stream));
    assert!(rest.ends_with("data: [DONE]\n\n"));
    assert!(rest.contains("three, ") && rest.contains("four."), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn reader_of_any_format_comes_back_behind_any_event() {
    for (format, said) in [
        (Format::Messages, r#""messages":[{"role":"user","content":"Count"}]"#),
        (Format::Responses, r#""input":"Count""#),
    ] {
        let prompt = Prompt::parse_as(format, format!(r#"{{"model":"m","stream":true,{said}}}"#)).unwrap();
        for chunks in 1..6 {
            let (mesh, _) = mesh(Keep::default(), [Step::Answer(ANSWER.into()), Step::Answer(ANSWER.into())]);
            let first = read(&mesh, prompt.clone().with_event_ids(), chunks).await;
            for id in ids(&first) {
                let (told, _) = first.split_once(&format!("id: {}\n", next(id))).unwrap_or((&first, ""));

                let rest = read(&mesh, prompt.clone().with_last_event(id), usize::MAX).await;

                let numbers: Vec<u32> = ids(&rest).iter().map(|id| id.number).collect();
                assert_eq!(numbers, (id.number + 1..=id.number + numbers.len() as u32).collect::<Vec<_>>());
                let all = Completion::new(true, Body::full(told.to_owned() + &rest)).with_format(format);
                assert_eq!(all.into_text().await.unwrap(), ANSWER, "{format:?} {id}: {told}{rest}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn stream_is_only_for_its_prompt_and_tenant() {
    let (mesh, _) = mesh(Keep::default(), [Step::Answer(ANSWER.into())]);
    let id = ids(&read(&mesh, prompt().with_event_ids(), usize::MAX).await)[0];
    let other = Prompt::chat("m", &[Message::user("Other")], true).unwrap();
    let beyond = EventId { number: 99, ..id };

    for stranger in [
        other.with_last_event(id),
        prompt().with_tenant("t").with_last_event(id),
        prompt().with_last_event(beyond),
    ] {
        assert_eq!(mesh.clone().oneshot(stranger).await.unwrap_err().code(), Code::StreamGone);
    }
}

#[tokio::test(start_paused = true)]
async fn stream_is_gone_after_its_time_and_beyond_each_limit() {
    let gone = async |keep: Keep, others: usize, wait: Duration| {
        let (mesh, _) = mesh(keep, [Step::Answer(ANSWER.into())]);
        let id = ids(&read(&mesh, prompt().with_event_ids(), usize::MAX).await)[0];
        for _ in 0..others {
            read(&mesh, prompt().with_event_ids(), usize::MAX).await;
        }
        tokio::time::advance(wait).await;
        let back = mesh.clone().oneshot(prompt().with_last_event(id)).await;
        back.is_err_and(|err| err.code() == Code::StreamGone)
    };
    let keep = Keep { streams: 3, ..Keep::default() };

    assert!(!gone(keep, 2, keep.time).await);
    assert!(gone(keep, 3, Duration::ZERO).await);
    assert!(gone(keep, 0, keep.time + Duration::from_millis(1)).await);
    assert!(gone(Keep { stream_bytes: 100, ..keep }, 0, Duration::ZERO).await);
    assert!(gone(Keep { total_bytes: 100, ..keep }, 0, Duration::ZERO).await);
}

#[tokio::test(start_paused = true)]
async fn stream_that_runs_takes_the_place_of_the_oldest() {
    let keep = Keep { total_bytes: 2 * 1024, ..Keep::default() };
    let (mesh, _) = mesh(keep, [Step::Answer(ANSWER.into())]);
    let mut begun = Vec::new();
    for _ in 0..20 {
        begun.push(ids(&read(&mesh, prompt().with_event_ids(), usize::MAX).await)[0]);
    }

    let mut kept = Vec::new();
    for id in &begun {
        kept.push(mesh.clone().oneshot(prompt().with_last_event(*id)).await.is_ok());
    }
    assert!(!kept[0] && kept[19], "{kept:?}");
    assert!(kept.is_sorted(), "the oldest first: {kept:?}");
}

#[tokio::test(start_paused = true)]
async fn reader_who_comes_back_ends_the_connection_that_is_left() {
    let (mesh, _) =
        mesh(Keep::default(), [Step::Stall("One, two,".into()), Step::Answer("three, four.".into())]);
    let mut old = mesh.clone().oneshot(prompt().with_event_ids()).await.unwrap().body;
    let first = old.next().await.unwrap().unwrap();
    let id = ids(std::str::from_utf8(&first).unwrap())[0];
    let stalled = tokio::spawn(async move { old.next().await });

    let rest = read(&mesh, prompt().with_last_event(id), usize::MAX).await;

    assert!(rest.contains("four."));
    assert_eq!(stalled.await.unwrap().unwrap().unwrap_err().code(), Code::StreamCut);
}

#[tokio::test(start_paused = true)]
async fn comment_is_a_line_and_not_an_event() {
    let chunk: &[u8] = b": ping\n\n: mesh.resumed {}\ndata: {}\n\ndata: [DONE]\n\n";
    let node = tower::service_fn(|_: Prompt| {
        let body = Body::stream(futures_util::stream::iter([Ok(bytes::Bytes::from_static(chunk))]));
        std::future::ready(Ok::<_, maily_errors::Error>(Completion::new(true, body)))
    });
    let body = ReplayLayer::default().layer(node).oneshot(prompt().with_event_ids()).await.unwrap().body;

    let text = String::from_utf8(body.map(Result::unwrap).collect::<Vec<_>>().await.concat()).unwrap();

    let ids = ids(&text);
    assert_eq!(ids.len(), 2);
    let expected = format!(
        ": ping\nid: {}\n: mesh.resumed {{}}\ndata: {{}}\n\nid: {}\ndata: [DONE]\n\n",
        ids[0], ids[1]
    );
    assert_eq!(text, expected);
}

#[test]
fn events_of_a_reader_who_was_relieved_are_not_numbered() {
    let shelf = Shelf::new(Keep::default());
    let transcript = shelf.begin(&prompt());
    let event = [b"data: one\n\n".as_slice()];
    let told = transcript.number(0, event.into_iter()).unwrap();
    let id = ids(std::str::from_utf8(&told).unwrap())[0];

    let back = shelf.find(id, &prompt()).unwrap();

    assert_eq!((back.events.len(), back.ended), (1, false));
    assert!(transcript.number(0, event.into_iter()).is_none());
    assert!(back.transcript.number(back.reader, event.into_iter()).is_some());
}
