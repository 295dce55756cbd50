//! Walks the parts of a message, with limits. Nothing is nested in memory, so nothing can overflow.

use maily_errors::{Code, Error, Public};

use super::fields::{Head, line_at};
use super::part::{Part, PartKind};
use super::{MAX_DEPTH, MAX_PARTS, MAX_REPEATS, decode, html};

/// Returns the parts of a message in the order that [`Canonical::parts`](super::Canonical::parts) promises.
pub(super) fn parts(head: &Head<'_>) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    if ["from", "subject"].iter().any(|name| head.all(name).count() > MAX_REPEATS) {
        return Err(Error::new(Code::MailMalformed, "the sender or the subject is repeated too often")
            .with_operation("canonical::of")
            .with_context("limit", Public(MAX_REPEATS)));
    }
    // A second sender or subject is a part of its own: some readers show the first one, some the last.
    parts.extend(head.all("from").map(|field| Part::value(PartKind::From, field.text())));
    parts.extend(head.all("subject").map(|field| Part::value(PartKind::Subject, field.text())));
    let mut walk = Walk { parts, links: Vec::new(), seen: 0 };
    walk.entity(head, 1, false)?;
    if !walk.links.is_empty() {
        walk.parts.push(Part::lines(PartKind::Links, walk.links.join("\n")));
    }
    Ok(walk.parts)
}

struct Walk {
    parts: Vec<Part>,
    links: Vec<String>,
    seen: usize,
}

impl Walk {
    fn entity(&mut self, head: &Head<'_>, depth: usize, in_digest: bool) -> Result<(), Error> {
        self.seen += 1;
        if depth > MAX_DEPTH || self.seen > MAX_PARTS {
            return Err(Error::new(Code::MailTooDeep, "the message is nested too deeply")
                .with_operation("canonical::of")
                .with_context("limit_levels", Public(MAX_DEPTH))
                .with_context("limit_parts", Public(MAX_PARTS)));
        }
        let content_type = head.structured("content-type");
        let main = content_type.as_ref().map_or("", |value| value.ctype()).to_ascii_lowercase();
        let sub = content_type.as_ref().and_then(|value| value.subtype()).unwrap_or("").to_ascii_lowercase();
        let attribute = |name| content_type.as_ref().and_then(|value| value.attribute(name));
        if main == "multipart"
            && let Some(boundary) = attribute("boundary").filter(|boundary| !boundary.is_empty())
            && let Some(sections) = sections(head.body, boundary.as_bytes())?
        {
            for section in sections.parts {
                self.entity(&Head::of_part(section)?, depth + 1, sub == "digest")?;
            }
            if !sections.epilogue.trim_ascii().is_empty() {
                let text = decode::text(None, sections.epilogue.to_vec());
                self.parts.push(Part::lines(PartKind::Text, text));
            }
            return Ok(());
        }

        let encoding = head.text("content-transfer-encoding").unwrap_or_default();
        let bytes = decode::transfer(&encoding, head.body);
        let disposition = head.structured("content-disposition");
        let name = disposition.as_ref().and_then(|value| value.attribute("filename")).or(attribute("name"));
        let name: String = name.unwrap_or("").chars().filter(|c| !c.is_control()).take(255).collect();
        let is_attachment =
            disposition.as_ref().is_some_and(|value| value.ctype().eq_ignore_ascii_case("attachment"));
        let full = match (main.as_str(), in_digest) {
            ("", true) => "message/rfc822".to_owned(),
            ("", false) => "text/plain".to_owned(),
            // A multipart without parts is shown as text.
            ("multipart", _) => "text/plain".to_owned(),
            _ => format!("{main}/{sub}"),
        };
        let part = match full.as_str() {
            "text/plain" if !is_attachment => {
                Part::lines(PartKind::Text, decode::text(attribute("charset"), bytes))
            }
            "text/html" if !is_attachment => {
                let text = decode::text(attribute("charset"), bytes);
                html::collect_links(&text, &mut self.links);
                Part::lines(PartKind::Html, html::break_lines(&text))
            }
            _ if main == "image" && !is_attachment => Part::file(PartKind::InlineImage, name, &full, &bytes),
            _ if main == "text" || main == "message" => {
                Part::file(PartKind::Attachment, name, &full, &line_feeds(&bytes))
            }
            _ => Part::file(PartKind::Attachment, name, &full, &bytes),
        };
        self.parts.push(part);
        Ok(())
    }
}

struct Sections<'a> {
    parts: Vec<&'a [u8]>,
    epilogue: &'a [u8],
}

/// Cuts a multipart body at its delimiter lines. Returns nothing when there is none.
///
/// Source: RFC 2046, section 5.1.1. A part that is not closed runs to the end.
fn sections<'a>(body: &'a [u8], boundary: &[u8]) -> Result<Option<Sections<'a>>, Error> {
    let mut sections = Sections { parts: Vec::new(), epilogue: &[] };
    let (mut at, mut begin) = (0, None);
    while at < body.len() {
        let (line, next) = line_at(body, at);
        if let Some(tail) = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary)) {
            let (tail, closes) = tail.strip_prefix(b"--").map_or((tail, false), |tail| (tail, true));
            if tail.trim_ascii().is_empty() {
                if let Some(begin) = begin {
                    sections.parts.push(without_line_end(&body[begin..at.max(begin)]));
                }
                if sections.parts.len() > MAX_PARTS {
                    return Err(Error::new(Code::MailTooDeep, "the message has too many parts")
                        .with_operation("canonical::of")
                        .with_context("limit_parts", Public(MAX_PARTS)));
                }
                if closes {
                    sections.epilogue = &body[next..];
                    return Ok((begin.is_some()).then_some(sections));
                }
                begin = Some(next);
            }
        }
        at = next;
    }
    if let Some(begin) = begin {
        sections.parts.push(&body[begin..]);
    }
    Ok(begin.is_some().then_some(sections))
}

/// The line end in front of a delimiter belongs to the delimiter.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Text that is a file keeps its spaces; only its line ends are not compared.
fn line_feeds(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte != b'\r' || rest.peek() != Some(&&b'\n') {
            out.push(*byte);
        }
    }
    out
}
