//! How many tokens a request may have, without the tokenizer of its model.

use serde_json::Value;

/// What a picture costs at most, at the sizes that providers scale it to.
const IMAGE_TOKENS: usize = 1600;
/// What stands around a message in the template of a chat.
const FRAME_TOKENS: usize = 4;

/// Estimates the tokens of the fields of all formats that are part of the prompt.
pub(crate) fn estimate_tokens(body: &[u8]) -> u32 {
    let Ok(Value::Object(request)) = serde_json::from_slice(body) else { return 0 };
    let said = ["messages", "input", "prompt", "system", "instructions", "tools"];
    let values = said.iter().filter_map(|field| request.get(*field));
    let (tokens, bytes) = values.fold((0, 0), |(tokens, bytes), value| {
        let frames = value.as_array().map_or(1, Vec::len) * FRAME_TOKENS;
        let (images, texts) = count(value);
        (tokens + frames + images * IMAGE_TOKENS, bytes + texts)
    });
    u32::try_from(tokens + bytes.div_ceil(4)).unwrap_or(u32::MAX)
}

/// The pictures in a value, and the bytes of its texts, names of fields included.
fn count(value: &Value) -> (usize, usize) {
    let add = |sum: (usize, usize), part: (usize, usize)| (sum.0 + part.0, sum.1 + part.1);
    match value {
        Value::String(text) => (0, text.len()),
        Value::Array(items) => items.iter().map(count).fold((0, 0), add),
        Value::Object(fields) => {
            let kind = fields.get("type").and_then(Value::as_str);
            if matches!(kind, Some("image" | "image_url" | "input_image")) {
                return (1, 0);
            }
            fields.iter().map(|(name, value)| add((0, name.len()), count(value))).fold((0, 0), add)
        }
        other => (0, other.to_string().len()),
    }
}
