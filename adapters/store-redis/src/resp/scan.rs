//! Where a reply ends.

use smallvec::SmallVec;

use super::element::{Body, element};
use super::{MAX_DEPTH, MAX_ELEMENTS, MAX_REPLY_BYTES, Malformed};

/// Finds the end of one reply in bytes that arrive in pieces. Looks at each element once.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// How far it has looked: the start of the next element.
    at: usize,
    /// How many elements were announced so far.
    elements: u64,
    /// How many elements each open aggregate still wants, the outermost first.
    open: SmallVec<[u64; 8]>,
}

impl Scan {
    /// Returns the length of the reply at the start of `bytes`, or `None` while its end is missing.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        loop {
            let Some(element) = element(&bytes[self.at..])? else { return Ok(None) };
            self.at += element.bytes;
            match element.body {
                Body::Children(count) if count > 0 => self.open(count)?,
                _ => self.close(),
            }
            if self.at > MAX_REPLY_BYTES {
                return Err(Malformed::Large);
            }
            if self.open.is_empty() {
                let end = self.at;
                *self = Self::default();
                return Ok(Some(end));
            }
        }
    }

    /// Notes an aggregate whose children follow.
    fn open(&mut self, count: u64) -> Result<(), Malformed> {
        self.elements += count;
        if self.elements > MAX_ELEMENTS {
            return Err(Malformed::Large);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Malformed::Deep);
        }
        self.open.push(count);
        Ok(())
    }

    /// Counts a complete element in the aggregates that it completes.
    fn close(&mut self) {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
    }
}
