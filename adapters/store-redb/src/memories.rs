//! The memories of a mesh.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use maily_errors::{Code, Error};
use maily_mesh::{Archive, Archived, Embedding, Tenant};
use redb::{Database, ReadableDatabase, Table, TableDefinition, WriteTransaction};

use crate::codec;
use crate::error::{Codes, Failed};
use crate::file::File;
use crate::writer;

/// Memories in one redb file: an [`Archive`].
#[derive(Debug)]
pub struct RedbMemories(pub(crate) File<Change>);

impl Archive for RedbMemories {
    fn append(&self, memories: Vec<Arc<Archived>>) -> BoxFuture<'_, Result<(), Error>> {
        self.0.change(Change::Append(memories)).boxed()
    }

    fn load(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Archived>, Error>> {
        self.0.read(move |database| load(database, after, limit)).boxed()
    }

    fn remove(&self, numbers: Vec<u64>) -> BoxFuture<'_, Result<(), Error>> {
        self.0.change(Change::Remove(numbers)).boxed()
    }
}

/// A change of the memories.
#[derive(Debug)]
pub(crate) enum Change {
    Append(Vec<Arc<Archived>>),
    Remove(Vec<u64>),
}

impl writer::Change for Change {
    type Answer = ();

    const CODES: Codes = Codes {
        closed: Code::MemoryStoreFailed,
        corrupt: Code::MemoryStoreCorrupt,
        locked: Code::MemoryStoreLocked,
        failed: Code::MemoryStoreFailed,
    };
    const METRICS: [&str; 2] = ["maily_memories_commit_seconds", "maily_memories_commit_changes"];
    const TOGETHER: usize = 4_096;

    fn make_tables(txn: &WriteTransaction) -> Result<(), Failed> {
        txn.open_table(MEMORIES)?;
        Ok(())
    }

    fn size(&self) -> usize {
        match self {
            Self::Append(memories) => memories.len(),
            Self::Remove(numbers) => numbers.len(),
        }
    }

    fn apply_all<'c>(
        changes: impl Iterator<Item = &'c Self>,
        txn: &WriteTransaction,
    ) -> Result<Vec<()>, Failed> {
        let mut table = txn.open_table(MEMORIES)?;
        changes.map(|change| change.apply(&mut table)).collect()
    }
}

impl Change {
    fn apply(&self, table: &mut Table<'_, u64, &'static [u8]>) -> Result<(), Failed> {
        match self {
            Self::Append(memories) => {
                for memory in memories {
                    table.insert(memory.number, encode(memory).as_slice())?;
                }
            }
            Self::Remove(numbers) => {
                for number in numbers {
                    table.remove(number)?;
                }
            }
        }
        Ok(())
    }
}

fn load(database: &Database, after: u64, limit: usize) -> Result<Vec<Archived>, Failed> {
    let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
    let table = database.begin_read()?.open_table(MEMORIES)?;
    let mut page = Vec::new();
    for entry in table.range(first..)?.take(limit) {
        let (number, record) = entry?;
        page.push(decode(number.value(), record.value())?);
    }
    Ok(page)
}

/// Writes a memory: two times, the lengths of tenant and text, both, then the values of the vector.
fn encode(memory: &Archived) -> Vec<u8> {
    let Archived { tenant, text, embedding, created_ms, ends_ms, .. } = memory;
    let (tenant, values) = (tenant.as_str().as_bytes(), embedding.as_slice());
    let mut content = Vec::with_capacity(HEAD + tenant.len() + text.len() + 4 * values.len());
    content.extend(created_ms.to_be_bytes());
    // No memory ends in the last millisecond of the count.
    content.extend(ends_ms.unwrap_or(u64::MAX).to_be_bytes());
    for part in [tenant, text.as_bytes()] {
        content.extend((part.len() as u32).to_be_bytes());
    }
    content.extend_from_slice(tenant);
    content.extend_from_slice(text.as_bytes());
    content.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    codec::seal(&memory.number.to_be_bytes(), &content)
}

fn decode(number: u64, record: &[u8]) -> Result<Archived, Failed> {
    let content = codec::open(&number.to_be_bytes(), record)?;
    read(number, content).ok_or(Failed::Corrupt("a record is not a memory"))
}

fn read(number: u64, content: &[u8]) -> Option<Archived> {
    let (created_ms, content) = content.split_first_chunk()?;
    let (ends_ms, content) = content.split_first_chunk()?;
    let (tenant_length, content) = content.split_first_chunk()?;
    let (text_length, content) = content.split_first_chunk()?;
    let (tenant, content) = content.split_at_checked(u32::from_be_bytes(*tenant_length) as usize)?;
    let (text, content) = content.split_at_checked(u32::from_be_bytes(*text_length) as usize)?;
    let (values, []) = content.as_chunks::<4>() else { return None };
    let ends_ms = u64::from_be_bytes(*ends_ms);
    Some(Archived {
        number,
        tenant: Tenant::from(str::from_utf8(tenant).ok()?),
        text: str::from_utf8(text).ok()?.to_owned(),
        embedding: Embedding::from_normalized(
            values.iter().map(|value| f32::from_le_bytes(*value)).collect(),
        ),
        created_ms: u64::from_be_bytes(*created_ms),
        ends_ms: (ends_ms != u64::MAX).then_some(ends_ms),
    })
}

/// Bytes before the tenant.
const HEAD: usize = 24;
const MEMORIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("memories");

#[cfg(test)]
mod tests {
    use maily_mesh::{Archived, Embedding};

    use super::{decode, encode};

    #[test]
    fn memory_is_read_back_under_its_number_only() {
        for ends_ms in [None, Some(1)] {
            let memory = Archived {
                number: 7,
                tenant: "spring".into(),
                text: "Ann schätzt Tee".to_owned(),
                embedding: Embedding::normalized(vec![0.25, -1.0e-30, 3.0]),
                created_ms: 1,
                ends_ms,
            };

            let record = encode(&memory);

            assert_eq!(decode(7, &record).unwrap(), memory);
            assert!(decode(8, &record).is_err());
            for length in 0..record.len() {
                assert!(decode(7, &record[..length]).is_err());
            }
        }
    }
}
