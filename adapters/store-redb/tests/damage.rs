//! Damaged, locked and killed: what was acknowledged is there, and nothing is made worse.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use maily_canvas::DocumentName;
use maily_canvas::port::DocStore;
use maily_errors::{Code, Error};
use maily_store_redb::RedbConfig;

fn document() -> DocumentName {
    "spring".parse().unwrap()
}

/// Writes a store with some content, and closes it.
async fn written(path: &Path) {
    let store = RedbConfig::new(path).build().await.unwrap();
    for number in 0..50_u8 {
        store.append(&document(), vec![Bytes::from(vec![number; 5_000])]).await.unwrap();
    }
}

/// Opens and reads everything, as a server does.
async fn read(path: &Path) -> Result<usize, Error> {
    let store = RedbConfig::new(path).build().await?;
    Ok(store.load(&document()).await?.map_or(0, |stored| stored.updates.len()))
}

#[tokio::test]
async fn file_that_is_no_store_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canvas.redb");
    for content in [&b"hello"[..], &[0; 100_000], &[0xFF; 4096]] {
        fs::write(&path, content).unwrap();

        let err = read(&path).await.unwrap_err();

        assert_eq!(err.code(), Code::StoreCorrupt);
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn truncated_file_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canvas.redb");
    written(&path).await;
    let whole = fs::read(&path).unwrap();
    for part in [10, 1_000, whole.len() / 2, whole.len() - 5_000] {
        fs::write(&path, &whole[..part]).unwrap();

        let err = read(&path).await.unwrap_err();

        assert_eq!(err.code(), Code::StoreCorrupt, "cut at {part}: {err}");
        assert!(fs::read(&path).unwrap() == whole[..part], "cut at {part}: the file was changed");
    }
}

#[tokio::test]
async fn flipped_bytes_are_never_read_as_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canvas.redb");
    written(&path).await;
    let whole = fs::read(&path).unwrap();
    for at in (512..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, &damaged).unwrap();

        // A byte that nothing uses may be damaged unseen; then all fifty updates are there, as they were.
        match read(&path).await {
            Ok(count) => assert_eq!(count, 50, "flipped at {at}"),
            Err(err) => assert_eq!(err.code(), Code::StoreCorrupt, "flipped at {at}: {err}"),
        }
    }
}

#[tokio::test]
async fn file_that_is_open_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canvas.redb");
    let _first = RedbConfig::new(&path).build().await.unwrap();

    let err = RedbConfig::new(&path).build().await.unwrap_err();

    assert_eq!(err.code(), Code::StoreLocked);
}

#[tokio::test]
async fn acknowledged_appends_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("canvas.redb");
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

        let stored = RedbConfig::new(&path).build().await.unwrap().load(&document()).await.unwrap().unwrap();
        assert!(stored.last >= acknowledged, "{} of {acknowledged}", stored.last);
        for (number, update) in (1_u64..).zip(&stored.updates) {
            assert_eq!(update, &number.to_be_bytes()[..]);
        }
    }
    assert!(acknowledged > 100);
}

/// Not a test of its own: what [`acknowledged_appends_survive_kill_9`] starts and kills.
#[tokio::test]
async fn child_appends_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let store = RedbConfig::new(path).build().await.unwrap();
    let mut last = store.load(&document()).await.unwrap().map_or(0, |stored| stored.last);
    loop {
        let updates = vec![Bytes::copy_from_slice(&(last + 1).to_be_bytes())];
        last = store.append(&document(), updates).await.unwrap();
        println!("acknowledged {last}");
        std::io::stdout().flush().unwrap();
    }
}

const CHILD: &str = "MAILY_TEST_STORE";
