//! W3C Trace Context: which trace a prompt is part of.

use std::fmt;

/// A position in a trace, as the `traceparent` header carries it.
///
/// # Examples
///
/// ```
/// use maily_mesh::TraceContext;
///
/// let parent = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// let child = parent.child();
///
/// assert_eq!(child.trace_id(), parent.trace_id());
/// assert_ne!(child, parent);
/// assert!(TraceContext::parse("00-00000000000000000000000000000000-00f067aa0ba902b7-01").is_none());
/// ```
///
/// Source: W3C Trace Context level 1, section 3.2.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// Begins a trace that is recorded.
    #[must_use]
    pub fn root() -> Self {
        // Zero is the one value that the standard forbids.
        Self { trace_id: rand::random::<u128>() | 1, span_id: rand::random::<u64>() | 1, flags: 1 }
    }

    /// Reads the value of a `traceparent` header; `None` means that the standard wants it ignored.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        // Version 0 has four parts; a later one may have more, version 255 is forbidden.
        let known = version != 255 && (version != 0 || parts.next().is_none());
        (known && trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }

    /// Returns the position of a step below this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: rand::random::<u64>() | 1, ..self }
    }

    /// Returns the number of the trace.
    #[must_use]
    pub const fn trace_id(self) -> u128 {
        self.trace_id
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let fits = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Writes the value of a `traceparent` header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}
