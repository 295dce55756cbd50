//! Errors of redb as errors of ours: the only place that maps.

use std::io;

use maily_errors::{Code, Error};
use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

/// The operation that went wrong, and how: a newtype, so that `?` maps every error of redb.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) Error);

impl Failed {
    pub(crate) fn corrupt(message: &'static str) -> Self {
        Self(Error::new(Code::StoreCorrupt, message))
    }
}

impl From<StorageError> for Failed {
    fn from(err: StorageError) -> Self {
        let code = match &err {
            StorageError::Corrupted(_) => Code::StoreCorrupt,
            StorageError::Io(err) if is_damage(err) => Code::StoreCorrupt,
            _ => Code::StoreFailed,
        };
        Self(Error::from(code).with_source(err))
    }
}

impl From<DatabaseError> for Failed {
    fn from(err: DatabaseError) -> Self {
        match err {
            DatabaseError::Storage(err) => err.into(),
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self(Error::from(Code::StoreLocked).with_source(err))
            }
            DatabaseError::RepairAborted | DatabaseError::UpgradeRequired(_) => {
                Self(Error::from(Code::StoreCorrupt).with_source(err))
            }
            _ => Self(Error::from(Code::StoreFailed).with_source(err)),
        }
    }
}

impl From<TableError> for Failed {
    fn from(err: TableError) -> Self {
        match err {
            TableError::Storage(err) => err.into(),
            // A table of another type: it is a redb file, but not one of ours.
            _ => Self(Error::from(Code::StoreCorrupt).with_source(err)),
        }
    }
}

impl From<TransactionError> for Failed {
    fn from(err: TransactionError) -> Self {
        match err {
            TransactionError::Storage(err) => err.into(),
            _ => Self(Error::from(Code::StoreFailed).with_source(err)),
        }
    }
}

impl From<CommitError> for Failed {
    fn from(err: CommitError) -> Self {
        match err {
            CommitError::Storage(err) => err.into(),
            _ => Self(Error::from(Code::StoreFailed).with_source(err)),
        }
    }
}

impl From<io::Error> for Failed {
    fn from(err: io::Error) -> Self {
        Self(Error::from(Code::StoreFailed).with_source(err))
    }
}

/// The same error for one more caller of a commit that several shared.
pub(crate) fn again(err: &Error) -> Error {
    Error::from(err.code()).with_operation("store_redb::commit")
}

fn is_damage(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}
