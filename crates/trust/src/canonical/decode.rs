//! Transfer encodings and character sets. Lenient, and never two inputs to one output by giving up.

use std::fmt::Write as _;

use mail_parser::decoders::charsets::map::charset_decoder;

/// Undoes the transfer encoding.
pub(super) fn transfer(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => base64(body),
        "quoted-printable" => quoted_printable(body),
        _ => body.to_vec(),
    }
}

/// Decodes base64 as RFC 2045 asks: bytes outside the alphabet are skipped. Text behind padding is decoded
/// too, because some readers show it.
fn base64(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                (bits, count) = (0, 0);
                continue;
            }
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    out
}

/// Decodes quoted-printable; an escape that is none stays as it stands.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let ended = line.ends_with(b"\n");
        let mut text = line.trim_ascii_end();
        let soft = text.ends_with(b"=") && ended;
        if soft {
            text = &text[..text.len() - 1];
        }
        while let Some(at) = text.iter().position(|byte| *byte == b'=') {
            out.extend_from_slice(&text[..at]);
            let digits = text.get(at + 1..at + 3).and_then(|pair| {
                let mut byte = [0];
                hex::decode_to_slice(pair, &mut byte).ok().map(|()| byte[0])
            });
            out.push(digits.unwrap_or(b'='));
            text = &text[at + if digits.is_some() { 3 } else { 1 }..];
        }
        out.extend_from_slice(text);
        if ended && !soft {
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

/// Decodes text. What is not valid in its character set is kept byte by byte.
pub(super) fn text(charset: Option<&str>, bytes: Vec<u8>) -> String {
    let charset = charset.unwrap_or("utf-8").trim().to_ascii_lowercase();
    if matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii" | "") {
        return match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(err) => injective(err.as_bytes()),
        };
    }
    let decoded = charset_decoder(charset.as_bytes()).map(|decode| decode(&bytes));
    match decoded {
        Some(text) if !text.contains('\u{fffd}') => text,
        // Two texts that do not decode must stay two: a replacement character would make them one.
        _ => injective(&bytes),
    }
}

/// Writes bytes as text so that different bytes give different text.
pub(super) fn injective(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // A string takes whatever is written to it.
            let _ = write!(text, "\u{fffd}{byte:02x}");
        }
    }
    text
}
