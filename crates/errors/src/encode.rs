//! From an error straight to the bytes of its problem document.

use crate::catalogue::Entry;
use crate::causes::Causes;
use crate::code::{Code, TABLE};
use crate::model::Error;
use crate::trace::TraceContext;

/// Appends the document of an error that was made in this process.
pub(crate) fn write(err: &Error, trace: Option<TraceContext>, causes: &Causes, out: &mut Vec<u8>) {
    out.extend_from_slice(prefix(err.code()));
    if err.message() != err.code().title() {
        out.extend_from_slice(b",\"detail\":");
        text(err.message(), out);
    }
    if let Some(delay_ms) = err.delay_ms() {
        out.extend_from_slice(b",\"retry_after_ms\":");
        out.extend_from_slice(itoa::Buffer::new().format(delay_ms).as_bytes());
    }
    for (index, violation) in err.violations().iter().enumerate() {
        out.extend_from_slice(if index == 0 { b",\"errors\":[{\"pointer\":" } else { b",{\"pointer\":" });
        text(&violation.pointer, out);
        if let Some(code) = &violation.code {
            out.extend_from_slice(b",\"code\":");
            text(code, out);
        }
        out.extend_from_slice(b",\"detail\":");
        text(&violation.detail, out);
        out.push(b'}');
    }
    if !err.violations().is_empty() {
        out.push(b']');
    }
    write_context(err, out);
    if let Some(trace) = trace {
        out.extend_from_slice(b",\"trace_id\":\"");
        out.extend_from_slice(&trace.trace_id().digits());
        out.push(b'"');
    }
    if !causes.is_empty() {
        out.extend_from_slice(b",\"causes\":");
        causes.write_json(out);
    }
    out.push(b'}');
}

/// Writes the pairs in the order of their keys, of equal keys the last; there are few, so looking again is cheapest.
fn write_context(err: &Error, out: &mut Vec<u8>) {
    let mut written: Option<&str> = None;
    let next = |written: Option<&str>| {
        let left = err.public_context().filter(|(key, _)| written.is_none_or(|written| *key > written));
        left.reduce(|first, pair| if pair.0 <= first.0 { pair } else { first })
    };
    while let Some((key, value)) = next(written) {
        out.extend_from_slice(if written.is_none() { b",\"context\":{" } else { b"," });
        text(key, out);
        out.push(b':');
        value.write_json(out);
        written = Some(key);
    }
    if written.is_some() {
        out.push(b'}');
    }
}

/// Appends a JSON string.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    text_bytes(text.as_bytes(), out);
}

/// Appends a JSON string whose characters are given as UTF-8.
pub(crate) fn text_bytes(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    // Nearly every text goes out as it is; looking at all of it first is one pass without a branch.
    if !text.iter().fold(false, |found, &byte| found | needs_escape(byte)) {
        out.extend_from_slice(text);
    } else {
        text.iter().for_each(|&byte| escape(byte, out));
    }
    out.push(b'"');
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        0x00..0x20 => {
            let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Returns the document of a code up to its number: `{"type":..,"title":..,"status":..,"code":..,"number":..`.
fn prefix(code: Code) -> &'static [u8] {
    let index = code as usize;
    &PREFIXES[STARTS[index]..STARTS[index + 1]]
}

/// The prefixes of all codes, one after the other, escaped and joined by the compiler.
static PREFIXES: [u8; STARTS[TABLE.len()]] = {
    let mut all = Joined { bytes: [0; STARTS[TABLE.len()]], length: 0 };
    let mut index = 0;
    while index < TABLE.len() {
        all.add_prefix(&TABLE[index]);
        index += 1;
    }
    all.bytes
};

/// Where the prefix of each code begins, and where the last one ends.
const STARTS: [usize; TABLE.len() + 1] = {
    let mut starts = [0; TABLE.len() + 1];
    let mut index = 0;
    while index < TABLE.len() {
        // Adding to a list without bytes only counts.
        let mut counted = Joined { bytes: [], length: starts[index] };
        counted.add_prefix(&TABLE[index]);
        index += 1;
        starts[index] = counted.length;
    }
    starts
};

/// Bytes that are put together while compiling.
struct Joined<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Joined<N> {
    const fn add_prefix(&mut self, entry: &Entry) {
        self.add("{\"type\":\"urn:maily:error:");
        self.add(entry.name);
        self.add("\",\"title\":\"");
        self.add_escaped(entry.title);
        self.add("\",\"status\":");
        self.add_number(entry.http_status);
        self.add(",\"code\":\"");
        self.add(entry.name);
        self.add("\",\"number\":");
        self.add_number(entry.number);
    }

    const fn add(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            self.push(bytes[index]);
            index += 1;
        }
    }

    /// Titles are one line, so quotes and backslashes are all that JSON wants escaped.
    const fn add_escaped(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() {
            if needs_escape(bytes[index]) {
                self.push(b'\\');
            }
            self.push(bytes[index]);
            index += 1;
        }
    }

    const fn add_number(&mut self, number: u16) {
        let mut unit = 10_000;
        while unit > 0 {
            if number >= unit || unit == 1 {
                self.push(b'0' + (number / unit % 10) as u8);
            }
            unit /= 10;
        }
    }

    const fn push(&mut self, byte: u8) {
        if N > 0 {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Problem;

    #[test]
    fn prefix_of_every_code_is_what_serde_writes() {
        for code in Code::all() {
            let mut document = prefix(code).to_vec();
            document.push(b'}');

            let slow = Problem { retry_after_ms: None, ..Problem::from(&Error::from(code)) }.to_json();

            assert_eq!(String::from_utf8(document), String::from_utf8(slow));
        }
    }
}
