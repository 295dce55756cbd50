//! Commands become bytes.

use bytes::Bytes;

/// Appends one command: an array of bulk strings. The argument at `epoch.0` is replaced by the number `epoch.1`.
pub(crate) fn command(out: &mut Vec<u8>, arguments: &[Bytes], epoch: Option<(usize, u64)>) {
    out.reserve(size(arguments));
    header(out, b'*', arguments.len() as u64);
    for (index, argument) in arguments.iter().enumerate() {
        match epoch {
            Some((at, epoch)) if at == index => {
                let mut digits = [0; MAX_DIGITS];
                bulk(out, decimal(&mut digits, epoch));
            }
            _ => bulk(out, argument),
        }
    }
}

/// Returns at least how many bytes the command takes.
pub(crate) fn size(arguments: &[Bytes]) -> usize {
    arguments.iter().map(|argument| argument.len() + MAX_HEADER + 2).sum::<usize>() + MAX_HEADER
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len() as u64);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn header(out: &mut Vec<u8>, kind: u8, number: u64) {
    // Most arguments are short: one or two digits need no loop, and one look at the room that is left.
    match number {
        0..10 => out.extend_from_slice(&[kind, b'0' + number as u8, b'\r', b'\n']),
        10..100 => {
            let (tens, ones) = (number as u8 / 10, number as u8 % 10);
            out.extend_from_slice(&[kind, b'0' + tens, b'0' + ones, b'\r', b'\n']);
        }
        _ => {
            let mut digits = [0; MAX_DIGITS];
            out.push(kind);
            out.extend_from_slice(decimal(&mut digits, number));
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn decimal(digits: &mut [u8; MAX_DIGITS], mut number: u64) -> &[u8] {
    let mut start = MAX_DIGITS;
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// The digits of `u64::MAX`.
const MAX_DIGITS: usize = 20;
/// A type, a number and the end of the line.
const MAX_HEADER: usize = MAX_DIGITS + 3;
