//! Damaged, locked and killed: what was acknowledged is there, and nothing is made worse.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use maily_analytics::model::{Event, Seq};
use maily_analytics::port::EventLog;
use maily_canvas::DocumentName;
use maily_canvas::port::DocStore;
use maily_errors::{Code, Error};
use maily_mesh::{Archive, Archived, Embedding};
use maily_redis::jobs::{Failure, Jobs as _, NewJob, Queue, WorkerId};
use maily_redis::{Key, Store};
use maily_store_redb::{RedbConfig, RedbDocuments, RedbEvents, RedbMemories, RedbStore};

/// A port as these rules see it: a list of values, each of which tells its number.
trait Values: Sized {
    /// The module of its rules.
    const NAME: &str;
    /// What it calls a file that is corrupt, locked, or cannot be made.
    const CODES: [Code; 3];
    /// How many values make a file worth damaging.
    const MANY: u64;

    async fn open(path: &Path) -> Result<Self, Error>;

    async fn put(&self, numbers: RangeInclusive<u64>) -> Result<(), Error>;

    /// Reads all values, looks at each, and returns how many there are.
    async fn count(&self) -> Result<u64, Error>;
}

impl Values for RedbDocuments {
    const NAME: &str = "documents";
    const CODES: [Code; 3] = [Code::StoreCorrupt, Code::StoreLocked, Code::StoreFailed];
    const MANY: u64 = 50;

    async fn open(path: &Path) -> Result<Self, Error> {
        RedbConfig::new(path).documents().await
    }

    async fn put(&self, numbers: RangeInclusive<u64>) -> Result<(), Error> {
        for number in numbers {
            assert_eq!(self.append(&document(), vec![update(number)]).await?, number);
        }
        Ok(())
    }

    async fn count(&self) -> Result<u64, Error> {
        let stored = self.load(&document()).await?.unwrap_or_default();
        for (number, found) in (1..).zip(&stored.updates) {
            assert_eq!(found, &update(number));
        }
        Ok(stored.updates.len() as u64)
    }
}

impl Values for RedbEvents {
    const NAME: &str = "events";
    const CODES: [Code; 3] = [Code::EventsStoreCorrupt, Code::EventsStoreLocked, Code::EventsStoreFailed];
    const MANY: u64 = 1_000;

    async fn open(path: &Path) -> Result<Self, Error> {
        RedbConfig::new(path).events().await
    }

    async fn put(&self, numbers: RangeInclusive<u64>) -> Result<(), Error> {
        self.append(numbers.map(event).collect()).await.map(drop)
    }

    async fn count(&self) -> Result<u64, Error> {
        let stored = self.read(Seq(0), usize::MAX).await?;
        for (number, found) in (1..).zip(&stored) {
            assert_eq!((found.seq, found.event.as_ref()), (Seq(number), &event(number)));
        }
        Ok(stored.len() as u64)
    }
}

impl Values for RedbStore {
    const NAME: &str = "redis";
    const CODES: [Code; 3] = [Code::RedisDiskCorrupt, Code::RedisDiskLocked, Code::RedisDiskFailed];
    const MANY: u64 = 200;

    async fn open(path: &Path) -> Result<Self, Error> {
        RedbConfig::new(path).store().await
    }

    async fn put(&self, numbers: RangeInclusive<u64>) -> Result<(), Error> {
        futures_util::future::try_join_all(
            numbers.map(async |number| self.set(&key(number), value(number), None).await),
        )
        .await
        .map(drop)
    }

    async fn count(&self) -> Result<u64, Error> {
        for number in 1.. {
            match self.get(&key(number)).await? {
                Some(found) => assert_eq!(found, value(number)),
                None => return Ok(number - 1),
            }
        }
        unreachable!("the file ends")
    }
}

impl Values for RedbMemories {
    const NAME: &str = "memories";
    const CODES: [Code; 3] = [Code::MemoryStoreCorrupt, Code::MemoryStoreLocked, Code::MemoryStoreFailed];
    const MANY: u64 = 200;

    async fn open(path: &Path) -> Result<Self, Error> {
        RedbConfig::new(path).memories().await
    }

    async fn put(&self, numbers: RangeInclusive<u64>) -> Result<(), Error> {
        self.append(numbers.map(|number| Arc::new(memory(number))).collect()).await
    }

    async fn count(&self) -> Result<u64, Error> {
        let stored = self.load(0, usize::MAX).await?;
        for (number, found) in (1..).zip(&stored) {
            assert_eq!(found, &memory(number));
        }
        Ok(stored.len() as u64)
    }
}

/// The jobs of a redis store: looked at by claiming them, and handed back.
struct Jobs(RedbStore);

impl Values for Jobs {
    const NAME: &str = "jobs";
    const CODES: [Code; 3] = RedbStore::CODES;
    const MANY: u64 = 200;

    async fn open(path: &Path) -> Result<Self, Error> {
        RedbConfig::new(path).store().await.map(Self)
    }

    async fn put(&self, numbers: RangeInclusive<u64>) -> Result<(), Error> {
        let queue = Queue::new("crash")?;
        futures_util::future::try_join_all(
            numbers.map(async |number| self.0.append(&queue, NewJob::new(value(number))).await),
        )
        .await
        .map(drop)
    }

    async fn count(&self) -> Result<u64, Error> {
        let (queue, worker) = (Queue::new("crash")?, WorkerId::new("reader")?);
        let jobs = self.0.claim(&queue, &worker, 1000, std::time::Duration::ZERO).await?;
        for (number, job) in (1..).zip(&jobs) {
            assert_eq!((&job.payload, job.deliveries), (&value(number), 1));
        }
        let back = async |receipt| self.0.fail(&queue, &worker, receipt, Failure::HandBack).await;
        futures_util::future::try_join_all(jobs.iter().map(|job| back(&job.receipt))).await?;
        Ok(jobs.len() as u64)
    }
}

fn memory(number: u64) -> Archived {
    let embedding = Embedding::normalized((0..256).map(|value| (value ^ number) as f32).collect());
    let text = format!("memory {number}").repeat(40);
    Archived { number, tenant: "spring".into(), text, embedding, created_ms: number, ends_ms: None }
}

fn key(number: u64) -> Key {
    Key::new(format!("key-{number}")).unwrap()
}

fn value(number: u64) -> Bytes {
    number.to_be_bytes().repeat(100).into()
}

fn document() -> DocumentName {
    "spring".parse().unwrap()
}

fn update(number: u64) -> Bytes {
    number.to_be_bytes().repeat(625).into()
}

fn event(number: u64) -> Event {
    let text = format!(
        r#"{{"source":"crash","id":"{number}","type":"open","time":"2026-01-05T10:00:00Z","recipient":"a@b.c"}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.redb");
    (folder, path)
}

/// Writes a file with some content, and closes it.
async fn written<V: Values>(path: &Path) -> Vec<u8> {
    V::open(path).await.unwrap().put(1..=V::MANY).await.unwrap();
    fs::read(path).unwrap()
}

/// Opens and reads everything, as a server does.
async fn read<V: Values>(path: &Path) -> Result<u64, Error> {
    V::open(path).await?.count().await
}

macro_rules! rules {
    ($($rule:ident)+) => { rules! { @of documents RedbDocuments: $($rule)+ } rules! { @of events RedbEvents: $($rule)+ } rules! { @of memories RedbMemories: $($rule)+ } rules! { @of redis RedbStore: $($rule)+ } rules! { @of jobs Jobs: $($rule)+ } };
    (@of $module:ident $values:ident: $($rule:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $rule() {
                    super::$rule::<super::$values>().await;
                }
            )+
        }
    };
}

rules! {
    file_of_something_else_is_refused_and_untouched
    truncated_file_is_refused_and_untouched
    flipped_bytes_are_never_read_as_content
    file_that_is_open_is_locked
    folder_that_cannot_be_made_is_a_failure
    acknowledged_appends_survive_kill_9
    child_appends_until_it_is_killed
}

async fn file_of_something_else_is_refused_and_untouched<V: Values>() {
    let (_folder, path) = file();
    for content in [&b"hello"[..], &[0; 100_000], &[0xFF; 4096]] {
        fs::write(&path, content).unwrap();

        let err = read::<V>(&path).await.unwrap_err();

        assert_eq!(err.code(), V::CODES[0]);
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

async fn truncated_file_is_refused_and_untouched<V: Values>() {
    let (_folder, path) = file();
    let whole = written::<V>(&path).await;
    for part in [10, 1_000, whole.len() / 2, whole.len() - 5_000] {
        fs::write(&path, &whole[..part]).unwrap();

        let err = read::<V>(&path).await.unwrap_err();

        assert_eq!(err.code(), V::CODES[0], "cut at {part}: {err}");
        assert!(fs::read(&path).unwrap() == whole[..part], "cut at {part}: the file was changed");
    }
}

async fn flipped_bytes_are_never_read_as_content<V: Values>() {
    let (_folder, path) = file();
    let whole = written::<V>(&path).await;
    for at in (512..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();

        // A byte that nothing uses may be damaged unseen; then all values are there, as they were.
        match read::<V>(&path).await {
            Ok(count) => assert_eq!(count, V::MANY, "flipped at {at}"),
            Err(err) => assert_eq!(err.code(), V::CODES[0], "flipped at {at}: {err}"),
        }
    }
}

#[tokio::test]
async fn damaged_jobs_are_refused_and_the_file_is_untouched() {
    let (_folder, path) = file();
    let (whole, mut refused) = (written::<Jobs>(&path).await, 0);
    for at in (512..whole.len()).step_by(1_021).take(150) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();

        // Not read, so that what is written is what opening writes.
        if let Err(err) = Jobs::open(&path).await {
            assert_eq!(err.code(), Code::RedisDiskCorrupt, "flipped at {at}: {err}");
            // The tenth byte is where redb notes that a file was opened, for its own repair.
            let mut now = fs::read(&path).unwrap();
            now[9] = damaged[9];
            assert!(now == damaged, "flipped at {at}: the file was changed");
            refused += 1;
        }
    }

    println!("{refused} of 150 flipped bytes were in what is used");
    assert!(refused > 0);
}

async fn file_that_is_open_is_locked<V: Values>() {
    let (_folder, path) = file();
    let _first = V::open(&path).await.unwrap();

    let err = V::open(&path).await.err().unwrap();

    assert_eq!(err.code(), V::CODES[1]);
}

async fn folder_that_cannot_be_made_is_a_failure<V: Values>() {
    let (_folder, path) = file();
    fs::write(&path, "a file").unwrap();

    let err = V::open(&path.join("below.redb")).await.err().unwrap();

    assert_eq!(err.code(), V::CODES[2]);
}

async fn acknowledged_appends_survive_kill_9<V: Values>() {
    let (_folder, path) = file();
    for round in 1..=3 {
        let acknowledged = killed::<V>(&path, round * 60);

        assert!(acknowledged + 1 >= round * 60);
        assert!(read::<V>(&path).await.unwrap() >= acknowledged);
    }
}

#[tokio::test]
async fn acknowledged_events_stay_duplicates_after_kill_9() {
    let (_folder, path) = file();
    for round in 1..=3 {
        let acknowledged = killed::<RedbEvents>(&path, round * 60);

        let log = RedbEvents::open(&path).await.unwrap();
        let again = log.append((1..=acknowledged).map(event).collect()).await.unwrap();

        for (number, appended) in (1..).zip(again) {
            assert_eq!((appended.seq, appended.duplicate), (Seq(number), true));
        }
    }
}

#[tokio::test]
async fn events_appended_at_once_are_each_stored_once() {
    let (_folder, path) = file();
    let log = RedbEvents::open(&path).await.unwrap();

    // Every event twice, from 16 callers at once.
    let batches =
        (0..16).map(|caller| log.append((1..=50).map(|number| event(caller / 2 * 50 + number)).collect()));
    let appended = futures_util::future::try_join_all(batches).await.unwrap().concat();

    assert_eq!(appended.iter().filter(|appended| !appended.duplicate).count(), 400);
    assert_eq!(log.last().await.unwrap(), Seq(400));
}

/// Lets a child append until `number` is acknowledged, kills it, and returns the last acknowledged one before that.
fn killed<V: Values>(path: &Path, number: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{}::child_appends_until_it_is_killed", V::NAME), "--exact", "--nocapture"])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
    let acknowledged = numbers.take_while(|acknowledged| *acknowledged < number).last().unwrap();

    // SIGKILL: nothing is flushed, no destructor runs.
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged
}

/// Not a rule of its own: what [`killed`] starts and kills.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn child_appends_until_it_is_killed<V: Values>() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let values = V::open(Path::new(&path)).await.unwrap();
    for number in values.count().await.unwrap() + 1.. {
        values.put(number..=number).await.unwrap();
        println!("acknowledged {number}");
        std::io::stdout().flush().unwrap();
    }
}

const CHILD: &str = "MAILY_TEST_FILE";
