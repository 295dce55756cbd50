//! Recorded streams of each format mean the same, and become every other format at every split.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use maily_errors::{Code, Error, Result};
use maily_mesh::layer::translate::TranslateLayer;
use maily_mesh::wire::Resumed;
use maily_mesh::{Answer, Body, Completion, Delta, FinishReason, Format, Formats, Prompt, Usage};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};

const CHAT: &str = include_str!("wire/chat.sse");
const MESSAGES: &str = include_str!("wire/messages.sse");
const RESPONSES: &str = include_str!("wire/responses.sse");
const RECORDED: [(Format, &str); 3] =
    [(Format::Chat, CHAT), (Format::Messages, MESSAGES), (Format::Responses, RESPONSES)];

/// Cuts a stream into pieces of `size` bytes.
fn pieces(recorded: &str, size: usize) -> Body {
    let chunks: Vec<_> =
        recorded.as_bytes().chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::stream(stream::iter(chunks))
}

/// A prompt of the least that its format allows.
fn prompt(format: Format, stream: bool) -> Prompt {
    let said = match format {
        Format::Chat => {
            r#""messages":[{"role":"user","content":"Hi"}],"stream_options":{"include_usage":true}"#
        }
        Format::Messages => r#""max_tokens":9,"messages":[{"role":"user","content":"Hi"}]"#,
        Format::Completions => r#""prompt":"Hi","stream_options":{"include_usage":true}"#,
        Format::Embeddings | Format::Responses => r#""input":"Hi""#,
    };
    Prompt::parse_as(format, format!(r#"{{"model":"m","stream":{stream},{said}}}"#)).expect("a valid prompt")
}

/// Asks a node that speaks one format, as a client of another, and returns the bytes that the client sees.
async fn ask(client: Format, stream: bool, node: Format, recorded: &str, size: usize) -> Vec<Result<Bytes>> {
    let recorded: Arc<str> = recorded.into();
    let node_service = service_fn(move |prompt: Prompt| {
        assert_eq!(prompt.head.format, node);
        assert_eq!(prompt.head.stream, stream);
        std::future::ready(Ok::<_, Error>(Completion::new(true, pieces(&recorded, size))))
    });
    let native = [node].into_iter().collect::<Formats>();
    let answer = TranslateLayer::new(native).layer(node_service).oneshot(prompt(client, stream)).await;
    let answer = answer.expect("the node answers");
    assert_eq!(answer.head.format, client);
    answer.body.collect().await
}

/// Replaces what is fresh in each answer: names and times.
fn without_names(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = ["chatcmpl-", "cmpl-", "msg_", "resp_", "rs_", "fc_"]
        .iter()
        .filter_map(|prefix| rest.find(prefix).map(|at| at + prefix.len()))
        .min()
    {
        let (before, behind) = rest.split_at(at);
        out.push_str(before);
        rest = behind.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out.push_str(rest);
    let mut clean = String::new();
    let mut rest = out.as_str();
    while let Some(at) = rest.find("\"created") {
        let value = at + rest[at..].find(':').expect("a value") + 1;
        clean.push_str(&rest[..value]);
        rest = rest[value..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    clean + rest
}

fn whole(said: Vec<Result<Bytes>>) -> Vec<u8> {
    said.into_iter().collect::<Result<Vec<_>>>().expect("the answer is whole").concat()
}

async fn decoded(format: Format, streamed: bool, bytes: Vec<u8>) -> Answer {
    let completion = Completion::new(streamed, Body::full(bytes)).with_format(format);
    completion.into_answer().await.expect("the answer is whole")
}

fn check(answer: &Answer, signed: bool) {
    assert_eq!(answer.text, "I will löok it up.");
    assert_eq!(answer.thoughts[0].text, "The user wants wörk.");
    assert_eq!(answer.thoughts[0].signature.as_deref(), signed.then_some("EqQBCgIYAhIM"));
    let calls: Vec<_> = answer
        .tool_calls
        .iter()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
        .collect();
    let seed = r#"{"seed":12345678901234567890}"#;
    assert_eq!(calls, [("call_a", "weather", r#"{"city":"Köln"}"#), ("call_b", "time", seed)]);
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    assert_eq!(answer.usage, Some(Usage::new(20, 11).with_details(16, 5)));
}

#[tokio::test]
async fn recorded_streams_mean_the_same_at_every_split() {
    for (format, recorded) in RECORDED {
        for size in [1, 2, 3, 7, 64, recorded.len()] {
            let answer = Completion::new(true, pieces(recorded, size)).with_format(format);
            check(&answer.into_answer().await.unwrap(), format != Format::Chat);
        }
    }
}

#[tokio::test]
async fn every_format_becomes_every_other_and_keeps_its_meaning() {
    for (node, recorded) in RECORDED {
        for client in [Format::Chat, Format::Messages, Format::Responses] {
            for streamed in [true, false] {
                let said = whole(ask(client, streamed, node, recorded, 50).await);
                // What passes as it is stays a stream.
                let is_stream = streamed || client == node;
                check(&decoded(client, is_stream, said).await, node != Format::Chat);
            }
        }
    }
}

#[tokio::test]
async fn translated_events_are_the_recorded_ones_at_every_split() {
    for (client, node, recorded, golden) in [
        (Format::Messages, Format::Chat, CHAT, include_str!("wire/chat_to_messages.sse")),
        (Format::Responses, Format::Chat, CHAT, include_str!("wire/chat_to_responses.sse")),
        (Format::Completions, Format::Chat, CHAT, include_str!("wire/chat_to_completions.sse")),
        (Format::Chat, Format::Messages, MESSAGES, include_str!("wire/messages_to_chat.sse")),
        (Format::Chat, Format::Responses, RESPONSES, include_str!("wire/responses_to_chat.sse")),
        (
            Format::Completions,
            Format::Responses,
            RESPONSES,
            include_str!("wire/responses_to_completions.sse"),
        ),
        (Format::Messages, Format::Responses, RESPONSES, include_str!("wire/responses_to_messages.sse")),
        (Format::Responses, Format::Messages, MESSAGES, include_str!("wire/messages_to_responses.sse")),
    ] {
        for size in [1, 5, 100, recorded.len()] {
            let said = without_names(&whole(ask(client, true, node, recorded, size).await));
            if std::env::var_os("MAILY_BLESS").is_some() {
                let name = format!("{}_to_{}.sse", node.as_str(), client.as_str());
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name);
                std::fs::write(path, &said).unwrap();
                continue;
            }
            assert_eq!(said, golden, "{} to {}", node.as_str(), client.as_str());
        }
    }
}

#[tokio::test]
async fn events_of_responses_are_numbered_without_a_gap() {
    let said = whole(ask(Format::Responses, true, Format::Messages, MESSAGES, 9).await);

    let text = String::from_utf8(said).unwrap();
    let events: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert_eq!(kinds.last(), Some(&"response.completed"));
    assert_eq!(events.last().unwrap()["response"]["output"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn stream_that_breaks_off_has_no_end_in_any_format() {
    let cut = CHAT.split_inclusive("\n\n").take(4).collect::<String>();
    let error = format!("{cut}data: {{\"error\":{{\"message\":\"overloaded\"}}}}\n\ndata: [DONE]\n\n");
    let nonsense = format!("{cut}data: {{nonsense\n\ndata: [DONE]\n\n");
    for (recorded, code) in
        [(cut, Code::AnswerIncomplete), (error, Code::NodeFailed), (nonsense, Code::StreamMalformed)]
    {
        for client in [Format::Completions, Format::Messages, Format::Responses] {
            for streamed in [true, false] {
                let mut said = ask(client, streamed, Format::Chat, &recorded, 33).await;

                let last = said.pop().expect("there is an end").unwrap_err();
                assert_eq!(last.code(), code);
                let said = String::from_utf8(whole(said)).unwrap();
                for end in ["[DONE]", "message_stop", "message_delta", "response.completed"] {
                    assert!(!said.contains(end), "{said}");
                }
            }
        }
    }
}

#[tokio::test]
async fn mark_where_another_node_went_on_goes_along_into_every_format() {
    let events: Vec<_> = CHAT.split_inclusive("\n\n").collect();
    let resumed = Resumed { after: 2, node: "b".into(), attempt: Some(2) };
    let mark = resumed.comment();
    // A comment of somebody else that looks like it says nothing.
    let recorded =
        [&events[..3].concat(), ": mesh.resumed nonsense\n", &mark, &events[3..].concat()].concat();
    for client in [Format::Completions, Format::Messages, Format::Responses] {
        for size in [1, 7, recorded.len()] {
            let said = whole(ask(client, true, Format::Chat, &recorded, size).await);

            let text = String::from_utf8(said.clone()).unwrap();
            let behind: Vec<_> = text.split(&mark).collect();
            assert_eq!(behind.len(), 2, "{text}");
            assert!(
                behind[0].ends_with("\n\n") && !behind[1].starts_with('\n'),
                "a line of the next event: {text}"
            );
            assert!(!text.contains("nonsense"), "{text}");
            let answer = Completion::new(true, pieces(&text, size)).with_format(client);
            let deltas: Vec<Delta> = answer.into_deltas().try_collect().await.unwrap();
            let marks = deltas.iter().filter(|delta| matches!(delta, Delta::Resumed(_)));
            assert_eq!(marks.collect::<Vec<_>>(), [&Delta::Resumed(resumed.clone())]);
            let answer = decoded(client, true, said).await;
            assert_eq!((answer.node, answer.attempt), (Some("b".into()), Some(2)));
        }
    }
}

#[tokio::test]
async fn error_event_of_messages_is_an_error() {
    let recorded = MESSAGES.split("event: content_block_stop").next().unwrap().to_owned()
        + "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}\n\n";

    let said = ask(Format::Chat, true, Format::Messages, &recorded, 40).await;

    assert_eq!(said.last().unwrap().as_ref().unwrap_err().code(), Code::NodeFailed);
}

#[tokio::test]
async fn ten_thousand_deltas_of_a_call_are_one_call() {
    let mut recorded = String::from(
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n",
    );
    let piece = |json: &str| {
        let call = serde_json::json!({ "index": 0, "function": { "arguments": json } });
        format!("data: {}\n\n", serde_json::json!({ "choices": [{ "delta": { "tool_calls": [call] } }] }))
    };
    recorded.push_str(&piece("{\"n\":["));
    (0..10_000).for_each(|_| recorded.push_str(&piece("1,")));
    // One of them is huge.
    recorded.push_str(&piece(&"2,".repeat(250_000)));
    recorded.push_str(&piece("3]}"));
    recorded.push_str(
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n",
    );

    for client in [Format::Messages, Format::Responses] {
        let said = whole(ask(client, false, Format::Chat, &recorded, 4096).await);
        let answer = decoded(client, false, said).await;

        assert_eq!(answer.tool_calls.len(), 1);
        let arguments: Value = serde_json::from_str(&answer.tool_calls[0].arguments).unwrap();
        assert_eq!(arguments["n"].as_array().unwrap().len(), 260_001);
    }
}

#[tokio::test]
async fn what_a_node_takes_passes_byte_for_byte() {
    let body = r#" {"metadata":{"x":12345678901234567890123,"y":1.50},"model" : "m","max_tokens":9,"stream":true,
        "messages":[{"role":"user","content":[{"unknown":true}]}]}"#;
    let node = service_fn(move |prompt: Prompt| {
        assert_eq!(prompt.body(), body);
        std::future::ready(Ok::<_, Error>(Completion::new(true, Body::full(MESSAGES))))
    });
    let prompt = Prompt::parse_as(Format::Messages, body).unwrap();

    let answer = TranslateLayer::new(Formats::MESSAGES).layer(node).oneshot(prompt).await.unwrap();

    assert_eq!(answer.body.try_collect::<Vec<_>>().await.unwrap().concat(), MESSAGES.as_bytes());
}

#[tokio::test]
async fn deltas_of_every_format_are_read_in_order() {
    let deltas: Vec<Delta> = Completion::new(true, Body::full(RESPONSES))
        .with_format(Format::Responses)
        .into_deltas()
        .try_collect()
        .await
        .unwrap();

    assert_eq!(deltas[0], Delta::Reasoning("The user wants ".into()));
    assert_eq!(deltas[2], Delta::Signature("EqQBCgIYAhIM".into()));
    assert_eq!(deltas[3], Delta::Text("I will löok".into()));
    assert_eq!(deltas[5], Delta::ToolCall { index: 0, id: "call_a".into(), name: "weather".into() });
    assert_eq!(deltas.last(), Some(&Delta::Usage(Usage::new(20, 11).with_details(16, 5))));
}
