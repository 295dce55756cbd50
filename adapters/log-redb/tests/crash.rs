//! Damaged, locked and killed: what was acknowledged is there, and nothing is made worse.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use maily_analytics::model::{Event, Seq};
use maily_analytics::port::EventLog;
use maily_errors::{Code, Error};
use maily_log_redb::RedbConfig;

fn event(number: u64) -> Event {
    let text = format!(
        r#"{{"source":"crash","id":"{number}","type":"open","time":"2026-01-05T10:00:00Z","recipient":"a@b.c"}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.redb");
    (folder, path)
}

/// Writes a log of 1,000 events, and closes it.
async fn written(path: &Path) -> Vec<u8> {
    let log = RedbConfig::new(path).build().await.unwrap();
    log.append((1..=1_000).map(event).collect()).await.unwrap();
    drop(log);
    fs::read(path).unwrap()
}

/// Opens and reads everything, as a server does.
async fn read(path: &Path) -> Result<usize, Error> {
    let log = RedbConfig::new(path).build().await?;
    let events = log.read(Seq(0), usize::MAX).await?;
    for (number, stored) in (1..).zip(&events) {
        assert_eq!((stored.seq, stored.event.as_ref()), (Seq(number), &event(number)));
    }
    Ok(events.len())
}

#[tokio::test]
async fn file_that_is_no_log_is_refused_and_untouched() {
    let (_folder, path) = file();
    for content in [&b"hello"[..], &[0; 100_000], &[0xFF; 4096]] {
        fs::write(&path, content).unwrap();

        let err = read(&path).await.unwrap_err();

        assert_eq!(err.code(), Code::EventsStoreCorrupt);
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn truncated_file_is_refused_and_untouched() {
    let (_folder, path) = file();
    let whole = written(&path).await;
    for part in [10, 1_000, whole.len() / 2, whole.len() - 5_000] {
        fs::write(&path, &whole[..part]).unwrap();

        let err = read(&path).await.unwrap_err();

        assert_eq!(err.code(), Code::EventsStoreCorrupt, "cut at {part}: {err}");
        assert!(fs::read(&path).unwrap() == whole[..part], "cut at {part}: the file was changed");
    }
}

#[tokio::test]
async fn flipped_bytes_are_never_read_as_events() {
    let (_folder, path) = file();
    let whole = written(&path).await;
    for at in (512..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();

        // A byte that nothing uses may be damaged unseen; then all events are there, as they were.
        match read(&path).await {
            Ok(count) => assert_eq!(count, 1_000, "flipped at {at}"),
            Err(err) => assert_eq!(err.code(), Code::EventsStoreCorrupt, "flipped at {at}: {err}"),
        }
    }
}

#[tokio::test]
async fn file_that_is_open_is_locked() {
    let (_folder, path) = file();
    let _first = RedbConfig::new(&path).build().await.unwrap();

    let err = RedbConfig::new(&path).build().await.unwrap_err();

    assert_eq!(err.code(), Code::EventsStoreLocked);
}

#[tokio::test]
async fn folder_that_cannot_be_made_is_a_failure() {
    let (_folder, path) = file();
    fs::write(&path, "a file").unwrap();

    let err = RedbConfig::new(path.join("below.redb")).build().await.unwrap_err();

    assert_eq!(err.code(), Code::EventsStoreFailed);
}

#[tokio::test]
async fn appends_at_once_are_each_stored_once() {
    let (_folder, path) = file();
    let log = RedbConfig::new(&path).build().await.unwrap();

    // Every event twice, from 16 callers at once.
    let batches =
        (0..16).map(|caller| log.append((1..=50).map(|number| event(caller / 2 * 50 + number)).collect()));
    let appended = futures_util::future::try_join_all(batches).await.unwrap().concat();

    assert_eq!(appended.iter().filter(|appended| !appended.duplicate).count(), 400);
    assert_eq!(log.last().await.unwrap(), Seq(400));
}

#[tokio::test]
async fn acknowledged_events_survive_kill_9_and_stay_duplicates() {
    let (_folder, path) = file();
    let mut acknowledged = 0;
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_appends_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        acknowledged = numbers.take_while(|number| *number < round * 60).last().unwrap();

        // SIGKILL: nothing is flushed, no destructor runs.
        child.kill().unwrap();
        child.wait().unwrap();

        assert!(read(&path).await.unwrap() as u64 >= acknowledged);
        let log = RedbConfig::new(&path).build().await.unwrap();
        let again = log.append((1..=acknowledged).map(event).collect()).await.unwrap();
        for (number, appended) in (1..).zip(again) {
            assert_eq!((appended.seq, appended.duplicate), (Seq(number), true));
        }
    }
    assert!(acknowledged > 100);
}

/// Not a test of its own: what [`acknowledged_events_survive_kill_9_and_stay_duplicates`] starts and kills.
#[tokio::test]
async fn child_appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let log = RedbConfig::new(path).build().await.unwrap();
    let mut last = log.last().await.unwrap().0;
    loop {
        last = log.append(vec![event(last + 1)]).await.unwrap()[0].seq.0;
        println!("acknowledged {last}");
        std::io::stdout().flush().unwrap();
    }
}

const CHILD: &str = "MAILY_TEST_LOG";
