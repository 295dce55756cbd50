//! Completions as chat: the text to go on from becomes a message of the person.

use maily_errors::Result;
use serde_json::value::RawValue;

use super::{Fields, Object, as_list, as_text, invalid, list, message, refuse, refuse_unless, stream, text};

pub(super) fn convert(request: &Fields<'_>) -> Result<String> {
    let mut chat = Object::new();
    for (name, value) in &request.0 {
        chat = match name.as_str() {
            "prompt" => {
                let said = message("user", &text(&prompt(value)?)).end();
                chat.raw("messages", &list(&[said]))
            }
            "stream" => stream(chat, value),
            "stream_options" => chat,
            "best_of" | "n" => {
                refuse_unless(name, value, &["1"])?;
                chat
            }
            "echo" => {
                refuse_unless(name, value, &["false"])?;
                chat
            }
            "logprobs" | "suffix" => {
                refuse_unless(name, value, &[])?;
                chat
            }
            _ => chat.raw(name, value.get()),
        };
    }
    Ok(chat.end())
}

fn prompt(value: &RawValue) -> Result<String> {
    if let Some(said) = as_text(value) {
        return Ok(said);
    }
    let texts = as_list(value).ok_or_else(|| invalid("/prompt", "must be a text or a list"))?;
    match texts.as_slice() {
        [one] => as_text(one).ok_or_else(|| refuse("/prompt/0", "tokens cannot be said in chat")),
        _ => Err(refuse("/prompt", "only one text can be said in chat")),
    }
}
