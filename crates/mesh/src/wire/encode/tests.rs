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

/// Says the block that a node of messages answers with in another format, and in the client's next prompt again.
async fn there_and_back(client: Format, stream: bool, block: &Value) -> Value {
    let whole = json!({
        "type": "message", "role": "assistant", "content": [block, {"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
    });
    let node = Completion::new(false, Body::full(whole.to_string())).with_format(Format::Messages);
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
            for block in [&hidden, &left_out, &shown] {
                let back = there_and_back(client, stream, block).await;
                // A stream of chat says the text of a thought beside its signature.
                let expected = if *block == shown && client == Format::Chat && stream {
                    json!({"type": "thinking", "thinking": "", "signature": "EqQB"})
                } else {
                    block.clone()
                };
                assert_eq!(back, expected, "{client:?} {stream}");
            }
        }
    }
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
