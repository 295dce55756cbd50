//! Replacing a long log by one snapshot.

use std::sync::Arc;

use maily_errors::{Code, Error};
use yrs::StateVector;

use super::replica::Replica;
use crate::model::{DocumentName, Stored};
use crate::port::DocStore;

/// Replaces what the store has of a document by one snapshot of it.
///
/// It goes by what is stored, not by what a room has in memory: a document that several processes serve is
/// compacted rightly by any of them.
pub(crate) async fn compact(store: Arc<dyn DocStore>, document: DocumentName) -> Result<(), Error> {
    let Some(stored) = store.load(&document).await? else { return Ok(()) };
    if stored.updates.is_empty() {
        return Ok(());
    }
    let last = stored.last;
    let snapshot = blocking(move || Ok(load(&stored)?.diff(&StateVector::default()))).await?;
    metrics::counter!("maily_canvas_compactions_total").increment(1);
    store.compact(&document, last, snapshot).await
}

/// Builds a document, off the runtime when it is large.
pub(crate) async fn build(stored: Stored) -> Result<Replica, Error> {
    if stored.bytes() < SMALL {
        return load(&stored);
    }
    blocking(move || load(&stored)).await
}

fn load(stored: &Stored) -> Result<Replica, Error> {
    Replica::load(stored)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::from(Code::Unexpected).with_operation("room::load")))
}

/// Below this many bytes a document is built faster than a thread is reached.
const SMALL: usize = 64 * 1024;
