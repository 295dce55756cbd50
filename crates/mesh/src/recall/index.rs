//! The memories of all tenants, and how many there may be.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use maily_errors::{Code, Error, Public, Result};
use parking_lot::{Mutex, RwLock};

use super::care::Care;
use super::config::MemoriesConfig;
use super::shelf::{Prepared, Shelf};
use crate::model::{Archived, Embedding, Tenant};

/// The memories of all tenants.
///
/// Nobody waits for one lock with the other in the hand: the state is locked to count, a shelf to search and to change.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) config: MemoriesConfig,
    state: Mutex<State>,
    dimension: OnceLock<usize>,
    care: Care,
}

#[derive(Debug, Default)]
struct State {
    tenants: HashMap<Tenant, Slot>,
    /// Whose memories end when, the next one first.
    ends: BTreeMap<(u64, u64), Tenant>,
    count: usize,
    bytes: u64,
    last: u64,
    exact: usize,
}

/// A tenant: its shelf, and how many memories it has or is about to have, of how many bytes.
#[derive(Debug)]
struct Slot {
    shelf: Arc<RwLock<Shelf>>,
    count: usize,
    bytes: u64,
}

impl Index {
    pub(super) fn new(config: MemoriesConfig) -> Self {
        let state = State { exact: config.exact, ..State::default() };
        Self { config, state: Mutex::new(state), dimension: OnceLock::new(), care: Care::default() }
    }

    /// Looks whether a vector can be compared with the others; the first one says how many values there are.
    pub(super) fn check(&self, embedding: &Embedding) -> Result<()> {
        let found = embedding.as_slice().len();
        let length = embedding.as_slice().iter().map(|value| value * value).sum::<f32>().sqrt();
        // Also false of what is no number.
        if found == 0 || !(length == 0.0 || (length - 1.0).abs() < 0.01) {
            return Err(Error::new(Code::EmbeddingInvalid, "the vector cannot be compared")
                .with_operation("mesh::recall")
                .with_context("values", Public(found))
                .with_context("length", Public(length.to_string())));
        }
        let expected = match found {
            1..=MOST_VALUES => *self.dimension.get_or_init(|| found),
            _ => self.dimension.get().copied().unwrap_or(MOST_VALUES),
        };
        if expected == found {
            return Ok(());
        }
        Err(Error::new(Code::EmbeddingDimension, "the vector has another dimension than the index")
            .with_operation("mesh::recall")
            .with_context("expected", Public(expected))
            .with_context("found", Public(found)))
    }

    /// Returns the shelf of a tenant, if it has memories.
    pub(super) fn shelf(&self, tenant: &Tenant) -> Option<Arc<RwLock<Shelf>>> {
        self.state.lock().tenants.get(tenant).map(|slot| slot.shelf.clone())
    }

    /// Returns how many memories there are, how many bytes they take, and of how many tenants they are.
    pub(super) fn counts(&self) -> (usize, u64, usize) {
        let state = self.state.lock();
        (state.count, state.bytes, state.tenants.len())
    }

    /// Returns all shelves.
    pub(super) fn shelves(&self) -> Vec<Arc<RwLock<Shelf>>> {
        self.state.lock().tenants.values().map(|slot| slot.shelf.clone()).collect()
    }

    /// Keeps a place for a memory and returns its number, which is about the time in microseconds.
    pub(super) fn reserve(&self, tenant: &Tenant, text: &str, now_us: u64) -> Result<u64> {
        let bytes = self.bytes(text);
        let mut state = self.state.lock();
        let theirs = state.tenants.get(tenant).map_or(0, |slot| slot.count);
        let MemoriesConfig { per_tenant, total, max_bytes, .. } = self.config;
        let full = [
            ("per_tenant", theirs >= per_tenant, per_tenant as u64),
            ("total", state.count >= total, total as u64),
            ("max_bytes", state.bytes + bytes > max_bytes, max_bytes),
        ];
        if let Some((name, _, limit)) = full.into_iter().find(|(_, full, _)| *full) {
            return Err(Error::new(Code::RecallFull, "the memory of this tenant is full")
                .with_operation("mesh::store")
                .with_context("setting", Public(name))
                .with_context("limit", Public(limit)));
        }
        state.last = now_us.max(state.last + 1);
        let number = state.last;
        state.add(tenant, bytes);
        Ok(number)
    }

    /// Whether there is a place for a memory once its tenant has no other one.
    pub(super) fn has_room_without(&self, tenant: &Tenant, text: &str) -> bool {
        let state = self.state.lock();
        let (count, bytes) = state.tenants.get(tenant).map_or((0, 0), |slot| (slot.count, slot.bytes));
        let MemoriesConfig { per_tenant, total, max_bytes, .. } = self.config;
        let is_small = state.bytes - bytes + self.bytes(text) <= max_bytes;
        per_tenant > 0 && state.count - count < total && is_small
    }

    /// Counts a memory that is there already, whatever the limits say.
    pub(super) fn count(&self, memory: &Archived) {
        let mut state = self.state.lock();
        state.last = state.last.max(memory.number);
        state.add(&memory.tenant, self.bytes(&memory.text));
    }

    /// Gives back the place of a memory that did not come.
    pub(super) fn release(&self, memory: &Archived) {
        self.state.lock().subtract(&memory.tenant, 1, self.bytes(&memory.text));
    }

    /// Puts a memory on its shelf; there is a place for it.
    pub(super) fn put(&self, prepared: Prepared) {
        let memory = prepared.memory().clone();
        let Some(shelf) = self.shelf(&memory.tenant) else { return };
        if let Some(ends_ms) = memory.ends_ms {
            self.state.lock().ends.insert((ends_ms, memory.number), memory.tenant.clone());
        }
        shelf.write().insert(prepared);
        self.care.look_after(&shelf);
    }

    /// Takes memories of a tenant from its shelf; returns how many were there.
    pub(super) fn remove(&self, tenant: &Tenant, numbers: &[u64]) -> usize {
        let Some(shelf) = self.shelf(tenant) else { return 0 };
        let removed: Vec<Arc<Archived>> = {
            let mut shelf = shelf.write();
            if shelf.numbers().eq(numbers.iter().copied()) {
                let all = std::mem::replace(&mut *shelf, Shelf::new(self.config.exact));
                // A big shelf is taken apart when nobody waits for it any more.
                drop(shelf);
                all.after(0).cloned().collect()
            } else {
                numbers.iter().filter_map(|number| shelf.remove(*number)).collect()
            }
        };
        let bytes = removed.iter().map(|memory| self.bytes(&memory.text)).sum();
        let mut state = self.state.lock();
        for memory in &removed {
            if let Some(ends_ms) = memory.ends_ms {
                state.ends.remove(&(ends_ms, memory.number));
            }
        }
        state.subtract(tenant, removed.len(), bytes);
        drop(state);
        self.care.look_after(&shelf);
        removed.len()
    }

    /// Returns memories whose time is over, at most `limit`, the longest over first.
    pub(super) fn ended(&self, now_ms: u64, limit: usize) -> Vec<(Tenant, u64)> {
        let state = self.state.lock();
        let ended = state.ends.range(..=(now_ms, u64::MAX)).take(limit);
        ended.map(|((_, number), tenant)| (tenant.clone(), *number)).collect()
    }

    /// Does at once all that is otherwise done between the calls.
    pub(super) fn settle(&self) {
        self.shelves().iter().for_each(|shelf| self.care.settle(shelf));
    }

    fn bytes(&self, text: &str) -> u64 {
        let values = self.dimension.get().copied().unwrap_or_default();
        (2 * text.len() + 5 * values + 512) as u64
    }
}

impl State {
    fn add(&mut self, tenant: &Tenant, bytes: u64) {
        let slot = || Slot { shelf: Arc::new(RwLock::new(Shelf::new(self.exact))), count: 0, bytes: 0 };
        let slot = self.tenants.entry(tenant.clone()).or_insert_with(slot);
        slot.count += 1;
        slot.bytes += bytes;
        self.count += 1;
        self.bytes += bytes;
        self.report();
    }

    fn subtract(&mut self, tenant: &Tenant, count: usize, bytes: u64) {
        if let Some(slot) = self.tenants.get_mut(tenant) {
            slot.count -= count;
            slot.bytes -= bytes;
            // Who keeps a place is counted, so nobody puts a memory on a shelf that is gone.
            if slot.count == 0 {
                self.tenants.remove(tenant);
            }
        }
        self.count -= count;
        self.bytes -= bytes;
        self.report();
    }

    fn report(&self) {
        metrics::gauge!("maily_memories").set(self.count as f64);
        metrics::gauge!("maily_memories_bytes").set(self.bytes as f64);
    }
}

/// The most values of a vector: the sums of their products fit into 32 bits.
const MOST_VALUES: usize = 65_536;
