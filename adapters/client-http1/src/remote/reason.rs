//! Why a node refused, in its own words.

use serde::Deserialize;

/// How much of a refusal is read.
pub(super) const MAX_BYTES: usize = 16 * 1024;
/// How much of a refusal is shown.
const MAX_CHARS: usize = 300;

/// What the node says why it refused, at most 300 characters; `None` if it does not say it as OpenAI or Anthropic do.
pub(super) fn read(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Reason,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Reason {
        Object { message: String },
        Text(String),
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let (Reason::Object { message } | Reason::Text(message)) = refusal.error;
    Some(message.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_short_and_has_no_control_characters() {
        assert_eq!(read(br#"{"error":{"message":"too\nlong","type":"x"}}"#).unwrap(), "toolong");
        assert_eq!(read(br#"{"error":"plain"}"#).unwrap(), "plain");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(1000));
        assert_eq!(read(long.as_bytes()).unwrap().chars().count(), 300);
        assert_eq!(read(b"<html>"), None);
    }
}
