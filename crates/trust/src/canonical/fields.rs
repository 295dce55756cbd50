//! Header fields, without interpretation.

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use maily_errors::{Code, Error, Public};

use super::MAX_HEADER_BYTES;

/// One header field: its name and its value as it stands, folds included, without the last line end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    /// Where the field begins in the message, and where the next one does.
    pub(crate) span: (usize, usize),
    /// How many bytes there are from the value to the next field.
    after: usize,
}

/// The header fields of a message or part, and what follows them.
#[derive(Clone, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) fields: Vec<Field<'a>>,
    pub(crate) body: &'a [u8],
}

impl<'a> Head<'a> {
    /// Splits a message, which must begin with a field.
    pub(crate) fn of(message: &'a [u8]) -> Result<Self, Error> {
        let malformed =
            |message| Err(Error::new(Code::MailMalformed, message).with_operation("canonical::of"));
        let head = Self::of_part(message)?;
        if head.fields.is_empty() {
            return malformed("the message does not begin with a header field");
        }
        Ok(head)
    }

    /// Splits a part, which may have no field at all. A line that is no field ends the headers.
    pub(crate) fn of_part(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (line, next) = line_at(bytes, at);
            if next > MAX_HEADER_BYTES {
                return Err(Error::new(Code::MailTooLarge, "the headers are over their limit")
                    .with_operation("canonical::of")
                    .with_context("limit_bytes", Public(MAX_HEADER_BYTES)));
            }
            if line.is_empty() {
                return Ok(Self { fields, body: &bytes[next..] });
            }
            if matches!(line[0], b' ' | b'\t')
                && let Some(field) = fields.last_mut()
            {
                let begin = field.span.1 - field.after;
                field.value = &bytes[begin..at + line.len()];
                field.after += next - at;
                field.span.1 = next;
            } else if let Some((name, after)) = name_length(line) {
                let span = (at, next);
                fields.push(Field {
                    name: &line[..name],
                    value: &line[after..],
                    span,
                    after: next - at - after,
                });
            } else {
                return Ok(Self { fields, body: &bytes[at..] });
            }
            at = next;
        }
        Ok(Self { fields, body: &[] })
    }

    /// Iterates over all fields of this name; letter case does not matter.
    pub(crate) fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Field<'a>> {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Returns the first field of this name, with encoded words decoded and white space collapsed.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.all(name).next().map(Field::text)
    }

    /// Returns the first field of this name, read as `type/subtype; name=value`.
    pub(crate) fn structured(&self, name: &str) -> Option<ContentType<'static>> {
        let line = self.all(name).next()?.line();
        match MessageStream::new(&line).parse_content_type().into_owned() {
            HeaderValue::ContentType(value) => Some(value),
            _ => None,
        }
    }
}

impl Field<'_> {
    /// Returns the value, with encoded words decoded and white space collapsed.
    pub(crate) fn text(&self) -> String {
        let line = self.line();
        let text = match MessageStream::new(&line).parse_unstructured() {
            HeaderValue::Text(text) if !text.contains('\u{fffd}') => text.into_owned(),
            // What does not decode is compared as it stands, so that two broken values stay two.
            _ => super::decode::injective(self.value),
        };
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn line(&self) -> Vec<u8> {
        [self.value, b"\r\n"].concat()
    }
}

/// Returns the line that begins at `at`, without its end, and where the next one begins.
pub(crate) fn line_at(bytes: &[u8], at: usize) -> (&[u8], usize) {
    let rest = &bytes[at..];
    let (line, next) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&rest[..end], at + end + 1),
        None => (rest, bytes.len()),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), next)
}

/// Returns the length of a field name, and where the value begins.
fn name_length(line: &[u8]) -> Option<(usize, usize)> {
    let name = line.iter().take_while(|byte| matches!(byte, 33..=57 | 59..=126)).count();
    let blank = line[name..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (name > 0 && line.get(name + blank) == Some(&b':')).then_some((name, name + blank + 1))
}
