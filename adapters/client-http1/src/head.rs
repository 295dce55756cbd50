//! The head of an answer.

use std::mem::MaybeUninit;

use http::StatusCode;

/// The most bytes of a head, together with the interim heads before it.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// The most fields of a head.
const MAX_FIELDS: usize = 100;

/// What an answer says before its body.
#[derive(Debug)]
#[non_exhaustive]
pub struct Head<H> {
    /// How the server judged the request; never one of 1xx.
    pub status: StatusCode,
    /// What the caller took from the fields.
    pub headers: H,
    pub(crate) framing: Framing,
    /// Whether another request may follow on this connection.
    pub(crate) persistent: bool,
}

/// Sees the fields of a head and takes what it needs: what nobody wants is not copied.
pub trait Headers: Default {
    /// Sees a field, in the order in which they came. The name is as the server wrote it, the value without the space
    /// around it. What frames the body (`content-length`, `transfer-encoding`, `connection`) is not shown.
    fn see(&mut self, name: &str, value: &[u8]);
}

/// Where the body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    Chunked,
    /// With the connection.
    Close,
    Length(u64),
}

/// Returns where a head ends, its empty line included; the bytes before `from` were looked at already.
pub(crate) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut line = from.saturating_sub(3);
    while let Some(length) = memchr::memchr(b'\n', &bytes[line..]) {
        line += length + 1;
        // Of a bare line feed too: that it is one is for `read` to say.
        let returns = bytes[line..].iter().take_while(|byte| **byte == b'\r').count();
        if bytes.get(line + returns) == Some(&b'\n') {
            return Some(line + returns + 1);
        }
    }
    None
}

/// Reads a whole head, from its status line to its empty line.
///
/// Source: RFC 9112, sections 2.2 (line ends), 4 and 5 (lines), 6.3 (which length counts), 9.3 (persistence).
pub(crate) fn read<H: Headers>(bytes: &[u8]) -> Result<Head<H>, &'static str> {
    // The parser below takes a bare line feed for the end of a line, and others do not.
    let bare = |index: usize| index == 0 || bytes[index - 1] != b'\r';
    if memchr::memchr_iter(b'\n', bytes).any(bare) {
        return Err("a line of the head ends without a carriage return");
    }
    let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let length =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields);
    match length {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() && bytes[0] == b'H' => {}
        Err(httparse::Error::TooManyHeaders) => return Err("the head has more than 100 fields"),
        _ => return Err("the answer does not begin with a head of http"),
    }
    let code = parsed.code.unwrap_or_default();
    let status = StatusCode::from_u16(code).map_err(|_| "the status is not one of http")?;
    let old = parsed.version != Some(1);

    let mut headers = H::default();
    let (mut length, mut chunked, mut persistent) = (None, false, !old);
    for field in parsed.headers.iter() {
        let value = field.value.trim_ascii();
        if field.name.eq_ignore_ascii_case("content-length") {
            if length.replace(number(value)?).is_some() {
                return Err("the head says its length twice");
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || old || !value.eq_ignore_ascii_case(b"chunked") {
                return Err("the transfer coding was not asked for");
            }
            chunked = true;
        } else if field.name.eq_ignore_ascii_case("connection") {
            for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if option.eq_ignore_ascii_case(b"close") {
                    persistent = false;
                } else if old && option.eq_ignore_ascii_case(b"keep-alive") {
                    persistent = true;
                }
            }
        } else {
            headers.see(field.name, value);
        }
    }
    let framing = match (length, chunked) {
        (Some(_), true) => return Err("the head says a length and a transfer coding"),
        // Answers without a body, whatever their fields say.
        _ if status.is_informational() || matches!(code, 204 | 304) => Framing::Length(0),
        (Some(length), false) => Framing::Length(length),
        (None, true) => Framing::Chunked,
        (None, false) => Framing::Close,
    };
    Ok(Head { status, headers, framing, persistent: persistent && framing != Framing::Close })
}

/// Reads a length: digits alone, no sign and no list.
fn number(value: &[u8]) -> Result<u64, &'static str> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or("the content length is not a number")
}
