//! W3C Trace Context: in which trace and span something happens.

mod id;
mod scope;

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use self::id::hex;
pub use self::id::{NotAnId, SpanId, TraceId};
pub use self::scope::InTrace;
pub(crate) use self::scope::current_service;

/// The header in which a trace travels.
pub const TRACEPARENT: &str = "traceparent";

/// The header in which other tracers note what they need.
pub const TRACESTATE: &str = "tracestate";

/// A position in a trace, as the `traceparent` header carries it.
///
/// # Examples
///
/// ```
/// use maily_errors::TraceContext;
///
/// let parent = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// let child = parent.child();
///
/// assert_eq!(child.trace_id(), parent.trace_id());
/// assert_ne!(child.span_id(), parent.span_id());
/// assert!(TraceContext::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01").is_none());
/// ```
///
/// Source: W3C Trace Context level 2, section 3.2.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TraceContext {
    trace_id: TraceId,
    span_id: SpanId,
    flags: u8,
}

impl TraceContext {
    /// Begins a trace that is recorded.
    #[must_use]
    pub fn root() -> Self {
        Self { trace_id: TraceId::random(), span_id: SpanId::random(), flags: SAMPLED | RANDOM }
    }

    /// Begins a trace that is recorded with a probability of `share_pct` percent: 0.0 never, 100.0 always.
    ///
    /// Whoever goes on in the trace reads the decision in its [flag](Self::is_sampled), so it is made once.
    #[must_use]
    pub fn root_sampled(share_pct: f64) -> Self {
        let sampled = share_pct >= 100.0 || rand::random::<f64>() * 100.0 < share_pct;
        Self { flags: if sampled { SAMPLED | RANDOM } else { RANDOM }, ..Self::root() }
    }

    /// Reads the value of a `traceparent` header; `None` means that the standard wants it ignored.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = parts.next()?.parse().ok()?;
        let span_id = parts.next()?.parse().ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        // Version 0 has four parts; a later one may have more, version 255 is forbidden.
        let known = version != 255 && (version != 0 || parts.next().is_none());
        known.then_some(Self { trace_id, span_id, flags: flags & (SAMPLED | RANDOM) })
    }

    /// Returns the position of a step below this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: SpanId::random(), ..self }
    }

    /// Returns the number of the trace.
    #[must_use]
    pub const fn trace_id(self) -> TraceId {
        self.trace_id
    }

    /// Returns the number of the span.
    #[must_use]
    pub const fn span_id(self) -> SpanId {
        self.span_id
    }

    /// Returns whether the caller records the trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Reads the `traceparent` of a request or an answer.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get(PARENT)?.to_str().ok()?)
    }

    /// Reads the `tracestate` that goes with the `traceparent` of a request, to be passed on as it is.
    ///
    /// Several headers are one list. `None` if there is none, if it is longer than 512 bytes, or if it comes without a
    /// trace: then the standard wants it ignored.
    #[must_use]
    pub fn state_from_headers(headers: &HeaderMap) -> Option<HeaderValue> {
        let mut states = headers.get_all(STATE).iter();
        let first = states.next()?;
        Self::from_headers(headers)?;
        let rest: Vec<&[u8]> = states.map(HeaderValue::as_bytes).collect();
        let list = if rest.is_empty() {
            first.clone()
        } else {
            HeaderValue::from_bytes(&[&[first.as_bytes()], &rest[..]].concat().join(&b',')).ok()?
        };
        (1..=MOST_STATE_BYTES).contains(&list.len()).then_some(list)
    }

    /// Returns the value of a `traceparent` header as ASCII. Allocates nothing.
    #[must_use]
    pub fn header(self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        text[3..35].copy_from_slice(&self.trace_id.digits());
        text[36..52].copy_from_slice(&self.span_id.digits());
        // At most two flags are kept, so one digit is enough.
        text[54] += self.flags;
        text
    }

    /// Writes the `traceparent` of a request; one that is there already is replaced.
    pub fn write_to(self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_bytes(&self.header()) {
            headers.insert(PARENT, value);
        }
    }

    /// Returns the position in which this thread works now: the one whose [`scope`](Self::scope) is being polled.
    ///
    /// [`layer::trace`](crate::layer::trace) opens one for each request. Costs a read of a thread-local value.
    #[must_use]
    pub fn current() -> Option<Self> {
        scope::current()
    }

    /// Runs a future in this position: every error that is made or answered in it carries the ids.
    ///
    /// For work that leaves the task of its request: `tokio::spawn(trace.scope(work))`.
    ///
    /// # Examples
    ///
    /// ```
    /// use maily_errors::{Code, Error, TraceContext};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let trace = TraceContext::root();
    ///
    /// let err = trace.scope(async { Error::new(Code::Timeout, "it is slow") }).await;
    ///
    /// assert_eq!(err.trace(), Some(trace));
    /// assert_eq!(TraceContext::current(), None);
    /// # }
    /// ```
    pub const fn scope<F>(self, future: F) -> InTrace<F> {
        InTrace::new(self, None, future)
    }
}

/// Writes the value of a `traceparent` header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.header()).unwrap_or_default())
    }
}

// A name that is known now is not read again for each look-up.
const PARENT: HeaderName = HeaderName::from_static(TRACEPARENT);
const STATE: HeaderName = HeaderName::from_static(TRACESTATE);
/// What everybody has to pass on.
const MOST_STATE_BYTES: usize = 512;
/// The caller records the trace.
const SAMPLED: u8 = 1;
/// At least 56 bits of the trace id are random (level 2).
const RANDOM: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_of_the_traces_that_begin_here_is_sampled() {
        let sampled = |pct| (0..2_000).filter(|_| TraceContext::root_sampled(pct).is_sampled()).count();

        assert_eq!((sampled(0.0), sampled(100.0)), (0, 2_000));
        // Ten standard deviations on each side.
        assert!((276..=724).contains(&sampled(25.0)));
    }

    fn state(headers: &[(&'static str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| {
            map.append(*name, value.parse().unwrap());
        });
        TraceContext::state_from_headers(&map).map(|state| state.to_str().unwrap().to_owned())
    }

    const PARENT: (&str, &str) = (TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");

    #[test]
    fn state_of_other_tracers_is_one_list_in_order() {
        assert_eq!(state(&[PARENT, (TRACESTATE, "a=1,b=2")]).unwrap(), "a=1,b=2");
        assert_eq!(
            state(&[PARENT, (TRACESTATE, "a=1"), (TRACESTATE, "b=2"), (TRACESTATE, "c=3")]).unwrap(),
            "a=1,b=2,c=3"
        );
        assert_eq!(state(&[PARENT]), None);
    }

    #[test]
    fn state_without_a_trace_is_ignored() {
        assert_eq!(state(&[(TRACESTATE, "a=1")]), None);
        assert_eq!(state(&[(TRACEPARENT, "00-0-0-01"), (TRACESTATE, "a=1")]), None);
    }

    #[test]
    fn state_is_passed_on_up_to_512_bytes() {
        let long = |bytes: usize| format!("a={}", "x".repeat(bytes - 2));

        assert!(state(&[PARENT, (TRACESTATE, &long(512))]).is_some());
        assert!(state(&[PARENT, (TRACESTATE, &long(513))]).is_none());
        assert!(state(&[PARENT, (TRACESTATE, "")]).is_none());
    }
}
