//! What routing reads, what a splice keeps, and streams that are split anywhere.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use maily_errors::{Code, Error};

use super::*;
use crate::body::Body;
use crate::model::{Completion, Delta, FinishReason, Format, Message, Prompt, Usage};

const BODY: &str = r#" {"x_unknown":{"b":1.50,"a":12345678901234567890123},
  "messages" : [ {"role":"system","content":"Be brief."}, {"role":"user","content":"H\u00e9 \"model\": 1"}],
  "model" :"small\u0021" ,"stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"seed":9007199254740993}"#;

#[test]
fn head_has_what_routing_needs() {
    let prompt = Prompt::parse(BODY).unwrap();

    let head = &prompt.head;
    assert_eq!(head.model.as_str(), "small!");
    assert!(head.stream && head.include_usage);
    assert_eq!(head.max_tokens, Some(7));
    assert!(head.estimated_tokens > 20);
    assert_eq!(prompt.body(), BODY);
}

#[test]
fn splice_changes_the_model_and_no_other_byte() {
    let prompt = Prompt::parse(BODY).unwrap().with_model("a \"longer\" name");

    assert_eq!(prompt.body(), &BODY.replace(r#""small\u0021""#, r#""a \"longer\" name""#));
    let back = prompt.with_model("small!");
    assert_eq!(back.body(), &BODY.replace(r"\u0021", "!"));
}

#[test]
fn system_message_goes_behind_the_leading_ones() {
    let prompt = Prompt::parse(BODY).unwrap().with_model("m").with_system("Recall \"this\".").unwrap();

    let messages = prompt.read().unwrap().messages;
    let said: Vec<_> = messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(said, ["Be brief.", "Recall \"this\".", "Hé \"model\": 1"]);
    assert_eq!(prompt.head.model.as_str(), "m");
    assert!(prompt.body().ends_with(b"\"seed\":9007199254740993}"));
}

#[test]
fn system_message_comes_first_when_there_is_none() {
    let prompt = Prompt::text("m", "Hi").unwrap().with_system("Rules").unwrap();

    assert_eq!(prompt.read().unwrap().messages, [Message::system("Rules"), Message::user("Hi")]);
}

#[test]
fn bodies_that_cannot_be_routed_are_refused() {
    for (body, pointer) in [
        ("", None),
        ("[]", None),
        ("{", None),
        (r#"{"model":"a","model":"b","messages":[1]}"#, None),
        (r#"{"messages":[{}]}"#, Some("/model")),
        (r#"{"model":7,"messages":[{}]}"#, Some("/model")),
        (r#"{"model":"","messages":[{}]}"#, Some("/model")),
        (r#"{"model":"m"}"#, Some("/messages")),
        (r#"{"model":"m","messages":[ ]}"#, Some("/messages")),
        (r#"{"model":"m","messages":"hi"}"#, Some("/messages")),
        (r#"{"model":"m","messages":[{}],"stream_options":3}"#, Some("/stream_options")),
    ] {
        let err = Prompt::parse(body).unwrap_err();
        assert_eq!(err.code(), Code::PromptInvalid, "{body}");
        assert_eq!(err.violations().first().map(|violation| violation.pointer.as_str()), pointer, "{body}");
    }
}

#[test]
fn stream_is_asked_for_and_nothing_else_changes() {
    for (body, expected) in [
        (
            r#" { "model":"m","messages":[{}],"seed":9007199254740993}"#,
            r#" {"stream":true,"stream_options":{"include_usage":true}, "model":"m","messages":[{}],"seed":9007199254740993}"#,
        ),
        (
            r#"{"stream" : false,"model":"m","messages":[{}],"stream_options": null}"#,
            r#"{"stream" : true,"model":"m","messages":[{}],"stream_options": {"include_usage":true}}"#,
        ),
        (
            r#"{"model":"m","str\u0065am":null,"stream_options":{ "x":1},"messages":[{}]}"#,
            r#"{"model":"m","str\u0065am":true,"stream_options":{"include_usage":true, "x":1},"messages":[{}]}"#,
        ),
        (
            r#"{"model":"m","messages":[{}],"stream":true,"stream_options":{}}"#,
            r#"{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        let prompt = Prompt::parse(body).unwrap().with_tenant("t").with_stream().unwrap();
        assert_eq!(prompt.body(), expected.as_bytes());
        assert!(prompt.head.stream && prompt.head.include_usage);
        assert_eq!(prompt.head.tenant.as_str(), "t");
        assert_eq!(prompt.clone().with_stream().unwrap().body(), expected.as_bytes());
    }

    let own = r#"{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":false}}"#;
    assert_eq!(Prompt::parse(own).unwrap().with_stream().unwrap().body(), own);
}

#[test]
fn body_of_the_limit_is_read_and_one_byte_more_refused() {
    let shell = r#"{"model":"m","messages":[{"role":"user","content":""}]}"#;
    let body = |bytes: usize| shell.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - shell.len())));

    assert!(Prompt::parse(body(Prompt::MAX_BYTES)).is_ok());
    let err = Prompt::parse(body(Prompt::MAX_BYTES + 1)).unwrap_err();
    assert_eq!(err.code(), Code::PromptTooLarge);
}

#[test]
fn chat_reads_parts_and_refuses_pictures() {
    let text = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant","content":null}],"stop":"end"}"#;
    let chat = Prompt::parse(text).unwrap().read().unwrap();
    assert_eq!(chat.messages, [Message::user("a\nb"), Message::assistant("")]);
    assert_eq!(chat.stop, ["end"]);

    let picture = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}"#;
    let err = Prompt::parse(picture).unwrap().read().unwrap_err();
    assert_eq!(err.violations()[0].pointer, "/messages/0/content");
}

const EVENTS: &str =
    "\u{feff}: hello\r\nevent: note\r\ndata: é1\r\ndata:2\r\n\r\nid: 7\ndata\n\ndata: last\r\rdata: cut";

#[test]
fn events_are_the_same_at_every_split() {
    let expected = [("note", "é1\n2"), ("", ""), ("", "last")];
    let bytes = EVENTS.as_bytes();
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let mut decoder = SseDecoder::default();
            let mut seen = Vec::new();
            for piece in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                decoder.push(piece).unwrap();
                seen.extend(std::iter::from_fn(|| decoder.next()));
            }
            let seen: Vec<_> = seen.iter().map(|event| (event.name.as_str(), event.data.as_str())).collect();
            assert_eq!(seen, expected, "split at {first} and {second}");
            assert!(decoder.is_inside());
        }
    }
}

#[test]
fn event_over_the_limit_is_malformed() {
    let mut decoder = SseDecoder::default();
    let err = decoder.push(&vec![b'x'; SseDecoder::MAX_BYTES + 1]).unwrap_err();
    assert_eq!(err.code(), Code::StreamMalformed);

    let mut decoder = SseDecoder::default();
    assert_eq!(decoder.push(b"data: \xff\n\n").unwrap_err().code(), Code::StreamMalformed);
}

fn said() -> [Delta; 4] {
    let finish = Delta::Finish(FinishReason::Stop);
    [Delta::Text("Hé".into()), Delta::Text("llo\n".into()), finish, Delta::Usage(Usage::new(3, 2))]
}

#[tokio::test]
async fn answer_says_the_same_streamed_and_whole() {
    let stream = Prompt::parse(
        r#"{"model":"m","messages":[{}],"stream":true,"stream_options":{"include_usage":true}}"#,
    );
    let whole = Prompt::parse(r#"{"model":"m","messages":[{}]}"#);

    let streamed = answer(&stream.unwrap().head, stream::iter(said().map(Ok)));
    let deltas: Vec<_> = streamed.into_deltas().try_collect().await.unwrap();
    assert_eq!(deltas, said());

    let object = answer(&whole.unwrap().head, stream::iter(said().map(Ok)));
    let deltas: Vec<_> = object.into_deltas().try_collect().await.unwrap();
    let [_, _, finish, usage] = said();
    assert_eq!(deltas, [Delta::Text("Héllo\n".into()), finish, usage]);
}

#[tokio::test]
async fn stream_ends_with_done_and_counts_only_when_asked() {
    let prompt = Prompt::chat("m", &[Message::user("Hi")], true).unwrap();

    let body = answer(&prompt.head, stream::iter(said().map(Ok))).body;
    let bytes: Vec<Bytes> = body.try_collect().await.unwrap();

    assert_eq!(bytes.last(), Some(&DONE));
    assert!(bytes.iter().all(|bytes| !bytes.is_empty() && !bytes.windows(5).any(|part| part == b"usage")));
}

#[tokio::test]
async fn stream_that_fails_has_no_done() {
    let prompt = Prompt::chat("m", &[Message::user("Hi")], true).unwrap();
    let broken = [Ok(Delta::Text("Hi".into())), Err(Error::from(Code::NodeFailed))];

    let items: Vec<_> = answer(&prompt.head, stream::iter(broken)).body.collect().await;

    assert_eq!(items.len(), 2);
    assert_eq!(items[1].as_ref().unwrap_err().code(), Code::NodeFailed);
}

#[tokio::test]
async fn decoder_says_why_an_answer_is_not_one() {
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    for (streamed, body, expected) in [
        (true, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", Some(Code::AnswerIncomplete)),
        (true, "data: {\"choi", Some(Code::AnswerIncomplete)),
        (true, "data: nonsense\n\n", Some(Code::StreamMalformed)),
        (true, "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", Some(Code::NodeFailed)),
        (true, "event: error\ndata: {}\n\n", Some(Code::NodeFailed)),
        (false, "{\"choices\":[", Some(Code::StreamMalformed)),
        (false, "{\"choices\":[]}", Some(Code::AnswerIncomplete)),
        // Some servers forget the last line, but said that they were done.
        (true, finish, None),
        // What follows is not ours to judge.
        (true, "data: [DONE]\n\ndata: nonsense\n\n", None),
    ] {
        let result = Completion::new(streamed, Body::full(body)).into_text().await;
        assert_eq!(result.err().map(|err| err.code()), expected, "{body}");
    }
}

#[test]
fn error_event_shows_code_and_message_only() {
    let err = Error::new(Code::NodeFailed, "the node failed").with_context("url", "http://secret");

    let event = error_event(&err);

    let expected =
        r#"data: {"error":{"code":"node-failed","message":"the node failed","type":"unavailable"}}"#;
    assert_eq!(event, format!("{expected}\n\n"));
}

#[test]
fn texts_to_embed_are_read_and_left_alone() {
    let parse = |body: &'static str| Prompt::parse_as(Format::Embeddings, body);
    const BODY: &str = r#"{"model":"words","input":[[1,2]],"stream":true}"#;

    let prompt = parse(BODY).unwrap();
    assert!(!prompt.head.stream, "vectors come in one piece");
    assert_eq!(parse(BODY).unwrap().with_stream().unwrap_err().code(), Code::PromptInvalid);
    assert_eq!(prompt.clone().with_system("Be kind").unwrap().body(), BODY);
    assert_eq!(prompt.with_model("x").body(), &BODY.replace("words", "x"));
    for wrong in
        [r#"{"model":"m"}"#, r#"{"model":"m","input":[]}"#, r#"{"input":"a"}"#, r#"{"model":"m","input":7}"#]
    {
        assert_eq!(parse(wrong).unwrap_err().code(), Code::PromptInvalid, "{wrong}");
    }
}
