//! What a client reads is what the node said, streamed and whole.

use futures_util::stream;
use serde_json::{Value, json};

use super::answer;
use crate::body::Body;
use crate::model::{Completion, Delta, FinishReason, Format, Prompt};
use crate::wire::convert;

fn prompt(format: Format, stream: bool) -> Prompt {
    let body = json!({
        "model": "m", "stream": stream, "max_tokens": 9, "input": "Hi", "messages": [{"role": "user", "content": "Hi"}],
    });
    Prompt::parse_as(format, body.to_string()).unwrap()
}

async fn written(completion: Completion) -> String {
    let bytes: Vec<_> = futures_util::TryStreamExt::try_collect(completion.body).await.unwrap();
    String::from_utf8(bytes.concat()).unwrap()
}

fn events(written: &str) -> impl Iterator<Item = Value> + '_ {
    let data = written.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok())
}

#[tokio::test]
async fn message_with_a_call_stops_to_use_a_tool_also_where_the_node_was_forced_to() {
    for stream in [true, false] {
        let call = Delta::ToolCall { index: 0, id: "c".into(), name: "f".into() };
        let arguments = Delta::ToolArguments { index: 0, json: "{}".into() };
        let deltas = [call, arguments, Delta::Finish(FinishReason::Stop)].map(Ok);

        let written = written(answer(&prompt(Format::Messages, stream).head, stream::iter(deltas))).await;

        assert!(written.contains(r#""stop_reason":"tool_use""#), "{written}");
    }
}

/// What a node of messages answers with a thought in front of its text.
fn node(stream: bool, block: &Value) -> Completion {
    let text = json!({"type": "text", "text": "Hi"});
    let body = if stream {
        let events = block_events(block).into_iter().chain([
            json!({"type": "content_block_start", "index": 1, "content_block": text}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ]);
        events.map(|event| format!("data: {event}\n\n")).collect()
    } else {
        json!({"type": "message", "role": "assistant", "content": [block, text], "stop_reason": "end_turn"})
            .to_string()
    };
    Completion::new(stream, Body::full(body)).with_format(Format::Messages)
}

/// A thought as messages streams it: one that is hidden at once, any other one piece by piece.
fn block_events(block: &Value) -> Vec<Value> {
    let delta = |delta: Value| json!({"type": "content_block_delta", "index": 0, "delta": delta});
    let is_hidden = block["type"] == "redacted_thinking";
    let empty = json!({"type": "thinking", "thinking": "", "signature": ""});
    let begun = if is_hidden { block } else { &empty };
    let mut events = vec![json!({"type": "content_block_start", "index": 0, "content_block": begun})];
    if !is_hidden {
        if block["thinking"] != "" {
            events.push(delta(json!({"type": "thinking_delta", "thinking": block["thinking"]})));
        }
        events.push(delta(json!({"type": "signature_delta", "signature": block["signature"]})));
    }
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events
}

/// Says a node's answer in another format, and its thought in the client's next prompt again.
async fn there_and_back(client: Format, stream: bool, node: Completion) -> Value {
    let written = written(answer(&prompt(client, stream).head, node.into_deltas())).await;
    let said = if client == Format::Chat {
        let mut blocks = Vec::new();
        let whole = (!stream).then(|| serde_json::from_str(&written).unwrap());
        for event in whole.into_iter().chain(events(&written)) {
            let choice = &event["choices"][0];
            let said = if stream { &choice["delta"] } else { &choice["message"] };
            blocks.extend(said["thinking_blocks"].as_array().into_iter().flatten().cloned());
            assert_ne!(said.get("reasoning_content"), Some(&json!("")));
        }
        json!({ "messages": [{"role": "assistant", "content": "Hi", "thinking_blocks": blocks}] })
    } else {
        let end = if stream {
            events(&written).last().unwrap()["response"].clone()
        } else {
            serde_json::from_str(&written).unwrap()
        };
        json!({ "input": end["output"] })
    };
    let back = convert(said.to_string().as_bytes(), client, Format::Messages).unwrap();
    serde_json::from_str::<Value>(&back).unwrap()["messages"][0]["content"][0].clone()
}

#[tokio::test]
async fn thought_that_a_node_hides_or_leaves_out_comes_back_as_the_block_that_it_was() {
    let hidden = json!({"type": "redacted_thinking", "data": "EmwK"});
    let left_out = json!({"type": "thinking", "thinking": "", "signature": "EqQB"});
    let shown = json!({"type": "thinking", "thinking": "Hm", "signature": "EqQB"});
    for client in [Format::Chat, Format::Responses] {
        for stream in [true, false] {
            for (block, streams) in
                [&hidden, &left_out, &shown].into_iter().flat_map(|it| [(it, true), (it, false)])
            {
                let back = there_and_back(client, stream, node(streams, block)).await;
                // A stream of chat says the text of a thought beside its signature.
                let expected =
                    if *block == shown && client == Format::Chat && stream { &left_out } else { block };
                assert_eq!(back, *expected, "{client:?} {stream} {streams}");
            }
        }
    }
}

#[tokio::test]
async fn thought_of_a_node_is_streamed_to_a_client_of_messages_as_the_block_that_it_was() {
    for block in [
        json!({"type": "redacted_thinking", "data": "EmwK"}),
        json!({"type": "thinking", "thinking": "", "signature": "EqQB"}),
        json!({"type": "thinking", "thinking": "Hm", "signature": "EqQB"}),
    ] {
        let written =
            written(answer(&prompt(Format::Messages, true).head, node(true, &block).into_deltas())).await;

        let said: Vec<_> = events(&written).filter(|event| event["index"] == 0).collect();
        assert_eq!(said, block_events(&block));
    }
}

#[tokio::test]
async fn hidden_thought_has_no_part_in_a_streamed_response() {
    let hidden = json!({"type": "redacted_thinking", "data": "EmwK"});

    let written =
        written(answer(&prompt(Format::Responses, true).head, node(false, &hidden).into_deltas())).await;

    let of_the_thought = events(&written).filter(|event| event["output_index"] == 0);
    let kinds: Vec<_> = of_the_thought.map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["response.output_item.added", "response.output_item.done"]);
}

#[tokio::test]
async fn blocks_of_thoughts_that_a_node_of_chat_passes_on_keep_their_kind() {
    let block = json!([{"type": "redacted_thinking", "data": "a"}, {"type": "thinking", "thinking": "", "signature": "b"}]);
    let whole = json!({"choices": [{"message": {"content": "Hi", "thinking_blocks": block}, "finish_reason": "stop"}]});
    let node = Completion::new(false, Body::full(whole.to_string()));

    let written = written(answer(&prompt(Format::Messages, false).head, node.into_deltas())).await;

    let message: Value = serde_json::from_str(&written).unwrap();
    assert_eq!([&message["content"][0], &message["content"][1]], [&block[0], &block[1]]);
}
