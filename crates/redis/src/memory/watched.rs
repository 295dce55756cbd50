//! Reads of the store in memory that are watched.

use std::time::Duration;

use maily_errors::Result;

use super::MemoryStore;
use crate::model::{Held, Key};
use crate::port::{Listener, Watch, Watched};

/// The reading side of a [`MemoryStore`] whose changes are heard. Dropping it ends that.
///
/// There is no connection to lose: the listener hears each change of any value before the call that made it returns.
#[derive(Debug)]
pub struct MemoryWatched {
    store: MemoryStore,
    number: u64,
}

impl Watch for MemoryStore {
    type Watched = MemoryWatched;

    fn watch(&self, listener: Listener) -> MemoryWatched {
        MemoryWatched { store: self.clone(), number: self.parts().values.listeners.add(&listener) }
    }

    fn silence(&self) -> Duration {
        Duration::ZERO
    }
}

impl Watched for MemoryWatched {
    async fn read(&self, key: &Key) -> Result<Option<Held>> {
        Ok(self.store.parts().values.read(key))
    }
}

impl Drop for MemoryWatched {
    fn drop(&mut self) {
        self.store.parts().values.listeners.remove(self.number);
    }
}
