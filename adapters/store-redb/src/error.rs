//! Errors of redb as errors of ours: the only place that maps.

use std::io;

use maily_errors::{Code, Error};

/// What went wrong, before a port has given it a code. `?` makes it of every error of redb.
#[derive(Debug)]
pub(crate) enum Failed {
    Closed,
    Corrupt(&'static str),
    Redb(redb::Error),
    Unexpected(Error),
}

/// What a port calls the ways in which a file fails.
#[derive(Debug)]
pub(crate) struct Codes {
    pub(crate) closed: Code,
    pub(crate) corrupt: Code,
    pub(crate) locked: Code,
    pub(crate) failed: Code,
}

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(err: E) -> Self {
        Self::Redb(err.into())
    }
}

impl Codes {
    pub(crate) fn error(&self, failed: Failed) -> Error {
        match failed {
            Failed::Closed => Error::new(self.closed, "the file was closed"),
            Failed::Corrupt(message) => Error::new(self.corrupt, message),
            Failed::Redb(err) => Error::from(self.code(&err)).with_source(err),
            Failed::Unexpected(err) => err,
        }
    }

    fn code(&self, err: &redb::Error) -> Code {
        match err {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => self.locked,
            redb::Error::Io(err) => match err.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => self.corrupt,
                _ => self.failed,
            },
            // The last ones: a redb file, but not one of ours.
            redb::Error::Corrupted(_)
            | redb::Error::RepairAborted
            | redb::Error::UpgradeRequired(_)
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_) => self.corrupt,
            _ => self.failed,
        }
    }
}
