//! The heads of requests: written once for each format, but for what a request has of its own.

use std::io::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Uri};
use maily_mesh::{Betas, Format, Formats, Prompt};
use tokio::time::Instant;

use crate::request::Request;

/// What every request begins with, by its format. The key is in it.
pub(super) struct Heads {
    answer: [Option<Head>; Format::ALL.len()],
    count: [Option<Head>; Format::ALL.len()],
    betas: Betas,
}

/// What every request to one path begins with.
struct Head {
    whole: Bytes,
    /// But for the node's own betas: those of a prompt stand in one line with them.
    without_betas: Bytes,
}

impl Heads {
    /// Writes the heads of a server whose API begins at `url`. The error is the name of a field that cannot be one.
    pub(super) fn new(
        url: &Uri,
        formats: Formats,
        fields: &[(&'static str, &str)],
    ) -> Result<Self, &'static str> {
        let (mut lines, mut own) = (String::new(), Vec::new());
        for (name, value) in fields {
            let valid = HeaderName::try_from(*name).is_ok() && HeaderValue::try_from(*value).is_ok();
            if !valid {
                return Err(name);
            }
            if *name == Betas::HEADER {
                own.extend(value.split(','));
            } else {
                lines.extend([name, ": ", value, "\r\n"]);
            }
        }
        let betas = Betas::new(own).map_err(|_| Betas::HEADER)?;
        let host = url.authority().map_or("", |authority| authority.as_str());
        let path = url.path().trim_end_matches('/');
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let agent = concat!("maily/", env!("CARGO_PKG_VERSION"));
        let head = |format: Format, end: &str| {
            let version = format.version().map(|(name, value)| format!("{name}: {value}\r\n"));
            let head = format!(
                "POST {path}{end}{query} HTTP/1.1\r\nhost: {host}\r\nuser-agent: {agent}\r\n\
                 content-type: application/json\r\n{}{lines}",
                version.unwrap_or_default()
            );
            let own = match betas.as_str() {
                "" => String::new(),
                betas => format!("{}: {betas}\r\n", Betas::HEADER),
            };
            Head { whole: (head.clone() + &own).into(), without_betas: head.into() }
        };
        let taken = |format: &Format| formats.contains(*format);
        let answer =
            Format::ALL.map(|format| Some(format).filter(taken).map(|format| head(format, format.path())));
        let counted = |format: Format| format.count_path().map(|end| head(format, end));
        let count = Format::ALL.map(|format| Some(format).filter(taken).and_then(counted));
        Ok(Self { answer, count, betas })
    }

    /// Returns the request of a prompt, with its body as it is; `None` for a format that is not taken.
    pub(super) fn request(&self, prompt: &Prompt) -> Option<Request> {
        let (format, asks) = (prompt.head.format, &prompt.head.betas);
        let heads = if prompt.head.counting { &self.count } else { &self.answer };
        let head = heads[format as usize].as_ref()?;
        let mut own = Vec::with_capacity(OWN_BYTES);
        let fixed = if format != Format::Messages || asks.is_empty() {
            head.whole.clone()
        } else {
            self.write_betas(asks, &mut own);
            head.without_betas.clone()
        };
        let accept = if prompt.head.stream { "text/event-stream" } else { "application/json" };
        if let Some(trace) = prompt.head.trace {
            own.extend_from_slice(b"traceparent: ");
            own.extend_from_slice(&trace.header());
            own.extend_from_slice(b"\r\n");
        }
        if let Some(state) = &prompt.head.trace_state {
            own.extend_from_slice(b"tracestate: ");
            // The value of a header holds no line break.
            own.extend_from_slice(state.as_bytes());
            own.extend_from_slice(b"\r\n");
        }
        if let Some(deadline) = prompt.head.deadline {
            // Another mesh behind the node's address gives up when we do; in the last millisecond it has one.
            let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
            // Writing to a vector does not fail.
            let _ = write!(own, "x-maily-timeout-ms: {left}\r\n");
        }
        let _ = write!(own, "accept: {accept}\r\ncontent-length: {}\r\n\r\n", prompt.body().len());
        Some(Request::new(fixed, own, prompt.body().clone()))
    }

    /// Writes the betas of the node, and those of a prompt that it does not have, in one line: not every server reads two.
    fn write_betas(&self, asks: &Betas, own: &mut Vec<u8>) {
        own.extend_from_slice(Betas::HEADER.as_bytes());
        let more = asks.iter().filter(|name| self.betas.iter().all(|known| known != *name));
        for (at, name) in self.betas.iter().chain(more).enumerate() {
            own.extend_from_slice(if at == 0 { b": " } else { b"," });
            own.extend_from_slice(name.as_bytes());
        }
        own.extend_from_slice(b"\r\n");
    }
}

/// Enough for what one request has of its own.
const OWN_BYTES: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(heads: &Heads, format: Format, asks: &[&str]) -> String {
        let body = r#"{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"Hi"}]}"#;
        let prompt = Prompt::parse_as(format, body).unwrap().with_betas(Betas::new(asks).unwrap());
        text(&heads.request(&prompt).unwrap())
    }

    fn text(request: &Request) -> String {
        let (pieces, count) = request.from(0);
        pieces[..count].iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect()
    }

    fn betas(head: &str) -> Vec<&str> {
        head.lines().filter(|line| line.starts_with("anthropic-beta")).collect()
    }

    fn heads(own: &[(&'static str, &str)]) -> Heads {
        let formats = Formats::CHAT.with(Format::Messages);
        Heads::new(&"http://a/v1".parse().unwrap(), formats, own).unwrap_or_else(|field| panic!("{field}"))
    }

    #[test]
    fn betas_of_node_and_prompt_stand_in_one_line_and_each_once() {
        let heads = heads(&[("anthropic-beta", "one,two")]);

        assert_eq!(betas(&head(&heads, Format::Messages, &[])), ["anthropic-beta: one,two"]);
        let both = head(&heads, Format::Messages, &["two", "three"]);
        assert_eq!(betas(&both), ["anthropic-beta: one,two,three"]);
        assert!(both.contains("\r\naccept: application/json\r\ncontent-length: "), "{both}");
    }

    #[test]
    fn tokens_are_counted_where_the_maker_of_the_format_counts_them() {
        let formats = Formats::CHAT.with(Format::Messages);
        let heads = Heads::new(&"http://a/v1?x=1".parse().unwrap(), formats, &[]).unwrap();
        let line = |format| {
            let body = r#"{"model":"m","input":"Hi","messages":[{"role":"user","content":"Hi"}]}"#;
            let request = heads.request(&Prompt::parse_as(format, body).unwrap().with_counting())?;
            Some(text(&request).lines().next().unwrap().to_owned())
        };

        let counted = "POST /v1/messages/count_tokens?x=1 HTTP/1.1";
        assert_eq!(line(Format::Messages).as_deref(), Some(counted));
        assert_eq!((line(Format::Chat), line(Format::Responses)), (None, None));
    }

    #[test]
    fn time_that_is_over_is_not_said_as_no_limit() {
        let prompt = Prompt::text("m", "Hi").unwrap().with_deadline(Instant::now());

        let head = text(&heads(&[]).request(&prompt).unwrap());

        assert!(head.contains("\r\nx-maily-timeout-ms: 1\r\n"), "{head}");
    }

    #[test]
    fn betas_and_version_of_messages_are_for_messages_only() {
        let heads = heads(&[]);

        let messages = head(&heads, Format::Messages, &["one"]);
        assert_eq!(betas(&messages), ["anthropic-beta: one"]);
        assert_eq!(messages.matches("\r\nanthropic-version: 2023-06-01\r\n").count(), 1);
        assert!(!head(&heads, Format::Chat, &["one"]).contains("anthropic"));
        assert!(betas(&head(&heads, Format::Messages, &[])).is_empty());
    }
}
