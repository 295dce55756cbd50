//! Nodes and clients that misbehave on real sockets: what the client of the reference routes sees.

mod betas;
mod formats;
mod phases;
mod speech;
mod support;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use maily_mesh::{Message, Prompt};
use serde_json::{Value, json};

use self::support::{Act, Reading, Scripted, Then, WORDS, config, mesh, prompt, serve, text_of};

const STREAM: Act = Act::Stream { pause: Duration::ZERO };

/// A first node that does this and a second one that is well, or the other way round.
async fn pair(first: Act) -> [Scripted; 2] {
    [Scripted::start([first]).await, Scripted::start([STREAM]).await]
}

fn limits() -> Value {
    // No second node by the clock, so that what a test sees has one reason; and long enough that a machine with much
    // else to do keeps a node that is well from being taken for one that is not.
    json!({ "deadline": { "headers_ms": 1000, "first_token_ms": 1500, "between_ms": 1000 }, "hedge": { "enabled": false } })
}

/// Asks until the first node was asked once: which node is first is chance.
async fn ask_the_first(address: &str, nodes: &[Scripted; 2], body: &Value) -> (String, String) {
    loop {
        let answer = Reading::begin(address, "", body).await.text().await;
        if nodes[0].calls() > 0 {
            return answer;
        }
    }
}

#[tokio::test]
async fn text_of_a_stream_that_goes_wrong_is_that_of_one_that_does_not() {
    for (name, then) in [
        ("cut", Then::Cut),
        ("ends without a finish", Then::End),
        ("falls silent", Then::Silence),
        ("sends comments only", Then::Pings),
        ("sends what is no event", Then::Garbage),
        ("reports an error and says done", Then::ErrorAndDone),
    ] {
        let mut resumed = 0;
        for words in [1, 3, 7] {
            let nodes = pair(Act::After(words, then)).await;
            let address = serve(mesh(&config(limits()), &[&nodes[0], &nodes[1]])).await;
            let start = Instant::now();

            let (text, raw) = ask_the_first(&address, &nodes, &prompt(true)).await;

            println!("node that {name} after {words} words: whole text after {:?}", start.elapsed());
            assert_eq!(text, WORDS.concat(), "{name} after {words}: {raw}");
            // Where everything arrives in one piece, the prompt is repeated before anybody saw a word.
            resumed += raw.matches(": mesh.resumed {\"after\":").count();
            assert!(raw.ends_with("data: [DONE]\n\n") && raw.matches("[DONE]").count() == 1, "{raw}");
            assert!(!raw.contains("\"error\""));
        }
        assert!(resumed > 0, "{name}");
    }
}

#[tokio::test]
async fn stream_that_nobody_can_continue_ends_with_an_error_and_never_done() {
    for then in [Then::Cut, Then::End, Then::Garbage, Then::ErrorAndDone] {
        let node = Scripted::start([Act::After(3, then)]).await;
        let settings = json!({ "resume": { "attempts": 0 }, "hedge": { "enabled": false } });
        let address = serve(mesh(&config(settings), &[&node])).await;

        let (text, raw) = Reading::begin(&address, "", &prompt(true)).await.text().await;

        assert!(WORDS[..3].concat().starts_with(&text));
        assert!(raw.contains("data: {\"error\":") || raw.starts_with("HTTP/1.0 502"), "{raw}");
        assert!(!raw.contains("[DONE]"), "{raw}");
    }
}

#[tokio::test]
async fn mesh_in_process_continues_a_stream_as_well() {
    let nodes = pair(Act::After(4, Then::Cut)).await;
    let mesh = mesh(&config(limits()), &[&nodes[0], &nodes[1]]);

    while nodes[0].calls() == 0 {
        let asked = Prompt::chat("m", &[Message::user("Count")], true).unwrap();
        let answer = mesh.complete(asked).await.unwrap();
        assert_eq!(answer.into_text().await.unwrap(), WORDS.concat());
    }
}

#[tokio::test]
async fn node_that_fails_before_it_begins_is_replaced_without_a_trace() {
    for act in [
        Act::Refuse("500 Internal Server Error"),
        Act::Refuse("503 Service Unavailable"),
        Act::Silent,
        Act::After(0, Then::Silence),
        Act::After(0, Then::Pings),
        Act::After(0, Then::Cut),
    ] {
        let nodes = pair(act).await;
        let address = serve(mesh(&config(limits()), &[&nodes[0], &nodes[1]])).await;

        let (text, raw) = ask_the_first(&address, &nodes, &prompt(true)).await;

        assert_eq!(text, WORDS.concat(), "{raw}");
        assert!(!raw.contains("mesh.resumed"));
        assert_eq!(nodes[0].calls(), 1);
    }
}

#[tokio::test]
async fn node_that_lies_about_its_length_is_not_believed() {
    let node = Scripted::start([Act::Lie(100), Act::Lie(0)]).await;
    let address = serve(mesh(&config(limits()), &[&node])).await;

    let (_, raw) = Reading::begin(&address, "", &prompt(false)).await.text().await;

    assert!(raw.starts_with("HTTP/1.0 200") && raw.contains("eight."), "{raw}");
    assert_eq!(node.calls(), 2);
}

#[tokio::test]
async fn length_that_is_a_lie_never_makes_an_answer_look_complete() {
    let alone = json!({
        "retry": { "attempts": 1 }, "resume": { "attempts": 0 }, "hedge": { "enabled": false },
        "deadline": { "whole_ms": 1000, "between_ms": 500 },
    });
    for lie in [100, 1, -1, -5, -60] {
        let node = Scripted::start([Act::Lie(lie)]).await;
        let address = serve(mesh(&config(alone.clone()), &[&node])).await;

        let (_, raw) = Reading::begin(&address, "", &prompt(false)).await.text().await;

        assert!(raw.starts_with("HTTP/1.0 50"), "{lie} bytes more than there are: {raw}");
        assert!(raw.contains("\"error\"") && !raw.contains("eight."), "{lie}: {raw}");
    }
    for lie in [100, -30, -200] {
        let node = Scripted::start([Act::LieInStream(lie)]).await;
        let address = serve(mesh(&config(alone.clone()), &[&node])).await;

        let (_, raw) = Reading::begin(&address, "", &prompt(true)).await.text().await;

        let failed = raw.starts_with("HTTP/1.0 50") || raw.contains("data: {\"error\":");
        let whole = raw.contains("\"finish_reason\":\"stop\"") && raw.ends_with("data: [DONE]\n\n");
        assert!(failed && !raw.contains("[DONE]") || whole && lie > 0, "{lie} bytes more: {raw}");
    }
}

#[tokio::test]
async fn stream_whose_length_is_a_lie_goes_on_elsewhere() {
    let nodes = pair(Act::LieInStream(-300)).await;
    let address = serve(mesh(&config(limits()), &[&nodes[0], &nodes[1]])).await;

    let (text, raw) = ask_the_first(&address, &nodes, &prompt(true)).await;

    assert_eq!(text, WORDS.concat(), "{raw}");
    assert!(raw.matches("[DONE]").count() == 1 && !raw.contains("\"error\""), "{raw}");
}

#[tokio::test]
async fn deadline_of_the_caller_counts_and_reaches_the_node() {
    let node = Scripted::start([Act::Silent]).await;
    let address = serve(mesh(&config(json!({})), &[&node])).await;
    let start = Instant::now();

    let (_, raw) = Reading::begin(&address, "x-maily-timeout-ms: 300\r\n", &prompt(true)).await.text().await;

    println!("deadline of 300 ms: answered after {:?}", start.elapsed());
    assert!(raw.starts_with("HTTP/1.0 504"), "{raw}");
    assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < Duration::from_secs(5));
    let (_, head, _) = node.seen().remove(0);
    let left = head.lines().find_map(|line| line.strip_prefix("x-maily-timeout-ms: ")).expect("the deadline");
    assert!((1..=300).contains(&left.parse::<u32>().unwrap()), "{head}");
}

#[tokio::test]
async fn node_that_asks_to_slow_down_is_left_alone_for_that_time() {
    let throttled = Act::Refuse("429 Too Many Requests\r\nretry-after: 1");
    let nodes = pair(throttled).await;
    let address = serve(mesh(&config(limits()), &[&nodes[0], &nodes[1]])).await;
    ask_the_first(&address, &nodes, &prompt(true)).await;
    let refused = nodes[0].seen()[0].0;

    while nodes[0].calls() == 1 {
        let (text, _) = Reading::begin(&address, "", &prompt(true)).await.text().await;
        assert_eq!(text, WORDS.concat());
    }

    let again = nodes[0].seen()[1].0 - refused;
    println!("asked to wait for 1 s, asked again after {again:?}");
    assert!(again >= Duration::from_millis(990));
}

#[tokio::test]
async fn fleet_that_fails_is_asked_at_most_a_fifth_more() {
    let fleet = [
        Scripted::start([Act::Refuse("500 Internal Server Error")]).await,
        Scripted::start([Act::Refuse("500 Internal Server Error")]).await,
    ];
    let address = serve(mesh(&config(json!({})), &[&fleet[0], &fleet[1]])).await;

    for _ in 0..100 {
        let (_, raw) = Reading::begin(&address, "", &prompt(true)).await.text().await;
        assert!(raw.starts_with("HTTP/1.0 502"), "{raw}");
    }

    let calls = fleet[0].calls() + fleet[1].calls();
    println!("100 prompts at a fleet that fails: {calls} calls");
    assert!(calls <= 120, "{calls}");
}

#[tokio::test]
async fn second_node_answers_when_the_first_is_slow_to_begin() {
    let nodes = pair(Act::Silent).await;
    let settings = json!({ "hedge": { "unknown_wait_ms": 200 } });
    let address = serve(mesh(&config(settings), &[&nodes[0], &nodes[1]])).await;
    let start = Instant::now();

    let (text, _) = ask_the_first(&address, &nodes, &prompt(true)).await;

    println!("slow first token: whole text after {:?}", start.elapsed());
    assert_eq!(text, WORDS.concat());
    let loser = nodes[0].left().await;
    println!("the loser was told {:?} after the prompt", loser - start);
    assert_eq!(nodes[0].calls(), 1);
}

#[tokio::test]
async fn client_that_leaves_stops_the_node_within_100_ms() {
    for act in [Act::After(2, Then::Silence), Act::Silent, Act::Stream { pause: Duration::from_millis(20) }] {
        let mut told = Vec::new();
        for _ in 0..5 {
            let node = Scripted::start([act.clone()]).await;
            let address = serve(mesh(&config(json!({})), &[&node])).await;
            let mut reading = Reading::begin(&address, "", &prompt(true)).await;
            match act {
                Act::Silent => support::poll(|| (node.calls() == 1).then_some(())).await,
                _ => assert!(reading.until("two, ").await),
            }

            let left = Instant::now();
            drop(reading);

            told.push(node.left().await.saturating_duration_since(left));
        }
        told.sort_unstable();
        println!("the client left five times; the node was told after {told:?}");
        // The middle one: a machine that is busy with other things may stand still for longer now and then.
        assert!(told[2] <= Duration::from_millis(100), "{told:?}");
    }
}

#[tokio::test]
async fn client_that_comes_back_gets_the_rest_and_the_node_had_rested() {
    let slow = Act::Stream { pause: Duration::from_millis(30) };
    let node = Scripted::start([slow, STREAM]).await;
    let address = serve(mesh(&config(json!({})), &[&node])).await;
    let mut reading = Reading::begin(&address, "x-maily-resumable: 1\r\n", &prompt(true)).await;
    assert!(reading.until("three, ").await);
    let seen = reading.bytes.clone();
    drop(reading);
    node.left().await;
    // Of the events that were sent, the client has only the first two.
    let ids: Vec<&str> = seen.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
    let last = format!("last-event-id: {}\r\n", ids[1]);

    let (rest, raw) = Reading::begin(&address, &last, &prompt(true)).await.text().await;
    let stranger = json!({ "model": "m", "messages": [{ "role": "user", "content": "?" }], "stream": true });
    let (_, refused) = Reading::begin(&address, &last, &stranger).await.text().await;

    assert_eq!([&WORDS[..2].concat(), &rest[..]].concat(), WORDS.concat(), "{raw}");
    assert!(raw.ends_with("data: [DONE]\n\n"));
    assert!(refused.starts_with("HTTP/1.0 410"), "{refused}");
    let told = node.seen()[1].2["messages"][1]["content"].as_str().unwrap().len();
    println!("the node went on behind {told} of {} bytes", WORDS.concat().len());
}

#[tokio::test]
async fn many_streams_survive_the_node_that_dies_under_them() {
    let nodes = pair(Act::After(3, Then::Cut)).await;
    // Nothing here falls silent, and 64 streams on one thread are slow: the usual deadlines.
    let settings = json!({ "hedge": { "enabled": false } });
    let address = serve(mesh(&config(settings), &[&nodes[0], &nodes[1]])).await;

    let asked = (0..64).map(|_| async { Reading::begin(&address, "", &prompt(true)).await.text().await });
    let answers: Vec<_> = futures_util::stream::iter(asked).buffer_unordered(64).collect().await;

    let resumed = answers.iter().filter(|(_, raw)| raw.contains("mesh.resumed")).count();
    println!("64 streams at once, {resumed} of them were cut: all texts are whole");
    assert!(resumed > 0);
    for (text, raw) in answers {
        assert_eq!(text, WORDS.concat(), "{raw}");
        assert_eq!(text_of(&raw), text);
    }
}
