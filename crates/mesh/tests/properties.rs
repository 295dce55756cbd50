//! What holds for any prompt, any name and any split of a stream.

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use maily_mesh::wire::Chunks;
use maily_mesh::{Body, Completion, Delta, FinishReason, Message, ModelName, Prompt};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A body with its fields in any order, spaces where JSON allows them, and fields that nobody knows.
fn body(model: &str, text: &str, first: bool, indent: bool, number: u64) -> String {
    let model = format!("\"model\":{}", json!(model));
    let messages = format!("\"messages\": [ {} ]", json!({ "role": "user", "content": text }));
    let unknown = format!("\"x\":{number}{number}.50,\"model_\":\"\\\"model\\\":1\"");
    let fields = if first { [model, unknown, messages] } else { [messages, unknown, model] };
    let comma = if indent { " ,\n  " } else { "," };
    format!("{{{}}}", fields.join(comma))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn splice_changes_the_model_and_nothing_else(
        from in "\\PC{1,12}", to in "\\PC{1,40}", text in "\\PC{0,60}", first: bool, indent: bool, number: u64,
    ) {
        let original = body(&from, &text, first, indent, number);
        let wanted = body(&to, &text, first, indent, number);

        let spliced = Prompt::parse(original.clone()).unwrap().with_model(to.as_str());

        prop_assert_eq!(spliced.body(), &wanted);
        let back = spliced.with_model(from.as_str());
        prop_assert_eq!(back.body(), &original);
    }

    #[test]
    fn system_message_is_added_and_the_rest_stays(
        to in "\\PC{1,40}", text in "\\PC{1,60}", system in "\\PC{1,60}", first: bool, indent: bool,
    ) {
        let prompt = Prompt::parse(body("m", &text, first, indent, 7)).unwrap();

        // Twice, and behind a splice, so that the spans must have moved with the bytes.
        let prompt = prompt.with_model(to.as_str()).with_system("first").unwrap().with_system(&system).unwrap();

        let messages = [Message::system("first"), Message::system(system), Message::user(text)];
        prop_assert_eq!(prompt.read().unwrap().messages, messages);
        let value: Value = serde_json::from_slice(prompt.body()).unwrap();
        prop_assert_eq!(&value["model"], &json!(to));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(prompt) = Prompt::parse(bytes) {
            let _ = (prompt.read(), prompt.last_user_text());
        }
    }

    #[test]
    fn answer_says_the_same_at_every_split(
        texts in proptest::collection::vec("\\PC{1,20}", 1..5), cuts in proptest::collection::vec(1_usize..40, 1..30),
    ) {
        let chunks = Chunks::new(ModelName::new("m"));
        let events = texts.iter().map(|text| chunks.text(text));
        let end = [chunks.finish(FinishReason::Stop), maily_mesh::wire::DONE];
        let mut rest = Bytes::from(events.chain(end).collect::<Vec<_>>().concat());
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            pieces.push(Ok(rest.split_to((*cut).min(rest.len()))));
        }

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let deltas: Vec<Delta> = runtime
            .block_on(Completion::new(true, Body::stream(stream::iter(pieces))).into_deltas().try_collect())
            .unwrap();

        let expected = texts.into_iter().map(Delta::Text).chain([Delta::Finish(FinishReason::Stop)]);
        prop_assert_eq!(deltas, expected.collect::<Vec<_>>());
    }
}
