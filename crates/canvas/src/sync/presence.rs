//! The presence of one client, as it travels.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use maily_errors::Error;

use super::lib0::{Reader, malformed, put_buffer, put_number};

/// The presence of one client: `state` is JSON, or `None` when it has gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Presence {
    /// The client id, which is the one of its Yjs document.
    pub client: u64,
    /// Grows with each change of the state.
    pub clock: u64,
    /// The state as JSON text.
    pub state: Option<Arc<str>>,
}

impl Presence {
    pub(crate) fn decode_all(bytes: Bytes) -> Result<Vec<Self>, Error> {
        let mut reader = Reader::new(bytes);
        let count = reader.number()?;
        // Nothing is reserved by a count that a client can claim freely; the smallest entry has three bytes.
        let mut all = Vec::new();
        for _ in 0..count {
            let client = reader.number()?;
            let clock = reader.number()?;
            let text = reader.text()?;
            let text = str::from_utf8(&text).map_err(|_| malformed("a text is not utf-8"))?;
            all.push(Self { client, clock, state: (text != "null").then(|| Arc::from(text)) });
        }
        reader.end()?;
        Ok(all)
    }

    pub(crate) fn encode_all(all: &[Self]) -> BytesMut {
        let bytes: usize = all.iter().map(|one| one.state.as_ref().map_or(4, |state| state.len()) + 24).sum();
        let mut out = BytesMut::with_capacity(bytes);
        put_number(&mut out, all.len() as u64);
        for one in all {
            put_number(&mut out, one.client);
            put_number(&mut out, one.clock);
            put_buffer(&mut out, one.state.as_deref().unwrap_or("null").as_bytes());
        }
        out
    }
}
