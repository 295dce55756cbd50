//! The same of messages and responses, at nodes that take them and at nodes that take chat.

use std::time::{Duration, Instant};

use maily_mesh::{Format, Formats};
use serde_json::{Value, json};

use super::support::{Act, Reading, Scripted, Then, WORDS, config, mesh_of, serve};
use super::{limits, pair};

const FORMATS: [Format; 2] = [Format::Messages, Format::Responses];
const FAULTS: [(&str, Then); 6] = [
    ("is cut", Then::Cut),
    ("ends without a finish", Then::End),
    ("falls silent", Then::Silence),
    ("sends comments only", Then::Pings),
    ("sends what is no event", Then::Garbage),
    ("reports an error and goes on to its end", Then::ErrorAndDone),
];

fn prompt(format: Format) -> Value {
    match format {
        Format::Responses => json!({ "model": "m", "input": "Count", "stream": true }),
        _ => {
            json!({ "model": "m", "max_tokens": 99, "messages": [{ "role": "user", "content": "Count" }], "stream": true })
        }
    }
}

/// What a whole stream ends with, and only once.
fn end(format: Format) -> &'static str {
    if format == Format::Messages { "event: message_stop\n" } else { "event: response.completed\n" }
}

async fn ask_the_first(format: Format, address: &str, nodes: &[Scripted; 2]) -> (String, String) {
    loop {
        let answer = Reading::begin_in(format, address, "", &prompt(format)).await.text().await;
        if nodes[0].calls() > 0 {
            return answer;
        }
    }
}

#[tokio::test]
async fn messages_and_responses_of_a_node_that_goes_wrong_are_whole() {
    for format in FORMATS {
        for native in [Formats::CHAT, Formats::CHAT.with(format)] {
            for (name, then) in FAULTS {
                let mut resumed = 0;
                for words in [1, 3, 8] {
                    let nodes = pair(Act::After(words, then)).await;
                    let address = serve(mesh_of(&config(limits()), native, &[&nodes[0], &nodes[1]])).await;
                    let start = Instant::now();

                    let (text, raw) = ask_the_first(format, &address, &nodes).await;

                    let node = if native.contains(format) { "its own format" } else { "chat" };
                    println!(
                        "{} from a node of {node} that {name} after {words} words: whole after {:?}",
                        format.as_str(),
                        start.elapsed()
                    );
                    assert_eq!(text, WORDS.concat(), "{raw}");
                    assert_eq!(raw.matches(end(format)).count(), 1, "{raw}");
                    assert!(!raw.contains("event: error"), "{raw}");
                    resumed += raw.matches(": mesh.resumed {\"after\":").count();
                }
                assert!(resumed > 0, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn chat_and_messages_of_a_node_of_responses_only_that_goes_wrong_are_whole() {
    for format in [Format::Chat, Format::Messages] {
        for (name, then) in FAULTS {
            let nodes = pair(Act::After(3, then)).await;
            let address =
                serve(mesh_of(&config(limits()), Formats::RESPONSES, &[&nodes[0], &nodes[1]])).await;

            let (text, raw) = ask_the_first(format, &address, &nodes).await;

            println!("{} from a node of responses only that {name}", format.as_str());
            assert_eq!(text, WORDS.concat(), "{raw}");
            let end = if format == Format::Chat { "data: [DONE]\n" } else { end(format) };
            assert_eq!(raw.matches(end).count(), 1, "{raw}");
            assert!(!raw.contains("event: error"), "{raw}");
            assert!(
                nodes
                    .iter()
                    .flat_map(Scripted::seen)
                    .all(|(_, head, _)| head.starts_with("post /v1/responses "))
            );
        }
    }
}

#[tokio::test]
async fn messages_and_responses_that_nobody_continues_never_look_whole() {
    for format in FORMATS {
        for native in [Formats::CHAT, Formats::CHAT.with(format)] {
            for (_, then) in FAULTS {
                let node = Scripted::start([Act::After(3, then)]).await;
                let mut settings = limits();
                settings["resume"] = json!({ "attempts": 0 });
                let address = serve(mesh_of(&config(settings), native, &[&node])).await;

                let (text, raw) = Reading::begin_in(format, &address, "", &prompt(format)).await.text().await;

                assert!(WORDS[..3].concat().starts_with(&text), "{raw}");
                assert!(raw.contains("event: error\n") || raw.starts_with("HTTP/1.0 50"), "{raw}");
                assert!(!raw.contains(end(format)) && !raw.contains("\"end_turn\""), "{raw}");
            }
        }
    }
}

#[tokio::test]
async fn client_of_messages_and_responses_comes_back_for_the_rest() {
    for format in FORMATS {
        for native in [Formats::CHAT, Formats::CHAT.with(format)] {
            let slow = Act::Stream { pause: Duration::from_millis(30) };
            let node = Scripted::start([slow, Act::Stream { pause: Duration::ZERO }]).await;
            let address = serve(mesh_of(&config(json!({})), native, &[&node])).await;
            let resumable = "x-maily-resumable: 1\r\n";
            let mut reading = Reading::begin_in(format, &address, resumable, &prompt(format)).await;
            assert!(reading.until("three, ").await);
            let seen = reading.bytes.clone();
            drop(reading);
            node.left().await;
            // Of the events that were sent, the client has those up to the second word.
            let (told, _) = seen.split_once("three, ").unwrap();
            let (told, last) = told.rsplit_once("id: ").unwrap();
            let last = last.lines().next().unwrap();
            let behind = told.rsplit_once("id: ").unwrap().1.lines().next().unwrap();
            assert_ne!(last, behind);

            let header = format!("last-event-id: {behind}\r\n");
            let (rest, raw) =
                Reading::begin_in(format, &address, &header, &prompt(format)).await.text().await;

            assert_eq!(WORDS[..2].concat() + &rest, WORDS.concat(), "{raw}");
            assert_eq!(raw.matches(end(format)).count(), 1, "{raw}");
            assert!(raw.contains(&format!("id: {last}\n")), "{raw}");
            assert_eq!(node.calls(), 2);
        }
    }
}
