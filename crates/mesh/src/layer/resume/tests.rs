use std::collections::VecDeque;
use std::future::ready;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use maily_errors::{Code, Error, Value};
use parking_lot::Mutex;
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

use super::{ResumeLayer, Rules};
use crate::body::Body;
use crate::layer::retry::Budget;
use crate::memory::{Scripted, Step};
use crate::model::{Completion, Format, Message, Prompt};
use crate::port::AnyLlm;

fn prompt() -> Prompt {
    Prompt::chat("m", &[Message::user("Count")], true).unwrap()
}

fn event(id: &str, choice: &serde_json::Value) -> String {
    let chunk = json!({ "id": id, "created": 7, "model": "small", "choices": [choice] });
    format!("data: {chunk}\n\n")
}

fn token(id: &str, text: &str) -> String {
    event(id, &json!({ "index": 0, "delta": { "content": text }, "finish_reason": null }))
}

/// What a node sends: events, then whether the connection breaks.
type Script = (Vec<String>, bool);

/// A fleet that sends these streams, one for each call, and keeps what it was asked.
fn wire(scripts: Vec<Script>) -> (AnyLlm, Arc<Mutex<Vec<Prompt>>>) {
    let (scripts, seen) =
        (Arc::new(Mutex::new(VecDeque::from(scripts))), Arc::<Mutex<Vec<Prompt>>>::default());
    let asked = seen.clone();
    let node = service_fn(move |prompt: Prompt| {
        asked.lock().push(prompt);
        let (events, cut) = scripts.lock().pop_front().expect("no more calls than scripts");
        let broken = cut.then(|| Err(Error::new(Code::StreamCut, "cut")));
        let items = events.into_iter().map(|event| Ok(event.into())).chain(broken);
        ready(Ok::<_, Error>(Completion::new(true, Body::stream(stream::iter(items.collect::<Vec<_>>())))))
    });
    (AnyLlm::new(node), seen)
}

/// Everything that the reader gets, and the error at its end.
async fn read(node: AnyLlm, prompt: Prompt) -> (String, Option<Error>) {
    let answer = ResumeLayer::default().layer(node).oneshot(prompt).await.unwrap();
    let items: Vec<_> = answer.body.collect().await;
    let mut text = String::new();
    for item in items {
        match item {
            Ok(chunk) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Err(err) => return (text, Some(err)),
        }
    }
    (text, None)
}

fn why(err: &Error) -> Option<Value> {
    err.public_context().find(|(name, _)| *name == "resume").map(|(_, value)| value.clone())
}

#[tokio::test(start_paused = true)]
async fn stream_that_is_cut_goes_on_as_one_answer() {
    let usage = json!({ "choices": [], "id": "b", "created": 9, "model": "other", "usage":
        { "prompt_tokens": 12, "completion_tokens": 2, "total_tokens": 14 } });
    let (node, seen) = wire(vec![
        (vec![token("a", "One, "), token("a", "two, ")], true),
        (
            vec![
                event(
                    "b",
                    &json!({ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }),
                ),
                token("b", " three"),
                token("b", "."),
                event("b", &json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
                format!("data: {usage}\n\n"),
                "data: [DONE]\n\n".into(),
            ],
            false,
        ),
    ]);

    let (text, err) = read(node, prompt()).await;

    assert!(err.is_none());
    let expected = [
        token("a", "One, "),
        token("a", "two, "),
        ": mesh.resumed {\"after\":2,\"node\":\"\"}\n".into(),
        token("a", "three"),
        token("a", "."),
        event("a", &json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
    ];
    let (told, rest) = text.split_at(expected.concat().len());
    assert_eq!(told, expected.concat());
    let usage: serde_json::Value =
        serde_json::from_str(rest.strip_prefix("data: ").unwrap().split("\n\n").next().unwrap()).unwrap();
    assert_eq!(usage["usage"], json!({ "prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14 }));
    assert_eq!((&usage["id"], &usage["model"]), (&json!("a"), &json!("small")));
    assert!(rest.ends_with("}\n\ndata: [DONE]\n\n"));
    let asked = seen.lock()[1].body().clone();
    assert_eq!(
        asked,
        r#"{"continue_final_message":true,"add_generation_prompt":false,"model":"m","messages":[{"role":"user","content":"Count"},{"role":"assistant","content":"One, two,"}],"stream":true}"#
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_second_node_repeats_is_left_out() {
    let node = Scripted::new([Step::Cut("One, two, ".into()), Step::Answer("One, two, three, four.".into())]);

    let answer = ResumeLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap();

    assert_eq!(answer.into_text().await.unwrap(), "One, two, three, four.");
    assert_eq!(node.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn stream_is_continued_as_often_as_the_rules_say() {
    let cut = |text: &str| Step::Cut(text.into());
    let node = Scripted::new([cut("One, "), cut("two, "), cut("three, "), Step::Answer("four.".into())]);
    let answer = ResumeLayer::default().layer(node.clone()).oneshot(prompt()).await.unwrap();
    assert_eq!(answer.into_text().await.unwrap(), "One, two, three, four.");
    assert_eq!(node.seen()[3].read().unwrap().messages[1], Message::assistant("One, two, three,"));

    let once = Rules { attempts: 1, ..Rules::default() };
    let node = Scripted::new([cut("One, "), cut("two, "), Step::Answer("three.".into())]);
    let answer = ResumeLayer::new(once).layer(node.clone()).oneshot(prompt()).await.unwrap();
    let err = answer.body.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((err.code(), node.calls()), (Code::StreamCut, 2));
    assert_eq!(why(&err), Some(Value::from("attempts")));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_continued_is_an_error_and_never_done() {
    let call =
        json!({ "index": 0, "delta": { "tool_calls": [{ "index": 0, "id": "c" }] }, "finish_reason": null });
    let second = json!({ "index": 1, "delta": { "content": "x" }, "finish_reason": null });
    let body = |more: &str| {
        format!(r#"{{"model":"m","stream":true,{more}"messages":[{{"role":"user","content":"x"}}]}}"#)
    };
    let begun = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]}"#;
    for (said, asked, hurdle) in [
        (event("a", &call), body(""), "a tool call"),
        (event("a", &second), body(""), "several choices"),
        (token("a", "x"), body(r#""n":2,"#), "several choices"),
        (token("a", "x"), body(r#""response_format":{"type":"json_object"},"#), "a grammar"),
        (
            token("a", "x"),
            body(
                r#""response_format":{"type":"json_schema","json_schema":{"schema":{"properties":{"text":{}}}}},"#,
            ),
            "a grammar",
        ),
        (token("a", "x"), body(r#""guided_regex":"x+","#), "a grammar"),
        (token("a", "x"), begun.to_owned(), "an answer that the client began"),
    ] {
        let (node, seen) = wire(vec![(vec![said], true)]);

        let (text, err) = read(node, Prompt::parse(asked).unwrap()).await;

        let err = err.unwrap();
        assert_eq!((err.code(), seen.lock().len()), (Code::StreamCut, 1), "{hurdle}");
        assert_eq!(why(&err), Some(Value::from(hurdle)));
        assert!(!text.contains("[DONE]"));
    }
}

fn thought(id: &str, field: &str, text: &str) -> String {
    event(id, &json!({ "index": 0, "delta": { field: text }, "finish_reason": null }))
}

#[tokio::test(start_paused = true)]
async fn chat_that_is_cut_while_it_thinks_begins_anew() {
    let done = || "data: [DONE]\n\n".to_owned();
    let (node, seen) = wire(vec![
        (vec![thought("a", "reasoning", "Hm")], true),
        (vec![thought("b", "reasoning", "So"), token("b", "Yes"), done()], false),
    ]);

    let (text, err) = read(node, prompt()).await;

    assert!(err.is_none());
    let marker = ": mesh.resumed {\"after\":1,\"node\":\"\"}\n".to_owned();
    let thoughts = [thought("a", "reasoning", "Hm"), marker, thought("a", "reasoning", "So")];
    assert_eq!(text, [thoughts.concat(), token("a", "Yes"), done()].concat());
    assert_eq!(seen.lock()[1].body(), prompt().body());
}

#[tokio::test(start_paused = true)]
async fn chat_that_is_cut_behind_its_thoughts_goes_on_with_them() {
    let begun = || vec![thought("a", "reasoning_content", "Hm"), token("a", "Yes, ")];
    let (node, seen) =
        wire(vec![(begun(), true), (vec![token("b", "sir"), "data: [DONE]\n\n".into()], false)]);
    let (text, err) = read(node, prompt()).await;
    assert!(err.is_none() && text.contains("sir"));
    assert!(
        seen.lock()[1]
            .body()
            .ends_with(br#"{"role":"assistant","content":"Yes,","reasoning_content":"Hm"}],"stream":true}"#)
    );

    // A node that does not take them for its own.
    let (node, seen) =
        wire(vec![(begun(), true), (vec![thought("b", "reasoning", "Hm"), token("b", "No")], false)]);
    let (text, err) = read(node, prompt()).await;
    assert_eq!((err.unwrap().code(), seen.lock().len()), (Code::StreamGone, 2));
    assert!(!text.contains("No"));
}

#[tokio::test(start_paused = true)]
async fn answer_over_the_limit_is_not_continued() {
    let rules = Rules { max_bytes: 100, ..Rules::default() };
    for (bytes, calls) in [(100, 2), (101, 1)] {
        let node = Scripted::new([Step::Cut("x".repeat(bytes)), Step::Answer("y".into())]);
        let answer = ResumeLayer::new(rules).layer(node.clone()).oneshot(prompt()).await.unwrap();
        let ended = answer.body.try_collect::<Vec<_>>().await;
        assert_eq!((ended.is_ok(), node.calls()), (calls == 2, calls), "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_in_the_stream_is_a_cut_and_what_follows_it_is_not_believed() {
    let (node, _) = wire(vec![
        (
            vec![token("a", "One, "), "data: {\"error\":{\"message\":\"x\"}}\n\ndata: [DONE]\n\n".into()],
            false,
        ),
        (
            vec![
                token("b", "two."),
                event("b", &json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
            ],
            false,
        ),
    ]);

    let (text, err) = read(node, prompt()).await;

    assert!(err.is_none());
    assert!(!text.contains("error") && text.contains("two."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn stream_that_is_cut_behind_its_end_is_whole() {
    let end = event("a", &json!({ "index": 0, "delta": {}, "finish_reason": "stop" }));
    for done in ["", "data: [DONE]\n\n"] {
        let (node, seen) = wire(vec![(vec![token("a", "x"), end.clone(), done.to_owned()], true)]);

        let (text, err) = read(node, prompt()).await;

        assert!(err.is_none());
        assert_eq!(text, [token("a", "x"), end.clone(), "data: [DONE]\n\n".into()].concat());
        assert_eq!(seen.lock().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn half_an_event_before_the_cut_never_reaches_the_reader() {
    let (whole, half) = (token("a", "One, "), token("a", "two, "));
    let (node, seen) = wire(vec![
        (vec![whole.clone() + &half[..half.len() / 2]], true),
        (
            vec![
                token("b", "two."),
                event("b", &json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
            ],
            false,
        ),
    ]);

    let (text, err) = read(node, prompt()).await;

    assert!(err.is_none());
    assert!(text.starts_with(&(whole + ": mesh.resumed")), "{text}");
    assert_eq!(seen.lock()[1].read().unwrap().messages[1], Message::assistant("One,"));
}

#[tokio::test(start_paused = true)]
async fn rest_may_have_the_tokens_that_are_left() {
    let body = r#"{"model":"m","stream":true,"max_tokens":10,"messages":[{"role":"user","content":"x"}]}"#;
    let (node, seen) = wire(vec![
        (vec![token("a", "1 "), token("a", "2 "), token("a", "3 ")], true),
        (vec![token("b", "4")], false),
    ]);

    read(node, Prompt::parse(body).unwrap()).await;

    assert_eq!(seen.lock()[1].head.max_tokens, Some(7));
}

#[tokio::test(start_paused = true)]
async fn completion_goes_on_as_the_text_that_it_lengthens() {
    let body = r#"{"model":"m","stream":true,"prompt":"Count: "}"#;
    let token = |id: &str, text: &str| event(id, &json!({ "index": 0, "text": text, "finish_reason": null }));
    let end = |id: &str| event(id, &json!({ "index": 0, "text": "", "finish_reason": "stop" }));
    let (node, seen) = wire(vec![
        (vec![token("a", "One, "), token("a", "two, ")], true),
        (vec![token("b", " three"), end("b"), "data: [DONE]\n\n".into()], false),
    ]);

    let (text, err) = read(node, Prompt::parse_as(Format::Completions, body).unwrap()).await;

    assert!(err.is_none());
    assert!(text.ends_with(&[token("a", "three"), end("a"), "data: [DONE]\n\n".into()].concat()), "{text}");
    assert_eq!(seen.lock()[1].body(), &body.replace("Count: ", "Count: One, two,"));
}

#[tokio::test(start_paused = true)]
async fn long_answer_is_read_in_passing_and_still_goes_on() {
    let words: Vec<String> = (0..2_000).map(|index| format!("word-{index} ")).collect();
    let (node, seen) = wire(vec![
        (words.iter().map(|word| token("a", word)).collect(), true),
        (vec![token("b", "end")], false),
    ]);

    let (text, _) = read(node, prompt()).await;

    assert!(text.contains(": mesh.resumed {\"after\":2000,"));
    assert_eq!(seen.lock()[1].read().unwrap().messages[1].content, words.concat().trim_end());
}

#[tokio::test(start_paused = true)]
async fn fleet_whose_streams_all_break_off_is_soon_left_alone() {
    let node = Scripted::new([Step::Cut("half".into())]);
    let layer = ResumeLayer::default().with_budget(Budget::new(10, 4_000));

    for _ in 0..200 {
        let answer = layer.layer(node.clone()).oneshot(prompt()).await.unwrap();
        answer.body.try_collect::<Vec<_>>().await.unwrap_err();
    }

    println!("200 prompts at a fleet whose streams all break off: {} calls", node.calls());
    assert!(node.calls() <= 220, "{}", node.calls());
}

/// What the second node of a format is asked, or why there is none, when the first one told a word.
async fn asked(format: Format, body: &str) -> Result<serde_json::Value, String> {
    let steps = [Step::Cut("One, ".into()), Step::Answer("two.".into())];
    let node = Scripted::new(steps);
    let prompt = Prompt::parse_as(format, body.to_owned()).unwrap();
    let answer = ResumeLayer::default().layer(node.clone()).oneshot(prompt).await.unwrap();
    match answer.body.try_collect::<Vec<_>>().await {
        Ok(_) => Ok(serde_json::from_slice(node.seen()[1].body()).unwrap()),
        Err(err) => Err(why(&err).unwrap().to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn node_of_messages_is_asked_in_the_words_of_its_format() {
    let ask = async |more: &str, last: &str| {
        let body = format!(
            r#"{{"model":"m","stream":true,"max_tokens":9,{more}"messages":[{{"role":"user","content":"x"}}{last}]}}"#
        );
        asked(Format::Messages, &body).await
    };

    let next = ask("", "").await.unwrap();
    assert_eq!(next["messages"][1], json!({ "role": "assistant", "content": "One," }));
    assert_eq!(next["max_tokens"], 8);
    assert!(next.get("continue_final_message").is_none());
    // What the client began goes on, as a text or as blocks.
    let next = ask("", r#",{"role":"assistant","content":"So: "}"#).await.unwrap();
    assert_eq!(next["messages"][1]["content"], "So: One,");
    let blocks = r#",{"role":"assistant","content":[{"type":"text","text":"So: "}]}"#;
    assert_eq!(ask("", blocks).await.unwrap()["messages"][1]["content"][0]["text"], "So: One,");
    for (more, last, hurdle) in [
        (r#""output_config":{"format":{"type":"json_schema"}},"#, "", "a grammar"),
        (r#""output_format":{"type":"json_schema"},"#, "", "a grammar"),
        (r#""thinking":{"type":"enabled","budget_tokens":1024},"#, "", "reasoning"),
        ("", r#",{"role":"assistant","content":[{"type":"tool_use"}]}"#, "an answer that the client began"),
    ] {
        assert_eq!(ask(more, last).await, Err(hurdle.to_owned()));
    }
    for harmless in [r#""output_config":{"effort":"low"},"#, r#""thinking":{"type":"disabled"},"#] {
        assert!(ask(harmless, "").await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn node_of_responses_is_asked_with_an_item_that_is_incomplete() {
    let ask = async |input: &str| {
        let body = format!(r#"{{"model":"m","stream":true,"max_output_tokens":9,{input}}}"#);
        asked(Format::Responses, &body).await
    };

    for input in [r#""input":"x""#, r#""input":[{"role":"user","content":"x"}]"#] {
        let next = ask(input).await.unwrap();
        assert_eq!(next["input"][0], json!({ "role": "user", "content": "x" }));
        let item = &next["input"][1];
        assert_eq!((&item["type"], &item["status"]), (&json!("message"), &json!("incomplete")));
        assert!(item["id"].as_str().unwrap().starts_with("msg_"));
        assert_eq!(item["content"], json!([{ "type": "output_text", "text": "One,", "annotations": [] }]));
        let words = [&next["continue_final_message"], &next["add_generation_prompt"]];
        assert_eq!(words, [&json!(true), &json!(false)]);
        assert_eq!(next["max_output_tokens"], 8);
    }
    let grammar = r#""input":"x","text":{"format":{"type":"json_schema","schema":{}}}"#;
    let begun = r#""input":[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]"#;
    for (input, hurdle) in [
        (grammar, "a grammar"),
        (begun, "an answer that the client began"),
        (r#""previous_response_id":"resp_1""#, "a conversation that the node keeps"),
    ] {
        assert_eq!(ask(input).await, Err(hurdle.to_owned()));
    }
    assert!(ask(r#""input":"x","text":{"format":{"type":"text"}}"#).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn call_that_is_told_to_its_end_is_whole_though_nobody_could_continue_it() {
    let call =
        json!({ "index": 0, "delta": { "tool_calls": [{ "index": 0, "id": "c" }] }, "finish_reason": null });
    let long = vec![event("a", &call); 2_000];
    let end = [
        event("a", &json!({ "index": 0, "delta": {}, "finish_reason": "tool_calls" })),
        "data: [DONE]\n\n".into(),
    ];
    let (node, seen) = wire(vec![([&long[..], &end[..]].concat(), true)]);

    let (text, err) = read(node, prompt()).await;

    assert!(err.is_none(), "{err:?}");
    assert!(text.ends_with("data: [DONE]\n\n"));
    assert_eq!(seen.lock().len(), 1);
}
