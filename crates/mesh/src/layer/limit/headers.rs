use std::fmt::Write as _;
use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::tab::Level;
use crate::account::{Date, Unit};
use crate::model::Format;

/// Writes how much is left, over what a node says of itself: what counts for the caller is its own key.
pub(super) fn write(format: Format, levels: &[Level], now: Duration, headers: &mut HeaderMap) {
    headers.reserve(levels.len() * FIELDS);
    let mut text = Text(BytesMut::with_capacity(levels.len() * FIELDS * VALUE_BYTES));
    for level in levels {
        let left = level.ends.map(|ends| ends.saturating_sub(now));
        let [limit, remaining, reset] = names(format, level.unit);
        headers.insert(limit, text.number(level.limit).value());
        headers.insert(remaining, text.number(level.remaining).value());
        let Some((left, ends)) = left.zip(level.ends) else { continue };
        let at = match (level.unit, format) {
            (Unit::Micros, _) => text.number(seconds(left)),
            (_, Format::Messages) => text.timestamp(ends),
            _ => text.duration(left),
        };
        headers.insert(reset, at.value());
    }
}

fn names(format: Format, unit: Unit) -> &'static [HeaderName; FIELDS] {
    match (unit, format) {
        (Unit::Micros, _) => &BUDGET,
        (Unit::Requests, Format::Messages) => &ANTHROPIC_REQUESTS,
        (Unit::Tokens, Format::Messages) => &ANTHROPIC_TOKENS,
        (Unit::Requests, _) => &OPENAI_REQUESTS,
        (Unit::Tokens, _) => &OPENAI_TOKENS,
    }
}

/// Where the values are written one behind the other, so that all of them take one allocation.
struct Text(BytesMut);

impl Text {
    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self
    }

    /// As `OpenAI` writes it: `6m0s`.
    fn duration(&mut self, left: Duration) -> &mut Self {
        let left = seconds(left);
        if left >= 60 {
            self.number(left / 60).0.extend_from_slice(b"m");
        }
        self.number(left % 60).0.extend_from_slice(b"s");
        self
    }

    /// As Anthropic writes it: RFC 3339.
    fn timestamp(&mut self, ends: Duration) -> &mut Self {
        let seconds = ends.as_secs();
        let Date { year, month, day } = Date::of(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        // Writing to a buffer does not fail.
        let _ = write!(self.0, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        self
    }

    /// Takes what was written since the last value.
    fn value(&mut self) -> HeaderValue {
        HeaderValue::from_maybe_shared(self.0.split().freeze()).expect("digits and letters are a value")
    }
}

/// Who comes back after so many whole seconds is not too early.
const fn seconds(left: Duration) -> u64 {
    left.as_secs() + (left.subsec_nanos() > 0) as u64
}

/// The limit, what remains, and when it is new.
const FIELDS: usize = 3;
/// As long as a timestamp, and as the largest limit.
const VALUE_BYTES: usize = 20;

static BUDGET: [HeaderName; FIELDS] = [
    HeaderName::from_static("x-maily-budget-limit-micros"),
    HeaderName::from_static("x-maily-budget-remaining-micros"),
    HeaderName::from_static("x-maily-budget-reset"),
];
static ANTHROPIC_REQUESTS: [HeaderName; FIELDS] = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];
static ANTHROPIC_TOKENS: [HeaderName; FIELDS] = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];
static OPENAI_REQUESTS: [HeaderName; FIELDS] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static OPENAI_TOKENS: [HeaderName; FIELDS] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Per;

    #[test]
    fn times_are_written_as_clients_read_them() {
        let mut text = Text(BytesMut::new());
        let mut duration = |left| text.duration(left).value();
        assert_eq!(duration(Duration::from_millis(59_001)), "1m0s");
        assert_eq!(duration(Duration::from_secs(125)), "2m5s");
        assert_eq!(duration(Duration::from_millis(1)), "1s");
        assert_eq!(duration(Duration::ZERO), "0s");
        assert_eq!(text.timestamp(Duration::from_secs(1_709_208_061)).value(), "2024-02-29T12:01:01Z");
    }

    #[test]
    fn each_format_has_its_names() {
        let (ends, now) = (Some(Duration::from_secs(120)), Duration::from_secs(90));
        let level = Level {
            unit: Unit::Tokens,
            per: Per::Minute,
            limit: 10,
            remaining: 7,
            reserved: 0,
            spent: 3,
            ends,
        };
        let budget = Level { unit: Unit::Micros, per: Per::Total, ends: None, ..level };
        let mut headers = HeaderMap::new();

        write(Format::Chat, &[level, budget], now, &mut headers);
        write(Format::Messages, &[level], now, &mut headers);

        assert_eq!(headers["x-ratelimit-limit-tokens"], "10");
        assert_eq!(headers["x-ratelimit-remaining-tokens"], "7");
        assert_eq!(headers["x-ratelimit-reset-tokens"], "30s");
        assert_eq!(headers["anthropic-ratelimit-tokens-reset"], "1970-01-01T00:02:00Z");
        assert_eq!(headers["x-maily-budget-remaining-micros"], "7");
        assert!(!headers.contains_key("x-maily-budget-reset"), "it never resets");
    }
}
