//! Errors of redb as errors of ours: the only place that maps.

use std::io;

use maily_errors::{Code, Error};

/// What went wrong: a newtype, so that `?` maps every error of redb.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) Error);

impl Failed {
    pub(crate) fn corrupt(message: &'static str) -> Self {
        Self(Error::new(Code::EventsStoreCorrupt, message))
    }
}

impl<E: Into<redb::Error>> From<E> for Failed {
    fn from(err: E) -> Self {
        let err = err.into();
        Self(Error::from(code(&err)).with_source(err))
    }
}

/// The same error for one more caller of a commit that several shared.
pub(crate) fn again(err: &Error) -> Error {
    Error::from(err.code()).with_operation("log_redb::append")
}

fn code(err: &redb::Error) -> Code {
    match err {
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Code::EventsStoreLocked,
        redb::Error::Io(err)
            if !matches!(err.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            Code::EventsStoreFailed
        }
        // The last ones: a redb file, but not one of ours.
        redb::Error::Corrupted(_)
        | redb::Error::Io(_)
        | redb::Error::RepairAborted
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_) => Code::EventsStoreCorrupt,
        _ => Code::EventsStoreFailed,
    }
}
