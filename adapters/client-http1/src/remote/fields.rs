//! What the head of an answer says to us.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use maily_errors::Result;

use super::Dialect;
use super::error;
use crate::head::Headers;

/// The fields of an answer that somebody needs.
pub(super) struct Fields<D> {
    kind: Kind,
    retry_after: Option<Duration>,
    retry_after_ms: Option<Duration>,
    /// The fields that a client may want: the request's id at the node, and its rate limits.
    pub(super) passed_on: HeaderMap,
    dialect: PhantomData<fn() -> D>,
}

/// The format of the body.
#[derive(Debug, Default)]
enum Kind {
    Events,
    /// Also without a content type.
    #[default]
    Json,
    Other(String),
    /// Whatever it is, compressed.
    Packed(String),
}

impl<D: Dialect> Headers for Fields<D> {
    fn see(&mut self, name: &str, value: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let text = || std::str::from_utf8(value).unwrap_or_default();
        if is("content-type") {
            if !matches!(self.kind, Kind::Packed(_)) {
                self.kind = Kind::of(text());
            }
        } else if is("content-encoding") && !value.eq_ignore_ascii_case(b"identity") {
            // Nobody asked for it, and nobody behind us would know.
            self.kind = Kind::Packed(text().to_owned());
        } else if is("retry-after") {
            self.retry_after = delay(text());
        } else if is("retry-after-ms") {
            self.retry_after_ms = text().parse().ok().map(Duration::from_millis);
        } else if is(D::REQUEST_ID) {
            // The usual field, under the usual name: nothing is read and copied for that.
            self.pass_on(const { HeaderName::from_static(D::REQUEST_ID) }, value);
        } else if begins(name, D::RATE_LIMITS)
            && let Ok(name) = name.parse()
        {
            self.pass_on(name, value);
        }
    }
}

impl<D: Dialect> Fields<D> {
    fn pass_on(&mut self, name: HeaderName, value: &[u8]) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.passed_on.append(name, value);
        }
    }

    /// Whether the answer is a stream of events; anything but events and JSON is no answer.
    pub(super) fn is_stream(&self) -> Result<bool> {
        match &self.kind {
            Kind::Events => Ok(true),
            Kind::Json => Ok(false),
            Kind::Other(kind) | Kind::Packed(kind) => Err(error::not_an_answer::<D>(kind)),
        }
    }

    /// How long the node asks to wait: milliseconds, seconds or a date.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.retry_after_ms.or(self.retry_after)
    }
}

impl<D> Default for Fields<D> {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            retry_after: None,
            retry_after_ms: None,
            passed_on: HeaderMap::new(),
            dialect: PhantomData,
        }
    }
}

impl<D> fmt::Debug for Fields<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Kind {
    fn of(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Other(essence.to_ascii_lowercase())
        }
    }
}

fn begins(name: &str, with: &str) -> bool {
    name.as_bytes().get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with.as_bytes()))
}

fn delay(value: &str) -> Option<Duration> {
    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.or_else(|| {
        let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
        // A date in the past means now.
        Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Own;

    fn fields(pairs: &[(&str, &str)]) -> Fields<Own> {
        let mut fields = Fields::default();
        pairs.iter().for_each(|(name, value)| fields.see(name, value.as_bytes()));
        fields
    }

    #[test]
    fn retry_after_is_read_in_each_form() {
        let read = |name, value| fields(&[(name, value)]).retry_after();

        assert_eq!(read("retry-after", "7"), Some(Duration::from_secs(7)));
        assert_eq!(read("retry-after", "0.5"), Some(Duration::from_millis(500)));
        assert_eq!(read("retry-after-ms", "20"), Some(Duration::from_millis(20)));
        assert_eq!(read("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert!(read("retry-after", "Sat, 06 Nov 2094 08:49:37 GMT") > Some(Duration::from_secs(1_000_000)));
        for nonsense in ["", "-1", "NaN", "1e300", "soon"] {
            assert_eq!(read("retry-after", nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        let fields = fields(&[("retry-after-ms", "20"), ("retry-after", "7")]);

        assert_eq!(fields.retry_after(), Some(Duration::from_millis(20)));
    }

    #[test]
    fn answer_is_events_or_json() {
        assert!(fields(&[("Content-Type", "text/event-stream; charset=utf-8")]).is_stream().unwrap());
        assert!(!fields(&[("content-type", "Application/JSON")]).is_stream().unwrap());
        assert!(!fields(&[]).is_stream().unwrap());
        assert!(fields(&[("content-type", "text/html")]).is_stream().is_err());
        let (kind, packed) = (("content-type", "application/json"), ("content-encoding", "gzip"));
        for packed in [[kind, packed], [packed, kind]] {
            assert!(fields(&packed).is_stream().is_err());
        }
    }

    #[test]
    fn only_harmless_headers_are_passed_on() {
        let fields = fields(&[
            ("X-Own-Id", "r1"),
            ("X-Own-Limit-Tokens", "5"),
            ("set-cookie", "secret"),
            ("x-own-organization", "secret"),
        ]);

        assert_eq!(fields.passed_on.len(), 2);
    }
}
