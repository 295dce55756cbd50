//! What is stored under a key: a version, a state, the fingerprint, and the rest of the state. No I/O.

use bytes::{Bytes, BytesMut};
use maily_errors::{Code, Error, Result};

use super::fingerprint::Fingerprint;

/// The bytes of a record before its answer.
pub(super) const HEAD: usize = 34;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Record {
    /// Somebody works on it: the mark is random, so that each runner knows its own record.
    Running { fingerprint: Fingerprint, mark: u128 },
    /// It is done.
    Done { fingerprint: Fingerprint, answer: Bytes },
    /// It is done, and the answer was too large to keep.
    DoneWithoutAnswer { fingerprint: Fingerprint },
}

impl Record {
    pub(super) const fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Running { fingerprint, .. }
            | Self::Done { fingerprint, .. }
            | Self::DoneWithoutAnswer { fingerprint } => *fingerprint,
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let (state, rest) = match self {
            Self::Running { mark, .. } => (RUNNING, Bytes::copy_from_slice(&mark.to_be_bytes())),
            Self::Done { answer, .. } => (DONE, answer.clone()),
            Self::DoneWithoutAnswer { .. } => (DONE_WITHOUT_ANSWER, Bytes::new()),
        };
        let mut bytes = BytesMut::with_capacity(HEAD + rest.len());
        bytes.extend_from_slice(&[VERSION, state]);
        bytes.extend_from_slice(self.fingerprint().as_bytes());
        bytes.extend_from_slice(&rest);
        bytes.freeze()
    }

    pub(super) fn decode(mut bytes: Bytes) -> Result<Self> {
        let corrupt = || {
            Error::new(Code::Corrupt, "the value is no record of idempotency")
                .with_operation("redis::idempotency")
        };
        let head: [u8; HEAD] = *bytes.first_chunk().ok_or_else(corrupt)?;
        let rest = bytes.split_off(HEAD);
        let [version, state, fingerprint @ ..] = head;
        let fingerprint = Fingerprint::from_bytes(fingerprint);
        match (version, state) {
            (VERSION, RUNNING) => {
                let mark = u128::from_be_bytes(rest.as_ref().try_into().map_err(|_| corrupt())?);
                Ok(Self::Running { fingerprint, mark })
            }
            (VERSION, DONE) => Ok(Self::Done { fingerprint, answer: rest }),
            (VERSION, DONE_WITHOUT_ANSWER) => Ok(Self::DoneWithoutAnswer { fingerprint }),
            _ => Err(corrupt()),
        }
    }
}

const VERSION: u8 = 1;

const RUNNING: u8 = 0;
const DONE: u8 = 1;
const DONE_WITHOUT_ANSWER: u8 = 2;
