//! What the fields of a span say: who it is, and its attributes.

use std::fmt::{self, Debug, Write};

use maily_errors::{SpanId, TraceId};
use tracing::field::{Field, Visit};

/// The fields of a span, with those that are not attributes taken out.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: Option<SpanId>,
    pub(crate) parent: Option<SpanId>,
    pub(crate) sampled: Option<bool>,
    pub(crate) name: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) failed: bool,
    pub(crate) attributes: Vec<(&'static str, Value)>,
}

/// On which side of a call a span is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Kind {
    Client,
    Consumer,
    #[default]
    Internal,
    Producer,
    Server,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Flag(bool),
    Float(f64),
    Integer(i64),
    Text(String),
}

/// The longest text of an attribute, in bytes: an address is the client's own words.
pub(crate) const MOST_BYTES: usize = 1_024;

impl Fields {
    /// Sets an attribute; a field that is recorded twice counts as it was said last.
    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match self.attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((name, value)),
        }
    }

    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "trace_id" => self.trace = text.parse().ok(),
            "span_id" => self.span = text.parse().ok(),
            "parent_span_id" => self.parent = text.parse().ok(),
            "otel.name" => self.name = Some(text),
            "otel.kind" => self.kind = Kind::of(&text),
            "otel.status_code" => self.failed = text.eq_ignore_ascii_case("error"),
            _ => self.set(field, Value::Text(text)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Integer(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // OTLP has no other integers; nothing that is counted here grows so large.
        self.set(field, Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "sampled" => self.sampled = Some(value),
            _ => self.set(field, Value::Flag(value)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = Short(String::new());
        // It refuses what does not fit; what it has is the beginning.
        let _ = write!(text, "{value:?}");
        self.text(field, text.0);
    }
}

impl Kind {
    fn of(text: &str) -> Self {
        match text {
            "client" => Self::Client,
            "consumer" => Self::Consumer,
            "producer" => Self::Producer,
            "server" => Self::Server,
            _ => Self::Internal,
        }
    }
}

/// A text that takes no more than [`MOST_BYTES`].
struct Short(String);

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.floor_char_boundary(MOST_BYTES - self.0.len());
        self.0.push_str(&text[..fits]);
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_characters() {
        for (text, bytes) in
            [("x".repeat(1_024), 1_024), ("x".repeat(1_025), 1_024), ("ä".repeat(600), 1_024)]
        {
            let mut short = Short(String::new());
            let _ = write!(short, "{text}");
            assert_eq!(short.0.len(), bytes);
        }
        let mut short = Short("x".repeat(1_023));
        assert!(write!(short, "ä").is_err());
        assert_eq!(short.0.len(), 1_023);
    }
}
