use std::borrow::Cow;

use http::header::{HeaderMap, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize};

use super::header;
use crate::trace::{SpanId, TraceContext, TraceId};

/// One service that met an error, and what it called it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Cause {
    /// The name of the service.
    pub service: Cow<'static, str>,
    /// The code with which it answered.
    pub code: Cow<'static, str>,
    /// The trace in which that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The span in which that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
}

/// Who met an error: the service that answered first, the one where it began last.
///
/// It is bounded whatever comes in, so it can travel through any number of services:
///
/// - At most [`MAX`](Self::MAX) entries: of a longer chain the first four and the last four stay, because who answered
///   and where it began say more than who passed it on.
/// - Names and codes have 1 to 64 characters of `A-Z a-z 0-9 - _ . / :`; an entry with others is left out. So neither
///   form exceeds [`MAX_BYTES`](Self::MAX_BYTES), and no name can break out of a header.
/// - An entry whose service, code and span stand there already is left out: a loop of services does not grow.
///
/// # Examples
///
/// ```
/// use maily_errors::{Cause, Causes};
///
/// let mut causes = Causes::default();
/// causes.add(Cause::new("mesh", "no-node"));
/// causes.add(Cause::new("gateway", "unavailable"));
/// causes.add(Cause::new("mesh", "no-node"));
///
/// assert_eq!(causes.to_string(), r#""mesh";code="no-node", "gateway";code="unavailable""#);
/// assert_eq!(Causes::parse(&causes.to_string()), causes);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Causes(Vec<Cause>);

impl Cause {
    /// Creates an entry without trace and span.
    #[must_use]
    pub fn new(service: impl Into<Cow<'static, str>>, code: impl Into<Cow<'static, str>>) -> Self {
        Self { service: service.into(), code: code.into(), trace_id: None, span_id: None }
    }

    /// Says in which trace and span it was.
    #[must_use]
    pub const fn with_trace(mut self, trace: TraceContext) -> Self {
        self.trace_id = Some(trace.trace_id());
        self.span_id = Some(trace.span_id());
        self
    }

    fn is_valid(&self) -> bool {
        [&self.service, &self.code].into_iter().all(|name| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
            (1..=Causes::MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.service == other.service && self.code == other.code && self.span_id == other.span_id
    }
}

impl Causes {
    /// The header that carries the chain when the body is not JSON.
    pub const HEADER: &'static str = "maily-causes";
    /// The most entries.
    pub const MAX: usize = 8;
    /// The most bytes of the list as JSON, and of the header.
    pub const MAX_BYTES: usize = 2048;
    /// The most bytes of a service's name, and of a code.
    pub const MAX_NAME: usize = 64;
    pub(crate) const NONE: Self = Self(Vec::new());

    /// Puts a service before those that met the error earlier.
    pub fn add(&mut self, cause: Cause) {
        if !cause.is_valid() {
            return;
        }
        self.0.retain(|other| !other.is_same(&cause));
        self.0.insert(0, cause);
        self.cut();
    }

    /// Reads the value of the header; what is not such a list (RFC 9651), or is over its limit, is empty.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        header::parse(header).unwrap_or_default().into_iter().collect()
    }

    /// Reads the header of an answer. Several lines count as one.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let lines: Option<Vec<&str>> =
            headers.get_all(Self::HEADER).iter().map(|line| line.to_str().ok()).collect();
        lines.map(|lines| Self::parse(&lines.join(", "))).unwrap_or_default()
    }

    /// Writes the header of an answer, unless the list is empty.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        match HeaderValue::try_from(self.to_string()) {
            Ok(value) if !self.0.is_empty() => {
                headers.insert(Self::HEADER, value);
            }
            _ => {}
        }
    }

    /// Iterates over the entries, the service that answered first.
    pub fn iter(&self) -> std::slice::Iter<'_, Cause> {
        self.0.iter()
    }

    /// Returns whether nobody is named.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    fn cut(&mut self) {
        if let Some(over) = self.0.len().checked_sub(Self::MAX) {
            self.0.drain(Self::MAX / 2..Self::MAX / 2 + over);
        }
    }
}

impl<'a> IntoIterator for &'a Causes {
    type Item = &'a Cause;
    type IntoIter = std::slice::Iter<'a, Cause>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Takes entries in their order, within the bounds.
impl FromIterator<Cause> for Causes {
    fn from_iter<I: IntoIterator<Item = Cause>>(causes: I) -> Self {
        let mut kept: Vec<Cause> = Vec::new();
        // Whoever sends more is hostile, and looking for equal ones takes time for each.
        for cause in causes.into_iter().take(MAX_READ).filter(Cause::is_valid) {
            if !kept.iter().any(|other| other.is_same(&cause)) {
                kept.push(cause);
            }
        }
        let mut causes = Self(kept);
        causes.cut();
        causes
    }
}

/// What is broken in the list is left out; it never fails because of an entry.
impl<'de> Deserialize<'de> for Causes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self::from_json(&value))
    }
}

impl Causes {
    pub(crate) fn from_json(value: &serde_json::Value) -> Self {
        let text = |entry: &serde_json::Value, key| Some(entry.get(key)?.as_str()?.to_owned());
        let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let cause = |entry| {
            Some(Cause {
                service: text(entry, "service")?.into(),
                code: text(entry, "code")?.into(),
                trace_id: text(entry, "trace_id").and_then(|id| id.parse().ok()),
                span_id: text(entry, "span_id").and_then(|id| id.parse().ok()),
            })
        };
        entries.iter().filter_map(cause).collect()
    }

    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        for (index, cause) in self.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"[{\"service\":" } else { b",{\"service\":" });
            crate::encode::text(&cause.service, out);
            out.extend_from_slice(b",\"code\":");
            crate::encode::text(&cause.code, out);
            if let Some(id) = cause.trace_id {
                out.extend_from_slice(b",\"trace_id\":\"");
                out.extend_from_slice(&id.digits());
                out.push(b'"');
            }
            if let Some(id) = cause.span_id {
                out.extend_from_slice(b",\"span_id\":\"");
                out.extend_from_slice(&id.digits());
                out.push(b'"');
            }
            out.push(b'}');
        }
        out.push(b']');
    }
}

/// The most entries that are looked at.
const MAX_READ: usize = 64;
