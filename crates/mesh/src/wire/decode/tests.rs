//! When a decoded answer ends, and what its pieces belong to.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use maily_errors::{Code, Error};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::balance::{Balance, Node, Nodes};
use crate::body::Body;
use crate::memory::{Scripted, Step};
use crate::model::{Answer, Completion, Delta, FinishReason, Format, Message, Prompt};

const SAID: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\n";
const END: &str = "data: [DONE]\n\n";

fn event(json: &str) -> String {
    format!("data: {json}\n\n")
}

async fn answer(format: Format, body: String) -> Answer {
    Completion::new(true, Body::full(body)).with_format(format).into_answer().await.unwrap()
}

#[tokio::test]
async fn decoded_stream_tells_the_balancer_that_it_is_whole() {
    let nodes = Nodes::default();
    nodes.insert(Node::new("local", Scripted::new([Step::Answer("one two".into())])));
    let prompt = Prompt::chat("m", &[Message::user("Hi")], true).unwrap();

    let answer = Balance::new(nodes.clone()).oneshot(prompt).await.unwrap();

    assert_eq!(answer.into_text().await.unwrap(), "one two");
    assert_eq!(nodes.status()[0].duration.count, 1);
}

#[test]
fn last_delta_does_not_wait_for_the_end_of_the_body_and_the_end_does() {
    let (end, ends) = tokio::sync::oneshot::channel::<()>();
    let chunks = stream::iter([Ok(Bytes::from(SAID)), Ok(Bytes::from(END))]);
    let rest = ends.into_stream().filter_map(|_| std::future::ready(None));
    let mut deltas = Completion::new(true, Body::stream(chunks.chain(rest))).into_deltas();

    assert_eq!(deltas.try_next().now_or_never().unwrap().unwrap(), Some(Delta::Text("Hi".into())));
    let finish = Delta::Finish(FinishReason::Stop);
    assert_eq!(deltas.try_next().now_or_never().unwrap().unwrap(), Some(finish));
    assert!(deltas.next().now_or_never().is_none(), "the node is not done");
    drop(end);
    assert!(deltas.next().now_or_never().unwrap().is_none());
}

#[tokio::test]
async fn what_goes_wrong_behind_the_end_is_no_matter_of_the_reader() {
    let broken = Err(Error::from(Code::StreamCut));
    let body = Body::stream(stream::iter([Ok(Bytes::from(SAID)), Ok(Bytes::from(END)), broken]));

    assert_eq!(Completion::new(true, body).into_text().await.unwrap(), "Hi");
}

#[tokio::test]
async fn call_with_a_name_of_its_own_is_another_one_also_where_the_node_counts_none() {
    let call = |index: u32, id: &str, name: &str, json: &str| {
        let function = serde_json::json!({ "name": name, "arguments": json });
        let call = serde_json::json!({ "index": index, "id": id, "type": "function", "function": function });
        event(&serde_json::json!({ "choices": [{ "delta": { "tool_calls": [call] } }] }).to_string())
    };
    let more = event(
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"arguments":"1}"}}]},"finish_reason":"tool_calls"}]}"#,
    );

    // Without ids: one whole call, and one whose pieces name the tool again.
    let bare = call(0, "", "f", "{}") + &call(0, "", "g", "{\"n\":") + &call(0, "", "g", "1}");

    let body = call(0, "a", "f", "{}") + &call(0, "b", "g", "{\"n\":") + &more;
    for (body, ids) in [(body, ["a", "b"]), (bare, ["", ""])] {
        let calls = answer(Format::Chat, body + END).await.tool_calls;

        let calls: Vec<_> =
            calls.iter().map(|call| (call.index, &*call.id, &*call.name, &*call.arguments)).collect();
        assert_eq!(calls, [(0, ids[0], "f", "{}"), (1, ids[1], "g", "{\"n\":1}")]);
    }
}

#[tokio::test]
async fn response_that_streamed_a_call_ends_with_it_also_if_its_end_does_not_repeat_it() {
    let added = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}}"#;
    let end = r#"{"type":"response.completed","response":{"status":"completed","output":[]}}"#;

    let answer = answer(Format::Responses, event(added) + &event(end)).await;

    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
}

#[tokio::test]
async fn text_that_only_the_end_of_a_response_has_is_not_lost_behind_a_thought() {
    let thought = r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"Hm"}]}"#;
    let done = format!(r#"{{"type":"response.output_item.done","output_index":0,"item":{thought}}}"#);
    let text = r#"{"type":"message","content":[{"type":"output_text","text":"Hi"}]}"#;
    let end = format!(
        r#"{{"type":"response.completed","response":{{"status":"completed","output":[{thought},{text}]}}}}"#
    );

    let answer = answer(Format::Responses, event(&done) + &event(&end)).await;

    assert_eq!((&*answer.text, &*answer.thoughts[0].text), ("Hi", "Hm"));
}

#[tokio::test]
async fn thought_of_a_streamed_response_is_hidden_only_where_it_has_no_part() {
    let said = |text: &str| Delta::Reasoning(text.into());
    let (signature, hidden) = (Delta::Signature("c".into()), Delta::HiddenThought("c".into()));
    let delta = |text: &str| json!({"type": "response.reasoning_text.delta", "delta": text});
    let item = |kind: &str, content: Value| {
        let item = json!({"type": kind, "summary": [], "content": content, "encrypted_content": "c"});
        json!({"type": "response.output_item.done", "item": item})
    };
    let part = |text: &str| json!([{"type": "reasoning_text", "text": text}]);
    for (events, expected) in [
        (vec![item("reasoning", json!([]))], vec![hidden.clone()]),
        (vec![delta(""), item("reasoning", part(""))], vec![signature.clone()]),
        (vec![item("reasoning", part("Hm"))], vec![said("Hm"), signature.clone()]),
        (vec![delta("Hm"), item("reasoning", part("Hm"))], vec![said("Hm"), signature.clone()]),
        (
            vec![delta("Hm"), item("reasoning", json!([])), item("reasoning", json!([]))],
            vec![said("Hm"), signature, hidden],
        ),
        (vec![item("compaction", json!([]))], vec![]),
    ] {
        let body: String = events.iter().map(|it| event(&it.to_string())).collect();
        let body = body + &event(r#"{"type":"response.completed","response":{"status":"completed"}}"#);
        let completion = Completion::new(true, Body::full(body)).with_format(Format::Responses);

        let deltas: Vec<_> = completion.into_deltas().try_collect().await.unwrap();

        assert_eq!(deltas[..deltas.len() - 1], expected);
    }
}

#[tokio::test]
async fn event_without_data_says_nothing() {
    for empty in ["data:\n\n", "data\n\n", "event: ping\ndata:\n\n"] {
        let answer = answer(Format::Chat, [empty, SAID, END].concat()).await;
        assert_eq!(answer.text, "Hi", "{empty:?}");
    }
}
