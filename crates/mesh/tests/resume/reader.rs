//! Clients that notice whatever is not as the maker of a format says.

use maily_mesh::{Format, wire::SseDecoder};
use serde_json::{Value, json};

/// What a client reads.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) text: String,
    /// What was thought before.
    pub(crate) thought: String,
    /// The number of the call whose name the answer has.
    pub(crate) id: String,
    /// Tokens of the prompt and of the answer, if it says them.
    pub(crate) usage: Option<(u64, u64)>,
    /// How many comments say that another node goes on.
    pub(crate) marks: usize,
    /// How many events stand in front of the first such comment.
    pub(crate) begun_at: usize,
}

/// Whether somebody could take it for a whole answer.
pub(crate) fn looks_whole(raw: &str) -> bool {
    ["[DONE]", "message_stop", "response.completed", "stop_reason\":\""].iter().any(|mark| raw.contains(mark))
}

/// Reads a stream that has to be whole.
pub(crate) fn read(format: Format, raw: &str) -> Read {
    let mut decoder = SseDecoder::default();
    decoder.push(raw.as_bytes()).expect("as the format says");
    assert!(!decoder.is_inside(), "{raw}");
    let events: Vec<_> = std::iter::from_fn(|| decoder.next()).collect();
    let values: Vec<Value> = events
        .iter()
        .map(|event| {
            if event.data == "[DONE]" {
                json!("[DONE]")
            } else {
                serde_json::from_str(&event.data).expect(raw)
            }
        })
        .collect();
    let mut read = match format {
        Format::Chat | Format::Completions => chat(&values, format == Format::Chat),
        Format::Messages => messages(&values),
        Format::Embeddings | Format::Responses => responses(&values),
    };
    if matches!(format, Format::Messages | Format::Responses) {
        for (event, value) in events.iter().zip(&values) {
            assert_eq!(value["type"], json!(event.name), "{raw}");
        }
    }
    read.marks = raw.matches(": mesh.resumed {\"after\":").count();
    read.begun_at = raw.split(": mesh.resumed").next().unwrap_or_default().matches("data: ").count();
    read
}

fn chat(events: &[Value], with_role: bool) -> Read {
    let mut read = Read::default();
    let (last, events) = events.split_last().expect("as the format says");
    assert_eq!(last, "[DONE]");
    let ids: Vec<_> = events.iter().map(|event| (&event["id"], &event["created"], &event["model"])).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    read.id = ids[0].0.as_str().expect("as the format says").to_owned();
    // Clients that gather the chunks want to know at the beginning who speaks.
    let roles: Vec<_> = events.iter().map(|event| &event["choices"][0]["delta"]["role"]).collect();
    assert_eq!(roles[0] == "assistant", with_role);
    assert!(roles[1..].iter().all(|role| role.is_null()));
    let mut finished = 0;
    for event in events {
        let choice = &event["choices"][0];
        let said = choice["delta"]["content"].as_str().or(choice["text"].as_str()).unwrap_or_default();
        assert!(said.is_empty() || finished == 0);
        read.text.push_str(said);
        finished += usize::from(!choice["finish_reason"].is_null());
        if !event["usage"].is_null() {
            read.usage = Some(counts(&event["usage"], ["prompt_tokens", "completion_tokens"]));
        }
    }
    assert_eq!(finished, 1);
    read
}

fn counts(usage: &Value, [asked, told]: [&str; 2]) -> (u64, u64) {
    let (asked, told) = (
        usage[asked].as_u64().expect("as the format says"),
        usage[told].as_u64().expect("as the format says"),
    );
    assert_eq!(usage["total_tokens"].as_u64().unwrap_or(asked + told), asked + told);
    (asked, told)
}

fn messages(events: &[Value]) -> Read {
    let mut read = Read::default();
    let (mut blocks, mut open, mut ended, mut prompt) = (0, None, false, 0);
    for (at, event) in events.iter().enumerate() {
        assert!(!ended || event["type"] == "message_stop", "{event}");
        let index = event["index"].as_u64();
        match event["type"].as_str().expect("as the format says") {
            "message_start" => {
                assert_eq!(at, 0);
                let (message, id) =
                    (&event["message"], event["message"]["id"].as_str().expect("as the format says"));
                read.id = id.strip_prefix("msg_").expect("as the format says").to_owned();
                prompt = message["usage"]["input_tokens"].as_u64().expect("as the format says");
            }
            "content_block_start" => {
                assert_eq!((open, index), (None, Some(blocks)));
                let thought = json!({ "type": "thinking", "thinking": "", "signature": "" });
                let block = &event["content_block"];
                assert!(*block == thought || *block == json!({ "type": "text", "text": "" }), "{event}");
                (open, blocks) = (index, blocks + 1);
            }
            "content_block_delta" => {
                assert!(open.is_some() && open == index, "{event}");
                let delta = &event["delta"];
                read.thought.push_str(delta["thinking"].as_str().unwrap_or_default());
                let said = delta["text"].as_str().unwrap_or_default();
                assert_eq!(said.is_empty(), delta["type"] != "text_delta");
                read.text.push_str(said);
            }
            "content_block_stop" => {
                assert!(open.is_some() && open.take() == index, "{event}");
            }
            "message_delta" => {
                assert_eq!((open, &event["delta"]["stop_reason"]), (None, &json!("end_turn")));
                let (asked, told) = counts(&event["usage"], ["input_tokens", "output_tokens"]);
                assert_eq!(asked, prompt, "what was said at the beginning is so at the end");
                read.usage = Some((asked, told));
                ended = true;
            }
            "message_stop" => assert_eq!(at, events.len() - 1),
            "ping" => {}
            other => unreachable!("{other}"),
        }
    }
    assert!(ended && events.last().expect("as the format says")["type"] == "message_stop");
    read
}

/// The message that is open, as a client of responses knows it.
struct Open {
    id: Value,
    index: Value,
    text: String,
    stage: u8,
}

fn responses(events: &[Value]) -> Read {
    let mut read = Read::default();
    // A thought may begin anew while the message is open that has no word yet.
    let (mut open, mut thought): (Option<Open>, Option<Open>) = (None, None);
    let mut output: Vec<Value> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], json!(at), "{event}");
        if let (Some(open), Some(id)) = (thought.as_ref().or(open.as_ref()), event.get("item_id")) {
            assert_eq!((id, &event["output_index"]), (&open.id, &open.index));
        }
        let mut stage = |from: u8, to: u8| {
            let open = open.as_mut().expect("a message is open");
            assert_eq!(open.stage, from, "{event}");
            open.stage = to;
        };
        match event["type"].as_str().expect("as the format says") {
            "response.created" => {
                assert_eq!(at, 0);
                let id = event["response"]["id"].as_str().expect("as the format says");
                read.id = id.strip_prefix("resp_").expect("as the format says").to_owned();
            }
            "response.in_progress" => assert_eq!(at, 1),
            "response.output_item.added" => {
                let place = if event["item"]["type"] == "reasoning" { &mut thought } else { &mut open };
                assert!(place.is_none() && event["output_index"] == output.len(), "{event}");
                let id = event["item"]["id"].clone();
                *place =
                    Some(Open { id, index: event["output_index"].clone(), text: String::new(), stage: 0 });
                output.push(Value::Null);
            }
            "response.content_part.added" => stage(0, 1),
            "response.reasoning_text.delta" => {
                assert!(thought.is_some(), "{event}");
                read.thought.push_str(event["delta"].as_str().expect("as the format says"));
            }
            "response.output_text.delta" => {
                stage(1, 1);
                open.as_mut()
                    .expect("as the format says")
                    .text
                    .push_str(event["delta"].as_str().expect("as the format says"));
            }
            "response.output_text.done" => {
                stage(1, 2);
                assert_eq!(event["text"], open.as_ref().expect("as the format says").text);
            }
            "response.content_part.done" => {
                stage(2, 3);
                assert_eq!(event["part"]["text"], open.as_ref().expect("as the format says").text);
            }
            "response.output_item.done" => {
                let item = &event["item"];
                let thinks = item["type"] == "reasoning";
                let ended = if thinks { thought.take() } else { open.take() };
                let Open { id, index, text, stage } = ended.expect("as the format says");
                assert!(stage == 3 || stage == 0, "{event}");
                let said = item["content"][0]["text"].as_str().filter(|_| !thinks).unwrap_or_default();
                assert_eq!((&item["id"], &event["output_index"], said), (&id, &index, text.as_str()));
                output[index.as_u64().expect("as the format says") as usize] = item.clone();
                read.text.push_str(&text);
            }
            "response.completed" => {
                assert!(open.is_none() && thought.is_none() && at == events.len() - 1);
                let response = &event["response"];
                assert_eq!(response["output"], json!(output));
                let call = &read.id;
                assert_eq!(response["id"], format!("resp_{call}"));
                let number: u64 = call.parse().expect("as the format says");
                assert_eq!(
                    (&response["created_at"], &response["model"]),
                    (&json!(100 + number), &json!(format!("m{call}")))
                );
                assert_eq!(response["max_output_tokens"], 1000 - number);
                read.usage = Some(counts(&response["usage"], ["input_tokens", "output_tokens"]));
            }
            other => unreachable!("{other}"),
        }
    }
    assert_eq!(events.last().expect("as the format says")["type"], "response.completed");
    read
}
