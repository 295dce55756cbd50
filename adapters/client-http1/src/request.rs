//! What is sent.

use std::io::IoSlice;

use bytes::Bytes;

/// A request: what is the same for many, what is its own, and the body. One write takes the three.
///
/// They leave as they are, one behind the other: the two first are the head, up to its empty line, and say how long
/// the body is. The answer is read as one to a request with any method but `CONNECT` and `HEAD`.
///
/// # Examples
///
/// ```
/// use maily_client_http1::Request;
///
/// let request = Request::new("GET /models HTTP/1.1\r\nhost: a\r\n", "\r\n", "");
/// assert_eq!(request.len(), 33);
/// ```
#[derive(Clone)]
pub struct Request {
    fixed: Bytes,
    own: Vec<u8>,
    body: Bytes,
}

impl Request {
    /// Puts a request together. Copies nothing.
    #[must_use]
    pub fn new(fixed: impl Into<Bytes>, own: impl Into<Vec<u8>>, body: impl Into<Bytes>) -> Self {
        Self { fixed: fixed.into(), own: own.into(), body: body.into() }
    }

    /// Returns how many bytes it has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a request has a head")]
    pub const fn len(&self) -> usize {
        self.fixed.len() + self.own.len() + self.body.len()
    }

    /// What is left to write, in at most three pieces.
    pub(crate) fn from(&self, sent: usize) -> ([IoSlice<'_>; 3], usize) {
        let (mut pieces, mut count, mut skip) = ([IoSlice::new(&[]); 3], 0, sent);
        for piece in [&*self.fixed, &*self.own, &*self.body] {
            let rest = &piece[skip.min(piece.len())..];
            skip -= piece.len() - rest.len();
            if !rest.is_empty() {
                pieces[count] = IoSlice::new(rest);
                count += 1;
            }
        }
        (pieces, count)
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Not what it says: keys are in the head, and prompts in the body.
        f.debug_struct("Request").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_write_takes_all_that_is_left_wherever_the_last_one_stopped() {
        let request = Request::new("head ", "own ", "body");
        for sent in 0..=request.len() {
            let (pieces, count) = request.from(sent);

            let left: Vec<u8> = pieces[..count].iter().flat_map(|piece| piece.iter().copied()).collect();
            assert_eq!(left, b"head own body"[sent..], "{sent}");
            assert!(pieces[..count].iter().all(|piece| !piece.is_empty()));
        }
        assert_eq!(request.from(0).1, 3);
    }

    #[test]
    fn what_a_request_says_is_not_shown() {
        let request = Request::new("authorization: Bearer sk-1\r\n", "\r\n", "a prompt");

        assert_eq!(format!("{request:?}"), "Request { len: 38, .. }");
    }
}
