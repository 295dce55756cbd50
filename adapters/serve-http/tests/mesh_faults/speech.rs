//! What a node says in each format.

use maily_mesh::Format;
use serde_json::{Value, json};

use super::support::WORDS;

/// The events of one answer. The first word brings what stands in front of it.
pub(crate) struct Speech {
    format: Format,
    events: usize,
    said: String,
}

impl Speech {
    /// In the format that a request asks for, by its head in small letters.
    pub(crate) fn of(head: &str) -> Self {
        let asks = |format: &Format| head.starts_with(&format!("post /v1{} ", format.path()));
        let format = Format::ALL.into_iter().find(asks).expect("a request of a format");
        Self { format, events: 0, said: String::new() }
    }

    /// How many words stand at the end of the prompt, as the beginning of the assistant's message.
    pub(crate) fn begun(&self, body: &Value) -> usize {
        let said = &body[&self.format.said_at()[1..]];
        let last = said.as_array().and_then(|messages| messages.last()).cloned().unwrap_or_default();
        // Messages goes on by itself; the others have to be told.
        let goes_on = body["continue_final_message"] == true && body["add_generation_prompt"] == false;
        if last["role"] != "assistant" || goes_on == (self.format == Format::Messages) {
            return 0;
        }
        let content = &last["content"];
        let text = content.as_str().or(content[0]["text"].as_str()).unwrap_or_default();
        (0..=WORDS.len())
            .find(|count| WORDS[..*count].concat().trim_end() == text)
            .expect("a beginning of the answer")
    }

    pub(crate) fn word(&mut self, word: &str) -> String {
        let mut out = self.open();
        self.said.push_str(word);
        out += &match self.format {
            Format::Messages => {
                let delta = json!({ "type": "text_delta", "text": word });
                self.event("content_block_delta", json!({ "index": 0, "delta": delta }))
            }
            Format::Responses => {
                self.of_part("response.output_text.delta", json!({ "delta": word, "logprobs": [] }))
            }
            _ => self.chunk(&json!({ "content": word }), &Value::Null),
        };
        out
    }

    /// What says that the answer is whole.
    pub(crate) fn end(&mut self) -> String {
        let (begin, said) = (self.open(), self.said.clone());
        begin
            + &match self.format {
                Format::Messages => {
                    let stop = self.event("content_block_stop", json!({ "index": 0 }));
                    let delta = json!({ "stop_reason": "end_turn", "stop_sequence": null });
                    let usage = json!({ "output_tokens": 8 });
                    let ended = self.event("message_delta", json!({ "delta": delta, "usage": usage }));
                    stop + &ended + &self.event("message_stop", json!({}))
                }
                Format::Responses => {
                    let part = json!({ "type": "output_text", "text": said, "annotations": [] });
                    let item = self.item("completed", &json!([part]));
                    let text =
                        self.of_part("response.output_text.done", json!({ "text": said, "logprobs": [] }));
                    let part = self.of_part("response.content_part.done", json!({ "part": part }));
                    let whole =
                        self.event("response.output_item.done", json!({ "output_index": 0, "item": item }));
                    let response = response("completed", &json!([item]));
                    text + &part + &whole + &self.event("response.completed", json!({ "response": response }))
                }
                _ => self.chunk(&json!({}), &json!("stop")) + "data: [DONE]\n\n",
            }
    }

    /// That the node failed in the middle.
    pub(crate) fn error(&mut self) -> String {
        let error = json!({ "type": "api_error", "message": "out of memory" });
        match self.format {
            Format::Messages => self.event("error", json!({ "error": error })),
            Format::Responses => {
                let response = response("failed", &json!([]));
                self.event("response.failed", json!({ "response": response }))
            }
            _ => format!("data: {}\n\n", json!({ "error": error })),
        }
    }

    fn open(&mut self) -> String {
        if self.events > 0 {
            return String::new();
        }
        match self.format {
            Format::Messages => {
                let usage = json!({ "input_tokens": 5, "output_tokens": 1 });
                let message = json!({ "id": "msg_n", "type": "message", "role": "assistant", "model": "m",
                    "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
                let block = json!({ "type": "text", "text": "" });
                self.event("message_start", json!({ "message": message }))
                    + &self.event("content_block_start", json!({ "index": 0, "content_block": block }))
            }
            Format::Responses => {
                let response = response("in_progress", &json!([]));
                let item = self.item("in_progress", &json!([]));
                let part = json!({ "type": "output_text", "text": "", "annotations": [] });
                self.event("response.created", json!({ "response": response }))
                    + &self.event("response.output_item.added", json!({ "output_index": 0, "item": item }))
                    + &self.of_part("response.content_part.added", json!({ "part": part }))
            }
            _ => String::new(),
        }
    }

    fn item(&self, status: &str, content: &Value) -> Value {
        json!({ "id": "msg_n", "type": "message", "status": status, "role": "assistant", "content": content })
    }

    fn of_part(&mut self, name: &str, mut event: Value) -> String {
        event["item_id"] = json!("msg_n");
        event["output_index"] = json!(0);
        event["content_index"] = json!(0);
        self.event(name, event)
    }

    fn event(&mut self, name: &str, mut event: Value) -> String {
        event["type"] = json!(name);
        if self.format == Format::Responses {
            event["sequence_number"] = json!(self.events);
        }
        self.events += 1;
        format!("event: {name}\ndata: {event}\n\n")
    }

    fn chunk(&mut self, delta: &Value, finish: &Value) -> String {
        self.events += 1;
        let chunk = json!({ "id": "n", "created": 1, "model": "m", "choices":
            [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        format!("data: {chunk}\n\n")
    }
}

fn response(status: &str, output: &Value) -> Value {
    json!({ "id": "resp_n", "object": "response", "created_at": 1, "status": status, "model": "m", "output": output })
}
