//! The chain as a list of RFC 9651 (structured fields).

use std::borrow::Cow;
use std::fmt;

use super::list::{Cause, Causes};

/// Writes the value of the header.
impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cause) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            // Names need no escape: their characters are checked when they come in.
            write!(f, "{comma}\"{}\";code=\"{}\"", cause.service, cause.code)?;
            if let Some(id) = cause.trace_id {
                write!(f, ";trace_id=\"{id}\"")?;
            }
            if let Some(id) = cause.span_id {
                write!(f, ";span_id=\"{id}\"")?;
            }
        }
        Ok(())
    }
}

/// Reads a list of strings or tokens with parameters; `None` if it is not one.
///
/// Source: RFC 9651, section 4.2, without inner lists, byte sequences, dates and display strings.
pub(super) fn parse(header: &str) -> Option<Vec<Cause>> {
    if header.len() > Causes::MAX_BYTES || !header.is_ascii() {
        return None;
    }
    let mut input = Input(header.trim_matches(' '));
    let mut causes = Vec::new();
    while !input.0.is_empty() {
        causes.extend(input.cause()?);
        input.skip_white();
        if input.0.is_empty() {
            break;
        }
        input.expect(',')?;
        input.skip_white();
        // A list does not end with a comma.
        if input.0.is_empty() {
            return None;
        }
    }
    Some(causes)
}

/// What is still to be read; ASCII, so that every byte is a character.
struct Input<'a>(&'a str);

impl<'a> Input<'a> {
    /// Reads an item and its parameters: an entry, unless it lacks the service or the code.
    fn cause(&mut self) -> Option<Option<Cause>> {
        let service = self.item()?;
        let (mut code, mut trace_id, mut span_id) = (None, None, None);
        while self.0.starts_with(';') {
            self.0 = self.0[1..].trim_start_matches(' ');
            let key = self.key()?;
            let value = if self.0.starts_with('=') {
                self.0 = &self.0[1..];
                self.item()?
            } else {
                None
            };
            match key {
                "code" => code = value,
                "trace_id" => trace_id = value,
                "span_id" => span_id = value,
                _ => {}
            }
        }
        Some(service.zip(code).map(|(service, code)| Cause {
            trace_id: trace_id.and_then(|id| id.parse().ok()),
            span_id: span_id.and_then(|id| id.parse().ok()),
            ..Cause::new(service.into_owned(), code.into_owned())
        }))
    }

    /// Reads a bare item: the text of a string or token, nothing of a number or boolean.
    fn item(&mut self) -> Option<Option<Cow<'a, str>>> {
        match self.0.as_bytes().first()? {
            b'"' => self.string().map(Some),
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => Some(Some(Cow::Borrowed(
                self.take(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte)),
            ))),
            b'-' | b'0'..=b'9' => self.number().map(|()| None),
            b'?' => {
                let boolean = self.0.starts_with("?0") || self.0.starts_with("?1");
                self.0 = self.0.get(2..)?;
                boolean.then_some(None)
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        let body = &self.0[1..];
        let end = body.find(['"', '\\'])?;
        if body.as_bytes()[end] == b'"' {
            self.0 = &body[end + 1..];
            return printable(&body[..end]).then_some(Cow::Borrowed(&body[..end]));
        }
        let mut text = String::new();
        let mut letters = body.char_indices();
        while let Some((index, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.0 = &body[index + 1..];
                    return printable(&text).then_some(Cow::Owned(text));
                }
                '\\' => {
                    text.push(letters.next().map(|(_, next)| next).filter(|next| matches!(next, '"' | '\\'))?)
                }
                _ => text.push(letter),
            }
        }
        None
    }

    /// At most 15 digits, or 12 before a point and 3 after it.
    fn number(&mut self) -> Option<()> {
        self.0 = self.0.strip_prefix('-').unwrap_or(self.0);
        let whole = self.take(|byte| byte.is_ascii_digit()).len();
        if !self.0.starts_with('.') {
            return (1..=15).contains(&whole).then_some(());
        }
        self.0 = &self.0[1..];
        let fraction = self.take(|byte| byte.is_ascii_digit()).len();
        ((1..=12).contains(&whole) && (1..=3).contains(&fraction)).then_some(())
    }

    fn key(&mut self) -> Option<&'a str> {
        let first = self.0.as_bytes().first()?;
        let begins = first.is_ascii_lowercase() || *first == b'*';
        begins.then(|| {
            self.take(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte))
        })
    }

    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let end = self.0.bytes().position(|byte| !belongs(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn expect(&mut self, letter: char) -> Option<()> {
        self.0 = self.0.strip_prefix(letter)?;
        Some(())
    }

    fn skip_white(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }
}

fn printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
