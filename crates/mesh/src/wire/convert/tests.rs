//! What a request says is what it says in the other format, and what cannot be said names its field.

use maily_errors::Code;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::convert;
use crate::model::Format;

fn said(from: Format, to: Format, body: &Value) -> Value {
    let body = convert(body.to_string().as_bytes(), from, to).unwrap();
    serde_json::from_str(&body).unwrap()
}

fn refused(from: Format, to: Format, body: &Value) -> (Code, String) {
    let err = convert(body.to_string().as_bytes(), from, to).unwrap_err();
    (err.code(), err.violations()[0].pointer.clone())
}

#[test]
fn opaque_values_are_copied_as_they_are_written() {
    let body = r#"{"model":"m","x":12345678901234567890123,"tools":[{"name":"f","input_schema":{"z":1.50,"a":{"b":1e400}}}],
        "messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"z":1.0,"a":99999999999999999999}}]}]}"#;

    let chat = convert(body.as_bytes(), Format::Messages, Format::Chat).unwrap();

    assert!(chat.contains(r#""x":12345678901234567890123"#));
    assert!(chat.contains(r#""parameters":{"z":1.50,"a":{"b":1e400}}"#));
    assert!(chat.contains(r#""arguments":"{\"z\":1.0,\"a\":99999999999999999999}""#));
    let back = convert(chat.as_bytes(), Format::Chat, Format::Messages).unwrap();
    assert!(back.contains(r#""input":{"z":1.0,"a":99999999999999999999}"#));
}

#[test]
fn messages_become_chat() {
    let body = json!({
        "model": "m", "max_tokens": 5, "stream": true, "stop_sequences": ["x"], "metadata": {"user_id": "u"},
        "system": [{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "tool", "name": "f"},
        "messages": [
            {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "http://p"}}, {"type": "text", "text": "Who?"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "Ann"}, {"type": "text", "text": "So?"}]},
        ],
    });

    let chat = said(Format::Messages, Format::Chat, &body);

    let call = json!({"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let thought = json!({"type": "thinking", "thinking": "hm", "signature": "s"});
    let expected = json!({
        "model": "m", "max_tokens": 5, "stream": true, "stream_options": {"include_usage": true}, "stop": ["x"], "user": "u",
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral"}}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://p"}}, {"type": "text", "text": "Who?"}]},
            {"role": "assistant", "content": "Let me see.", "reasoning_content": "hm", "thinking_blocks": [thought], "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t", "content": "Ann"},
            {"role": "user", "content": "So?"},
        ],
    });
    assert_eq!(chat, expected);
}

#[test]
fn answer_that_the_caller_began_goes_on_in_chat_as_well() {
    let user = json!({ "role": "user", "content": "x" });
    let begun = json!({ "role": "assistant", "content": "So: " });
    let body = |messages: Value| json!({ "model": "m", "max_tokens": 9, "messages": messages });

    let chat = said(Format::Messages, Format::Chat, &body(json!([user, begun])));
    assert_eq!(
        (&chat["continue_final_message"], &chat["add_generation_prompt"]),
        (&json!(true), &json!(false))
    );
    let chat = said(Format::Messages, Format::Chat, &body(json!([user, begun, user])));
    assert!(chat.get("continue_final_message").is_none());
}

#[test]
fn responses_become_chat_and_messages() {
    let body = json!({
        "model": "m", "instructions": "Rules", "max_output_tokens": 5, "store": true, "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Who?"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "s"},
            {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "t", "output": "Ann"},
        ],
    });

    let chat = said(Format::Responses, Format::Chat, &body);
    let messages = said(Format::Responses, Format::Messages, &body);

    assert_eq!(chat["max_tokens"], 5);
    assert_eq!(chat["reasoning_effort"], "low");
    assert_eq!(chat["response_format"]["json_schema"]["name"], "n");
    assert_eq!(chat.get("store"), None);
    let roles: Vec<_> = chat["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool"]);
    assert_eq!(chat["messages"][2]["content"], Value::Null);
    assert_eq!(messages["max_tokens"], 5);
    assert_eq!(messages["system"], json!([{"type": "text", "text": "Rules"}]));
    assert_eq!(
        messages["messages"][1]["content"][0],
        json!({"type": "thinking", "thinking": "hm", "signature": "s"})
    );
    assert_eq!(messages["messages"][2]["content"][0]["tool_use_id"], "t");
    assert_eq!(messages["output_config"]["effort"], "low");
    assert_eq!(messages["output_config"]["format"]["schema"], json!({"type": "object"}));
}

#[test]
fn chat_and_messages_become_responses() {
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    let call = json!({"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}});
    let sealed = json!({"type": "thinking", "thinking": "hm", "signature": "s"});
    let chat = json!({
        "model": "m", "max_completion_tokens": 5, "stream": true, "stream_options": {"include_usage": true}, "seed": 7,
        "tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}}, "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "x": 12345678901234567890_u64,
        "messages": [
            {"role": "system", "content": "Rules"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://p"}}, {"type": "text", "text": "Who?"}]},
            {"role": "assistant", "content": "Let me see.", "thinking_blocks": [sealed], "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t", "content": "Ann"},
            {"role": "assistant", "content": "Ann.", "reasoning_content": "so"},
            {"role": "user", "content": "So?"},
        ],
    });

    let responses = said(Format::Chat, Format::Responses, &chat);

    let input = json!([
        {"role": "user", "content": [
            {"type": "input_image", "image_url": "http://p", "detail": "auto"}, {"type": "input_text", "text": "Who?"},
        ]},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "s"},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "t", "name": "f", "arguments": "{\"a\":1}"},
        {"type": "function_call_output", "call_id": "t", "output": "Ann"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "so"}]},
        {"role": "assistant", "content": "Ann."},
        {"role": "user", "content": "So?"},
    ]);
    let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": false});
    let expected = json!({
        "store": false, "max_output_tokens": 5, "model": "m", "stream": true, "tools": [tool],
        "tool_choice": {"type": "function", "name": "f"}, "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"], "x": 12345678901234567890_u64,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        "instructions": "Rules", "input": input,
    });
    assert_eq!(responses, expected);
    let messages = said(Format::Chat, Format::Messages, &json!({"model": "m", "messages": chat["messages"]}));
    let through = said(Format::Messages, Format::Responses, &messages);
    assert_eq!((through["input"].as_array().unwrap().len(), &through["input"][2]), (8, &input[1]));
}

#[test]
fn answer_that_the_caller_began_goes_on_in_responses_as_well() {
    let user = json!({ "role": "user", "content": "x" });
    let begun = json!({ "role": "assistant", "content": "So: " });
    let body = json!({ "model": "m", "max_tokens": 9, "messages": [user, begun] });

    let responses = said(Format::Messages, Format::Responses, &body);

    assert_eq!(
        (&responses["continue_final_message"], &responses["add_generation_prompt"]),
        (&json!(true), &json!(false))
    );
    let item = &responses["input"][1];
    assert_eq!((&item["status"], &item["content"][0]["text"]), (&json!("incomplete"), &json!("So: ")));
}

#[test]
fn thought_whose_text_is_left_out_stays_one_that_is_signed() {
    let left_out = json!({"type": "thinking", "thinking": "", "signature": "s"});
    let hidden = json!({"type": "redacted_thinking", "data": "d"});
    let content = json!([left_out, hidden, {"type": "text", "text": "Hi"}]);
    let messages = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "assistant", "content": content}, {"role": "user", "content": "So?"}]});

    let chat = said(Format::Messages, Format::Chat, &messages);
    let responses = said(Format::Messages, Format::Responses, &messages);

    assert_eq!(chat["messages"][0]["thinking_blocks"], json!([left_out, hidden]));
    for (from, body) in [(Format::Chat, chat), (Format::Responses, responses)] {
        let back = said(from, Format::Messages, &body);
        assert_eq!(back["messages"][0]["content"], content, "{from:?}");
    }
}

#[test]
fn ban_of_tools_says_nothing_of_calls_side_by_side() {
    let tool = json!({"type": "function", "function": {"name": "f"}});
    let chat = |choice: &str| json!({"model": "m", "tools": [tool], "tool_choice": choice, "parallel_tool_calls": false, "messages": [{"role": "user", "content": "Hi"}]});

    let choice = |of: &str| said(Format::Chat, Format::Messages, &chat(of))["tool_choice"].clone();

    assert_eq!(choice("none"), json!({"type": "none"}));
    assert_eq!(choice("auto"), json!({"type": "auto", "disable_parallel_tool_use": true}));
}

#[test]
fn refusal_of_an_assistant_is_what_it_said_and_silence_is_no_message() {
    let (user, refusal) = (
        json!({"role": "user", "content": "Hi"}),
        json!({"role": "assistant", "content": null, "refusal": "No"}),
    );
    let silence = json!({"role": "assistant", "content": ""});
    let silent_refusal = json!({"role": "assistant", "content": [{"type": "refusal", "refusal": ""}]});
    let chat = json!({"model": "m", "messages": [user, refusal, user, silence, user, silent_refusal]});

    let messages = said(Format::Chat, Format::Messages, &chat)["messages"].clone();

    let text = |text: &str| json!([{"type": "text", "text": text}]);
    let said = |role: &str, said: &str| json!({"role": role, "content": text(said)});
    assert_eq!(
        messages,
        json!([said("user", "Hi"), said("assistant", "No"), said("user", "Hi"), said("user", "Hi")])
    );
}

#[test]
fn refusal_beside_an_empty_text_is_what_the_assistant_said_in_responses() {
    let refusal = json!({"role": "assistant", "content": "", "refusal": "No"});
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}, refusal]});

    let responses = said(Format::Chat, Format::Responses, &chat);

    assert_eq!(responses["input"][1]["content"], "No");
}

#[test]
fn what_cannot_be_said_names_its_field() {
    use Format::{Chat, Completions, Messages, Responses};
    let say = |extra: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "input": "Hi", "prompt": "Hi"});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    for (from, to, extra, pointer) in [
        (Completions, Chat, json!({"suffix": "x"}), "/suffix"),
        (Completions, Chat, json!({"n": 2}), "/n"),
        (Completions, Chat, json!({"prompt": ["a", "b"]}), "/prompt"),
        (Completions, Chat, json!({"prompt": [[1, 2]]}), "/prompt/0"),
        (Messages, Chat, json!({"tools": [{"type": "bash_20250124", "name": "bash"}]}), "/tools/0/type"),
        (Messages, Chat, json!({"mcp_servers": [{}]}), "/mcp_servers"),
        (Responses, Chat, json!({"prompt": null, "previous_response_id": "r"}), "/previous_response_id"),
        (Responses, Chat, json!({"prompt": null, "background": true}), "/background"),
        (
            Responses,
            Chat,
            json!({"prompt": null, "input": [{"type": "item_reference", "id": "i"}]}),
            "/input/0/type",
        ),
        (Responses, Chat, json!({"prompt": null, "tools": [{"type": "web_search"}]}), "/tools/0/type"),
        (Chat, Responses, json!({"n": 2}), "/n"),
        (Chat, Responses, json!({"stop": "x"}), "/stop"),
        (Chat, Responses, json!({"logprobs": true}), "/logprobs"),
        (Completions, Responses, json!({"stop": ["x"]}), "/stop"),
        (Messages, Responses, json!({"stop_sequences": ["x"]}), "/stop"),
        (Chat, Responses, json!({"tools": [{"type": "custom", "custom": {}}]}), "/tools/0/type"),
        (Chat, Responses, json!({"messages": [{"role": "function", "content": "x"}]}), "/messages/0/role"),
        (Chat, Messages, json!({"n": 2}), "/n"),
        (Chat, Messages, json!({"messages": [{"role": "system", "content": "Rules"}]}), "/messages"),
        (Chat, Messages, json!({"logprobs": true}), "/logprobs"),
        (Chat, Messages, json!({"response_format": {"type": "json_object"}}), "/response_format/type"),
    ] {
        assert_eq!(refused(from, to, &say(extra)), (Code::PromptUntranslatable, pointer.to_owned()));
    }
    assert_eq!(
        refused(Messages, Chat, &say(json!({"messages": [{"role": "user"}]}))),
        (Code::PromptInvalid, "/messages/0/content".to_owned())
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chat_comes_back_from_messages(
        rules in "\\PC{1,30}", asked in "\\PC{1,30}", answered in "\\PC{1,30}", result in "\\PC{1,30}",
        key in "[a-z]{1,8}", number: u64, limit in 1_u32..9999,
    ) {
        let arguments = json!({ key: number }).to_string();
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
        let chat = json!({
            "model": "m", "max_tokens": limit, "stop": ["end"], "tools": [tool], "tool_choice": "required",
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": rules}]},
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answered, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": result},
            ],
        });

        let back = said(Format::Messages, Format::Chat, &said(Format::Chat, Format::Messages, &chat));

        prop_assert_eq!(back, chat);
    }

    #[test]
    fn chat_comes_back_from_responses(
        rules in "\\PC{1,30}", asked in "\\PC{1,30}", thought in "\\PC{1,30}", answered in "\\PC{1,30}",
        result in "\\PC{1,30}", key in "[a-z]{1,8}", number: u64, limit in 1_u32..9999,
    ) {
        let arguments = json!({ key: number }).to_string();
        let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
        let function = json!({"name": "f", "parameters": {"type": "object"}, "strict": true});
        let sealed = json!({"type": "thinking", "thinking": thought, "signature": "s"});
        let chat = json!({
            "model": "m", "max_tokens": limit, "tools": [{"type": "function", "function": function}],
            "tool_choice": "required", "reasoning_effort": "high", "response_format": {"type": "json_object"},
            "verbosity": "low", "stream": true, "stream_options": {"include_usage": true},
            "messages": [
                {"role": "system", "content": rules},
                {"role": "user", "content": asked},
                {"role": "assistant", "content": answered, "reasoning_content": thought, "thinking_blocks": [sealed],
                    "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": result},
            ],
        });

        let back = said(Format::Responses, Format::Chat, &said(Format::Chat, Format::Responses, &chat));

        prop_assert_eq!(back, chat);
    }

    #[test]
    fn any_body_is_said_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for from in Format::ALL {
            for to in Format::ALL {
                let _ = convert(&bytes, from, to);
            }
        }
    }
}
