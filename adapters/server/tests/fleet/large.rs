//! A prompt of 25 MB, there and back.

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::node::{Act, Node};
use crate::support::Instance;

const SIZE: usize = 25_000_000;

/// Text that shows every change: words with numbers, letters of four bytes, escapes.
fn text() -> String {
    let mut text = String::with_capacity(SIZE);
    for number in 0_u64.. {
        let word = format!("{number} \u{1f4e7} caf\u{e9} \\u00e9 \\\" \\\\ \\n\\t/ ");
        if text.len() + word.len() > SIZE {
            return text;
        }
        text.push_str(&word);
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompt_of_25_mb_and_its_answer_arrive_byte_for_byte() {
    let text = text();
    let body = format!(
        r#"{{ "x-unknown" : [1.0, 12345678901234567890123, 1e400],"model":"m", "messages":[{{"role":"user","content":"{text}"}}],"seed":18446744073709551615 }}"#
    );
    let answer = Bytes::from(format!(
        r#"{{"id":"x","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"big":98765432109876543210987}}"#
    ));
    let node = Node::start(Act::Whole(answer.clone())).await;
    let server = Instance::start(None, &[&node], &[]).await;

    let start = std::time::Instant::now();
    let (status, got) = server.send(Method::POST, "/v1/chat/completions", body.clone()).await.unwrap();

    println!("{} bytes there and {} back in {:?}", body.len(), got.len(), start.elapsed());
    assert_eq!(status, StatusCode::OK);
    assert!(*node.seen.borrow() == body.as_bytes(), "the node got other bytes");
    assert!(got == answer, "the client got other bytes");
}
