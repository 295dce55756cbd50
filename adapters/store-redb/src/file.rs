//! A file: how it is opened and read, and who writes it.

use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use maily_errors::{Code, Error};
use redb::{Database, DatabaseError, ReadOnlyDatabase};
use tokio::sync::oneshot;

use crate::config::RedbConfig;
use crate::error::Failed;
use crate::writer::{self, Change, Waiting};

/// A redb file with the thread that writes it. Dropping it waits for the commit that is under way.
#[derive(Debug)]
pub(crate) struct File<C: Change> {
    database: Arc<Opened>,
    queue: Option<mpsc::Sender<Waiting<C>>>,
    thread: Option<JoinHandle<()>>,
}

impl<C: Change> File<C> {
    /// Opens the file, and makes it if there is none.
    pub(crate) async fn open(config: RedbConfig) -> Result<Self, Error> {
        let path = config.path.clone();
        let opened = blocking::<C, _>("store_redb::open", move || open(&config)).await;
        opened.map_err(|err| err.with_context("path", path.display()))
    }

    /// Reads a file that exists without opening it for writing. `None` if there is none, or it has to be repaired first.
    pub(crate) async fn peek<T: Send + 'static>(
        config: &RedbConfig,
        read: impl FnOnce(&ReadOnlyDatabase) -> Result<T, Failed> + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let path = config.path.clone();
        let peeked = blocking::<C, _>("store_redb::open", move || {
            if !check_magic(&path)? {
                return Ok(None);
            }
            match ReadOnlyDatabase::open(&path) {
                Ok(database) => read(&database).map(Some),
                Err(DatabaseError::RepairAborted) => Ok(None),
                Err(err) => Err(err.into()),
            }
        });
        peeked.await.map_err(|err| err.with_context("path", config.path.display()))
    }

    /// Reads, where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Error> {
        let database = Arc::clone(&self.database);
        blocking::<C, _>("store_redb::read", move || read(database.get())).await
    }

    /// Hands a change to the writer before it returns, and waits until it is on the disk.
    pub(crate) fn change(&self, change: C) -> impl Future<Output = Result<C::Answer, Error>> + Send + use<C> {
        let (answer, done) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // If the writer has stopped, it drops the answer.
            let _ = queue.send((change, answer));
        }
        async {
            done.await.unwrap_or_else(|_| {
                Err(Error::new(C::CODES.failed, "the writer has stopped")
                    .with_operation("store_redb::change"))
            })
        }
    }
}

impl<C: Change> Drop for File<C> {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // It can only have failed by a panic, which was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// A file that redb has open.
#[derive(Debug)]
struct Opened(Option<Database>);

impl Opened {
    fn get(&self) -> &Database {
        self.0.as_ref().expect("it is taken only when it is dropped")
    }
}

/// A damaged file can panic in redb when it is closed. What was acknowledged was on the disk before.
impl Drop for Opened {
    fn drop(&mut self) {
        let closed = caught(|| {
            drop(self.0.take());
            Ok(())
        });
        if closed.is_err() {
            tracing::error!("the file is damaged, as closing it shows");
        }
    }
}

/// Runs it; a damaged file can panic in redb, and to the caller that is damage like any other.
pub(crate) fn caught<T>(run: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed::Corrupt("the file cannot be read")))
}

async fn blocking<C: Change, T: Send + 'static>(
    operation: &'static str,
    run: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(|| caught(run)).await;
    let result = done.unwrap_or_else(|_| Err(Failed::Unexpected(Error::from(Code::Unexpected))));
    result.map_err(|failed| C::CODES.error(failed).with_operation(operation))
}

fn open<C: Change>(config: &RedbConfig) -> Result<File<C>, Failed> {
    if let Some(folder) = config.path.parent() {
        fs::create_dir_all(folder)?;
    }
    check_magic(&config.path)?;
    let database = Database::builder().set_cache_size(config.cache_bytes).create(&config.path)?;
    let txn = database.begin_write()?;
    C::make_tables(&txn)?;
    txn.commit()?;
    let database = Arc::new(Opened(Some(database)));
    let (queue, changes) = mpsc::channel();
    let written = Arc::clone(&database);
    let thread = thread::Builder::new()
        .name("store-redb".to_owned())
        .spawn(move || writer::run(written.get(), &changes))?;
    Ok(File { database, queue: Some(queue), thread: Some(thread) })
}

/// Looks at the first bytes, so that a file that is something else is not even opened for writing. Returns whether
/// there is a file with something in it.
fn check_magic(path: &Path) -> Result<bool, Failed> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(err) => return Err(err.into()),
    };
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut magic = [0; MAGIC.len()];
    match file.read_exact(&mut magic) {
        Ok(()) if magic == *MAGIC => Ok(true),
        _ => Err(Failed::Corrupt("the file is not one of redb")),
    }
}

/// The first bytes of every redb file. Source: redb `docs/design.md`, "Database header".
const MAGIC: &[u8; 9] = b"redb\x1A\x0A\xA9\x0D\x0A";
