use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::tab::Level;
use crate::account::{Date, Unit};
use crate::model::Format;

/// Writes how much is left, over what a node says of itself: what counts for the caller is its own key.
pub(super) fn write(format: Format, levels: &[Level], now: Duration, headers: &mut HeaderMap) {
    for level in levels {
        let left = level.ends.map(|ends| ends.saturating_sub(now));
        let [limit, remaining, reset] = names(format, level.unit);
        headers.insert(limit, HeaderValue::from(level.limit));
        headers.insert(remaining, HeaderValue::from(level.remaining));
        let Some((left, ends)) = left.zip(level.ends) else { continue };
        let at = match (level.unit, format) {
            (Unit::Micros, _) => Ok(HeaderValue::from(seconds(left))),
            (_, Format::Messages) => HeaderValue::try_from(timestamp(ends)),
            _ => HeaderValue::try_from(duration(left)),
        };
        if let Ok(at) = at {
            headers.insert(reset, at);
        }
    }
}

fn names(format: Format, unit: Unit) -> [HeaderName; 3] {
    let names = match (unit, format) {
        (Unit::Micros, _) => {
            ["x-maily-budget-limit-micros", "x-maily-budget-remaining-micros", "x-maily-budget-reset"]
        }
        (Unit::Requests, Format::Messages) => [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        (Unit::Tokens, Format::Messages) => [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
        (Unit::Requests, _) => {
            ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"]
        }
        (Unit::Tokens, _) => {
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
        }
    };
    names.map(HeaderName::from_static)
}

/// Who comes back after so many whole seconds is not too early.
const fn seconds(left: Duration) -> u64 {
    left.as_secs() + (left.subsec_nanos() > 0) as u64
}

/// As `OpenAI` writes it: `6m0s`.
fn duration(left: Duration) -> String {
    match seconds(left) {
        left @ 0..60 => format!("{left}s"),
        left => format!("{}m{}s", left / 60, left % 60),
    }
}

/// As Anthropic writes it: RFC 3339.
fn timestamp(ends: Duration) -> String {
    let seconds = ends.as_secs();
    let Date { year, month, day } = Date::of(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Per;

    #[test]
    fn times_are_written_as_clients_read_them() {
        assert_eq!(duration(Duration::from_millis(59_001)), "1m0s");
        assert_eq!(duration(Duration::from_millis(1)), "1s");
        assert_eq!(duration(Duration::ZERO), "0s");
        assert_eq!(timestamp(Duration::from_secs(1_709_208_061)), "2024-02-29T12:01:01Z");
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
