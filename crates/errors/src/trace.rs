//! W3C Trace Context: in which trace and span something happens.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::num::{NonZeroU64, NonZeroU128};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{HeaderMap, HeaderValue};
use pin_project_lite::pin_project;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The header in which a trace travels.
pub const TRACEPARENT: &str = "traceparent";

/// The number of a trace: 32 hexadecimal digits, not all zero.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TraceId(NonZeroU128);

/// The number of a span: 16 hexadecimal digits, not all zero.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpanId(NonZeroU64);

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
        // Zero is the one value that the standard forbids.
        let trace_id = TraceId(NonZeroU128::MIN | rand::random::<u128>());
        Self { trace_id, span_id: SpanId::random(), flags: SAMPLED | RANDOM }
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
        Self::parse(headers.get(TRACEPARENT)?.to_str().ok()?)
    }

    /// Writes the `traceparent` of a request; one that is there already is replaced.
    pub fn write_to(self, headers: &mut HeaderMap) {
        let mut text = [0; 55];
        text[..3].copy_from_slice(b"00-");
        text[3..35].copy_from_slice(&self.trace_id.digits());
        text[35] = b'-';
        text[36..52].copy_from_slice(&self.span_id.digits());
        text[52..].copy_from_slice(&[b'-', b'0', b'0' + self.flags]);
        if let Ok(value) = HeaderValue::from_bytes(&text) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Returns the position in which this thread works now: the one whose [`scope`](Self::scope) is being polled.
    ///
    /// [`layer::trace`](crate::layer::trace) opens one for each request. Costs a read of a thread-local value.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.get()
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
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

pin_project! {
    /// A future that runs in a position of a trace.
    #[derive(Debug)]
    pub struct InTrace<F> {
        trace: TraceContext,
        service: Option<Arc<str>>,
        #[pin]
        future: F,
    }
}

impl<F> InTrace<F> {
    /// Creates the future; `service` is who answers for what fails in it.
    pub(crate) const fn new(trace: TraceContext, service: Option<Arc<str>>, future: F) -> Self {
        Self { trace, service, future }
    }

    /// Makes the future in its own position.
    pub(crate) fn calling(trace: TraceContext, service: Option<Arc<str>>, call: impl FnOnce() -> F) -> Self {
        let entered = Entered::new(trace, service.clone());
        let future = call();
        drop(entered);
        Self::new(trace, service, future)
    }
}

impl<F: Future> Future for InTrace<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = Entered::new(*this.trace, this.service.clone());
        this.future.poll(cx)
    }
}

/// Returns the name of the service that works now, if a layer said it.
pub(crate) fn current_service() -> Option<Arc<str>> {
    SERVICE.with_borrow(Clone::clone)
}

/// Puts back what was current before, even if the work panics.
struct Entered {
    trace: Option<TraceContext>,
    service: Option<Option<Arc<str>>>,
}

impl Entered {
    fn new(trace: TraceContext, service: Option<Arc<str>>) -> Self {
        // Without a name of its own, a step works for the service that it is part of.
        let service = service.map(|service| SERVICE.replace(Some(service)));
        Self { trace: CURRENT.replace(Some(trace)), service }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.trace);
        if let Some(service) = self.service.take() {
            SERVICE.set(service);
        }
    }
}

thread_local! {
    static CURRENT: Cell<Option<TraceContext>> = const { Cell::new(None) };
    static SERVICE: RefCell<Option<Arc<str>>> = const { RefCell::new(None) };
}

// === impl TraceId ===

impl TraceId {
    /// Returns the 32 digits as ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; 32] {
        let mut text = [0; 32];
        write_digits(&self.0.get().to_be_bytes(), &mut text);
        text
    }
}

// === impl SpanId ===

impl SpanId {
    fn random() -> Self {
        Self(NonZeroU64::MIN | rand::random::<u64>())
    }

    /// Returns the 16 digits as ASCII.
    #[must_use]
    pub fn digits(self) -> [u8; 16] {
        let mut text = [0; 16];
        write_digits(&self.0.get().to_be_bytes(), &mut text);
        text
    }
}

/// The text is not an id: not of the right length, other than lower-case hexadecimal digits, or zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text is not the id of a trace or a span")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for TraceId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        hex(text, 32).and_then(NonZeroU128::new).map(Self).ok_or(NotAnId)
    }
}

impl FromStr for SpanId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let number = hex(text, 16).and_then(|number| u64::try_from(number).ok());
        number.and_then(NonZeroU64::new).map(Self).ok_or(NotAnId)
    }
}

macro_rules! id_as_text {
    ($($id:ty),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

id_as_text!(TraceId, SpanId);

fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn write_digits(bytes: &[u8], text: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The caller records the trace.
const SAMPLED: u8 = 1;
/// At least 56 bits of the trace id are random (level 2).
const RANDOM: u8 = 2;
