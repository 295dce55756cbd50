//! Why a node refused, in its own words.

use serde::Deserialize;

/// How much of a refusal is read.
pub(super) const MAX_BYTES: usize = 16 * 1024;
/// How much of a refusal is shown.
const MAX_CHARS: usize = 300;

/// What a node says about a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reason {
    /// Why, at most 300 characters.
    pub(super) message: String,
    /// Which field, if it names one.
    pub(super) param: Option<String>,
}

/// Reads a refusal; `None` if it is not written as OpenAI or Anthropic do.
pub(super) fn read(body: &[u8]) -> Option<Reason> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Said,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Said {
        Object { message: String, param: Option<String> },
        Text(String),
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let (message, param) = match refusal.error {
        Said::Object { message, param } => (message, param),
        Said::Text(message) => (message, None),
    };
    let short = |text: String| text.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect();
    Some(Reason { message: short(message), param: param.map(short) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_short_and_has_no_control_characters() {
        let why = |body: &[u8]| read(body).unwrap().message;
        assert_eq!(why(br#"{"error":{"message":"too\nlong","type":"x"}}"#), "toolong");
        assert_eq!(why(br#"{"error":"plain"}"#), "plain");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(1000));
        assert_eq!(why(long.as_bytes()).chars().count(), 300);
        assert_eq!(read(b"<html>"), None);
    }
    #[test]
    fn field_is_named_if_the_node_names_it() {
        let param = |body: &[u8]| read(body).unwrap().param;
        assert_eq!(param(br#"{"error":{"message":"m","param":"tools[0].type"}}"#).unwrap(), "tools[0].type");
        assert_eq!(param(br#"{"error":{"message":"m","param":null}}"#), None);
    }
}
