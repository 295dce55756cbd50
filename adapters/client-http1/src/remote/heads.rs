//! The heads of requests: written once for each format, but for what a request has of its own.

use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri};
use maily_mesh::{Format, Formats, Prompt};
use tokio::time::Instant;

use crate::request::Request;

/// What every request of a format begins with. The key is in it.
pub(super) struct Heads([Option<Bytes>; Format::ALL.len()]);

impl Heads {
    /// Writes the heads of a server whose API begins at `url`. The error is the name of a field that cannot be one.
    pub(super) fn new(
        url: &Uri,
        formats: Formats,
        fields: &[(&'static str, &str)],
    ) -> Result<Self, &'static str> {
        let mut lines = String::new();
        for (name, value) in fields {
            let valid = HeaderName::try_from(*name).is_ok() && HeaderValue::try_from(*value).is_ok();
            if !valid {
                return Err(name);
            }
            lines.extend([name, ": ", value, "\r\n"]);
        }
        let host = url.authority().map_or("", |authority| authority.as_str());
        let path = url.path().trim_end_matches('/');
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        Ok(Self(Format::ALL.map(|format| {
            formats.contains(format).then(|| {
                let end = format.path();
                Bytes::from(format!(
                    "POST {path}{end}{query} HTTP/1.1\r\nhost: {host}\r\nuser-agent: maily/{version}\r\n\
                     content-type: application/json\r\n{lines}"
                ))
            })
        })))
    }

    /// Returns the request of a prompt, with its body as it is; `None` for a format that is not taken.
    pub(super) fn request(&self, prompt: &Prompt) -> Option<Request> {
        let fixed = self.0[prompt.head.format as usize].clone()?;
        let accept = if prompt.head.stream { "text/event-stream" } else { "application/json" };
        let mut own = Vec::with_capacity(OWN_BYTES);
        // Writing to a vector does not fail.
        if let Some(trace) = prompt.head.trace {
            let _ = write!(own, "traceparent: {trace}\r\n");
        }
        if let Some(state) = &prompt.head.trace_state {
            own.extend_from_slice(b"tracestate: ");
            // The value of a header holds no line break.
            own.extend_from_slice(state.as_bytes());
            own.extend_from_slice(b"\r\n");
        }
        if let Some(deadline) = prompt.head.deadline {
            // Another mesh behind the node's address gives up when we do.
            let left = deadline.saturating_duration_since(Instant::now()).as_millis();
            let _ = write!(own, "x-maily-timeout-ms: {left}\r\n");
        }
        let _ = write!(own, "accept: {accept}\r\ncontent-length: {}\r\n\r\n", prompt.body().len());
        Some(Request::new(fixed, own, prompt.body().clone()))
    }
}

/// Enough for what one request has of its own.
const OWN_BYTES: usize = 160;
