//! Changes that wait for the archive.
//!
//! A change that has reached the archive may be on the disk, whoever still waits for it. So a caller that goes away ends
//! the change as one that waits would: what is in the archive is on the shelf, and can be forgotten.

use std::collections::BTreeMap;

use maily_errors::Result;

use super::index::Index;
use super::shelf::Prepared;
use crate::model::Tenant;

/// A memory on its way to the shelf.
#[derive(Debug)]
pub(super) struct Landing<'a> {
    index: &'a Index,
    prepared: Option<Prepared>,
}

impl<'a> Landing<'a> {
    pub(super) const fn new(index: &'a Index, prepared: Prepared) -> Self {
        Self { index, prepared: Some(prepared) }
    }

    /// Ends it as the archive says.
    pub(super) fn after(mut self, kept: Result<()>) -> Result<()> {
        if kept.is_err()
            && let Some(prepared) = self.prepared.take()
        {
            self.index.release(prepared.memory());
        }
        kept
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if let Some(prepared) = self.prepared.take() {
            self.index.put(prepared);
        }
    }
}

/// Memories on their way from the shelf.
#[derive(Debug)]
pub(super) struct Leaving<'a> {
    index: &'a Index,
    memories: BTreeMap<Tenant, Vec<u64>>,
}

impl<'a> Leaving<'a> {
    pub(super) fn new(index: &'a Index, memories: impl IntoIterator<Item = (Tenant, u64)>) -> Self {
        let mut by_tenant: BTreeMap<Tenant, Vec<u64>> = BTreeMap::new();
        for (tenant, number) in memories {
            by_tenant.entry(tenant).or_default().push(number);
        }
        Self { index, memories: by_tenant }
    }

    /// Returns the numbers of all.
    pub(super) fn numbers(&self) -> Vec<u64> {
        self.memories.values().flatten().copied().collect()
    }

    /// Ends it as the archive says; returns how many memories were there.
    pub(super) fn after(mut self, removed: Result<()>) -> Result<usize> {
        let memories = std::mem::take(&mut self.memories);
        removed?;
        Ok(take(self.index, &memories))
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        take(self.index, &self.memories);
    }
}

fn take(index: &Index, memories: &BTreeMap<Tenant, Vec<u64>>) -> usize {
    memories.iter().map(|(tenant, numbers)| index.remove(tenant, numbers)).sum()
}
