//! A file: how it is opened and read, and who writes it.

use std::fs;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use maily_errors::{Code, Error};
use parking_lot::{Mutex, RwLock};
use redb::{Database, DatabaseError, ReadOnlyDatabase};
use tokio::sync::{oneshot, watch};

use crate::config::RedbConfig;
use crate::error::Failed;
use crate::writer::{self, Change, Waiting};

/// A redb file with the thread that writes it.
///
/// Dropping it waits for the commit and the reads that are under way, so that the file can be opened again at once.
#[derive(Debug)]
pub(crate) struct File<C: Change> {
    database: Arc<Opened>,
    /// None once it was told to end.
    writer: Mutex<Option<Writer<C>>>,
    /// Whether the file was closed.
    ended: watch::Sender<bool>,
}

/// The thread that writes, and the way to it.
#[derive(Debug)]
struct Writer<C: Change> {
    queue: mpsc::Sender<Waiting<C>>,
    thread: JoinHandle<()>,
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
        blocking::<C, _>("store_redb::read", move || database.with(read)).await
    }

    /// Hands a change to the writer before it returns, and waits until it is on the disk.
    pub(crate) fn change(&self, change: C) -> impl Future<Output = Result<C::Answer, Error>> + Send + use<C> {
        let (answer, done) = oneshot::channel();
        let open = self.writer.lock().as_ref().map(|writer| {
            // If the writer has stopped, it drops the answer.
            let _ = writer.queue.send((change, answer));
        });
        async move {
            open.ok_or_else(|| closed::<C>("store_redb::change"))?;
            done.await.unwrap_or_else(|_| {
                Err(Error::new(C::CODES.failed, "the writer has stopped")
                    .with_operation("store_redb::change"))
            })
        }
    }

    /// Answers with an error once somebody has begun to close the file.
    pub(crate) fn check(&self, operation: &'static str) -> Result<(), Error> {
        if self.writer.lock().is_some() { Ok(()) } else { Err(closed::<C>(operation)) }
    }

    /// Waits for what is being written and read, and closes the file. Everything later is refused.
    ///
    /// Who calls it again waits too. It goes on when the future is dropped.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        let writer = self.writer.lock().take();
        let Some(writer) = writer else {
            self.ended().await;
            return Ok(());
        };
        let (database, ended) = (Arc::clone(&self.database), self.ended.clone());
        let close = move || {
            let closed = end(writer, &database);
            ended.send_replace(true);
            closed
        };
        blocking::<C, _>("store_redb::close", close).await
    }

    /// Waits until the file was closed, and everything that was written before was answered.
    pub(crate) async fn ended(&self) {
        // It cannot fail: the sender is here.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }
}

impl<C: Change> Drop for File<C> {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.get_mut().take()
            && end(writer, &self.database).is_err()
        {
            tracing::error!("the file was not closed in order: it is repaired when it is opened again");
        }
    }
}

/// Lets the writer finish what waits, then closes the file.
fn end<C: Change>(writer: Writer<C>, database: &Opened) -> Result<(), Failed> {
    drop(writer.queue);
    // It can only have failed by a panic, which was reported when it happened.
    let _ = writer.thread.join();
    database.close()
}

/// A file that redb has open, until it is closed.
#[derive(Debug)]
struct Opened(RwLock<Option<Database>>);

impl Opened {
    fn with<T>(&self, run: impl FnOnce(&Database) -> Result<T, Failed>) -> Result<T, Failed> {
        run(self.0.read().as_ref().ok_or(Failed::Closed)?)
    }

    /// Waits for those who use it. What was acknowledged was on the disk before.
    fn close(&self) -> Result<(), Failed> {
        let database = self.0.write().take();
        // A damaged file can panic in redb when it is closed.
        database.map_or(Ok(()), |database| caught(|| Ok(database.close()?)))
    }
}

fn closed<C: Change>(operation: &'static str) -> Error {
    C::CODES.error(Failed::Closed).with_operation(operation)
}

/// Runs it; a damaged file can panic in redb, and to the caller that is damage like any other.
pub(crate) fn caught<T>(run: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed::Corrupt("the file cannot be read")))
}

/// Runs it where it may block.
pub(crate) async fn blocking<C: Change, T: Send + 'static>(
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
    let database = Arc::new(Opened(RwLock::new(Some(database))));
    let (queue, changes) = mpsc::channel();
    let written = Arc::clone(&database);
    let thread = thread::Builder::new().name("store-redb".to_owned()).spawn(move || {
        // It is open for as long as there is a writer.
        let _ = written.with(|database| {
            writer::run(database, &changes);
            Ok(())
        });
    })?;
    let writer = Mutex::new(Some(Writer { queue, thread }));
    Ok(File { database, writer, ended: watch::Sender::new(false) })
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
