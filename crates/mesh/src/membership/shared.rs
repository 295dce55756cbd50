//! A value, as others than its owner see it.

use std::sync::Arc;

use bytes::Bytes;

use super::replica::Replica;
use crate::model::InstanceName;

/// A value that an instance shares.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Shared {
    /// Who shares it.
    pub name: InstanceName,
    /// Counts the changes of its owner in this life; what is greater is newer.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

impl Shared {
    pub(crate) fn of(name: &InstanceName, replica: &Replica, key: &str) -> Option<Self> {
        let (version, value) = replica.get(key)?;
        Some(Self { name: name.clone(), version, value: value.clone() })
    }

    pub(crate) fn scan(
        name: &InstanceName,
        replica: &Replica,
        prefix: &str,
    ) -> impl Iterator<Item = (Arc<str>, Self)> {
        let shared = |version, value: &Bytes| Self { name: name.clone(), version, value: value.clone() };
        replica.scan(prefix).map(move |(key, version, value)| (key.clone(), shared(version, value)))
    }
}
