//! The framing of a body, taken off in place.

use crate::head::Framing;

/// The largest chunk, in bytes.
const MAX_CHUNK: u64 = u32::MAX as u64;
/// The longest line before a chunk, extensions included.
const MAX_CHUNK_LINE: u32 = 1024;
/// The longest trailer section.
const MAX_TRAILERS: u32 = 8 * 1024;

/// Takes the framing off a body, however its bytes are cut into reads.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
}

/// What was in a read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Decoded {
    /// How many bytes of the body stand at the front now.
    pub(crate) body: usize,
    /// How many bytes the server sent after the end of the body.
    pub(crate) excess: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The body is whole.
    Done,
    /// Everything up to the end of the connection.
    Close,
    /// So many bytes.
    Length(u64),
    /// Before and in the digits of a chunk's size; how long the line is.
    Size { size: u64, digits: bool, line: u32 },
    /// Behind the digits, where spaces and an extension may stand.
    Extension { size: u64, quoted: bool, line: u32 },
    /// At the line feed behind a size.
    SizeEnd { size: u64 },
    /// In a chunk, with so many bytes to come.
    Data { left: u64 },
    /// At the carriage return behind a chunk.
    DataReturn,
    /// At the line feed behind a chunk.
    DataEnd,
    /// In the trailer section; whether at the begin of a line.
    Trailer { begin: bool, bytes: u32 },
    /// At the line feed of a line of the trailer section; whether the line was empty.
    TrailerEnd { empty: bool, bytes: u32 },
}

impl Decoder {
    pub(crate) const fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Chunked => SIZE,
            Framing::Close => State::Close,
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
        };
        Self { state }
    }

    /// Whether the body is whole.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether a connection that ends now ends the body as it should.
    pub(crate) fn may_end(&self) -> bool {
        matches!(self.state, State::Close | State::Done)
    }

    /// Takes what one read brought, and moves the bytes of the body to the front of it.
    ///
    /// Runs in O(bytes) and allocates nothing.
    ///
    /// Source: RFC 9112, section 7.1, without its leniency: lines end with CR LF.
    pub(crate) fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, &'static str> {
        let (mut read, mut body) = (0, 0);
        while read < bytes.len() {
            match self.state {
                State::Done => break,
                State::Close => (read, body) = (bytes.len(), bytes.len()),
                State::Length(left) => {
                    let count = part(left, bytes.len() - read);
                    (read, body) = (read + count, body + count);
                    self.state = match left - count as u64 {
                        0 => State::Done,
                        left => State::Length(left),
                    };
                }
                State::Data { left } => {
                    let count = part(left, bytes.len() - read);
                    bytes.copy_within(read..read + count, body);
                    (read, body) = (read + count, body + count);
                    self.state = match left - count as u64 {
                        0 => State::DataReturn,
                        left => State::Data { left },
                    };
                }
                framing => {
                    self.state = step(framing, bytes[read])?;
                    read += 1;
                }
            }
        }
        Ok(Decoded { body, excess: bytes.len() - read })
    }
}

/// Takes one byte that is framing.
fn step(state: State, byte: u8) -> Result<State, &'static str> {
    Ok(match (state, byte) {
        (State::Size { size, line, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            let digit = (byte as char).to_digit(16).unwrap_or_default();
            // At most 36 bits times 16: it cannot overflow before it is too large.
            let size = size * 16 + u64::from(digit);
            if size > MAX_CHUNK {
                return Err("a chunk is over 4 GiB");
            }
            State::Size { size, digits: true, line: longer(line, MAX_CHUNK_LINE)? }
        }
        (State::Size { size, digits: true, line }, b' ' | b'\t' | b';') => {
            State::Extension { size, quoted: false, line: longer(line, MAX_CHUNK_LINE)? }
        }
        (State::Size { size, digits: true, .. } | State::Extension { size, quoted: false, .. }, b'\r') => {
            State::SizeEnd { size }
        }
        (State::Size { .. }, _) => return Err("the size of a chunk is not a number"),
        (State::Extension { quoted, .. }, b'\r' | b'\n' | 0) if quoted || byte != b'\r' => {
            return Err("a line between chunks ends without a carriage return");
        }
        (State::Extension { size, quoted, line }, _) => {
            let quoted = quoted != (byte == b'"');
            State::Extension { size, quoted, line: longer(line, MAX_CHUNK_LINE)? }
        }
        (State::SizeEnd { size: 0 }, b'\n') => State::Trailer { begin: true, bytes: 0 },
        (State::SizeEnd { size }, b'\n') => State::Data { left: size },
        (State::DataReturn, b'\r') => State::DataEnd,
        (State::DataEnd, b'\n') => SIZE,
        (State::DataReturn | State::DataEnd, _) => return Err("a chunk is longer than its size"),
        (State::Trailer { begin, bytes }, b'\r') => State::TrailerEnd { empty: begin, bytes },
        (State::Trailer { .. }, b'\n') => return Err("a trailer ends without a carriage return"),
        (State::Trailer { bytes, .. }, _) => {
            State::Trailer { begin: false, bytes: longer(bytes, MAX_TRAILERS)? }
        }
        (State::TrailerEnd { empty: true, .. }, b'\n') => State::Done,
        (State::TrailerEnd { bytes, .. }, b'\n') => {
            State::Trailer { begin: true, bytes: longer(bytes, MAX_TRAILERS)? }
        }
        (State::SizeEnd { .. } | State::TrailerEnd { .. }, _) => {
            return Err("a carriage return stands without a line feed");
        }
        // `decode` takes these by the piece.
        (State::Done | State::Close | State::Length(_) | State::Data { .. }, _) => state,
    })
}

fn longer(line: u32, most: u32) -> Result<u32, &'static str> {
    if line == most { Err("a line of the framing is too long") } else { Ok(line + 1) }
}

/// The smaller of what is wanted and what is there.
fn part(left: u64, there: usize) -> usize {
    usize::try_from(left).map_or(there, |left| left.min(there))
}

/// Before the size of a chunk.
const SIZE: State = State::Size { size: 0, digits: false, line: 0 };
