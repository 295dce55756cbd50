//! One frame of the protocol.

use bytes::{BufMut, Bytes, BytesMut};
use maily_errors::Error;

use super::Presence;
use super::lib0::{Reader, malformed, put_buffer, put_number};

/// One message of the y-protocols.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use maily_canvas::sync::Frame;
///
/// let frame = Frame::SyncStep1(Bytes::from_static(&[0]));
/// assert_eq!(&frame.encode()[..], [0, 0, 1, 0]);
/// assert_eq!(Frame::decode(frame.encode())?, frame);
/// assert!(Frame::decode(Bytes::from_static(&[0, 0, 1])).is_err());
/// # Ok::<(), maily_errors::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Frame {
    /// Who is there, and what they point at.
    Awareness(Vec<Presence>),
    /// The server refuses, for this reason.
    Denied(String),
    /// Asks for all presence.
    QueryAwareness,
    /// A state vector: asks for what is missing from it.
    SyncStep1(Bytes),
    /// An update: the answer to a state vector.
    SyncStep2(Bytes),
    /// An update: somebody edited.
    Update(Bytes),
}

impl Frame {
    /// Reads one frame. Buffers are slices of it: nothing is copied.
    ///
    /// # Errors
    ///
    /// - [`Code::FrameMalformed`](maily_errors::Code::FrameMalformed) when it is cut, has bytes left over, or is of
    ///   no known kind.
    pub fn decode(frame: Bytes) -> Result<Self, Error> {
        let mut reader = Reader::new(frame);
        let frame = match reader.number()? {
            SYNC => match reader.number()? {
                STEP_1 => Self::SyncStep1(reader.buffer()?),
                STEP_2 => Self::SyncStep2(reader.buffer()?),
                UPDATE => Self::Update(reader.buffer()?),
                _ => return Err(malformed("the sync message is of no known kind")),
            },
            AWARENESS => Self::Awareness(Presence::decode_all(reader.buffer()?)?),
            AUTH => match reader.number()? {
                DENIED => Self::Denied(String::from_utf8_lossy(&reader.text()?).into_owned()),
                _ => return Err(malformed("the auth message is of no known kind")),
            },
            QUERY_AWARENESS => Self::QueryAwareness,
            _ => return Err(malformed("the message is of no known kind")),
        };
        reader.end()?;
        Ok(frame)
    }

    /// Writes one frame.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Awareness(present) => Self::awareness(present),
            Self::Denied(reason) => {
                let mut out = BytesMut::with_capacity(reason.len() + 4);
                out.put_slice(&[AUTH as u8, DENIED as u8]);
                put_buffer(&mut out, reason.as_bytes());
                out.freeze()
            }
            Self::QueryAwareness => Bytes::from_static(&[QUERY_AWARENESS as u8]),
            Self::SyncStep1(vector) => sync(STEP_1, vector),
            Self::SyncStep2(update) => sync(STEP_2, update),
            Self::Update(update) => sync(UPDATE, update),
        }
    }

    fn awareness(present: &[Presence]) -> Bytes {
        let inner = Presence::encode_all(present);
        let mut out = BytesMut::with_capacity(inner.len() + 6);
        put_number(&mut out, AWARENESS);
        put_buffer(&mut out, &inner);
        out.freeze()
    }
}

fn sync(kind: u64, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(payload.len() + 8);
    out.put_slice(&[SYNC as u8, kind as u8]);
    put_buffer(&mut out, payload);
    out.freeze()
}

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

const DENIED: u64 = 0;
