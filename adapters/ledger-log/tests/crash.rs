//! What a crash, damage or a second process does to the log.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use maily_errors::{Code, Error};
use maily_ledger_log::{LogConfig, LogLedger};
use maily_trust::memory::Ed25519Signer;
use maily_trust::port::Journal;
use maily_trust::verify::State;
use maily_trust::{Trust, TrustConfig};
use proptest::prelude::*;

const MAIL: &str = "From: a@b.example\nSubject: Hi\n\nHello\n";

fn open(folder: &Path) -> Result<LogLedger, Error> {
    LogConfig::new(folder.join("trust.log")).build()
}

async fn trust(folder: &Path) -> Trust {
    let ledger = open(folder).unwrap();
    let signer = Ed25519Signer::load_or_create(&folder.join("trust.key"), "mail.example/log").unwrap();
    Trust::open(TrustConfig::default(), signer, ledger.clone(), ledger).await.unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A folder with a log of three certificates, each in a checkpoint of its own; and the log's bytes.
fn written() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let trust = trust(folder.path()).await;
        // One message twice within a millisecond would be one certificate twice.
        for number in 0..3 {
            trust.certify(MAIL.replace("Hello", &format!("Hello {number}"))).await.unwrap();
        }
    });
    let path = folder.path().join("trust.log");
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

#[tokio::test]
async fn log_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let first = {
        let trust = trust(folder.path()).await;
        trust.certify(MAIL).await.unwrap()
    };

    let trust = trust(folder.path()).await;
    let second = trust.certify(MAIL).await.unwrap();

    assert_eq!((first.proof.index(), second.proof.index()), (0, 1));
    assert_eq!(trust.verify(first.message.clone()).await.unwrap().state, State::Intact);
    assert_eq!(&trust.certificate(first.certificate().id()).await.unwrap(), first.certificate());
    let path = trust.consistency(1, 2).unwrap();
    let roots = (first.checkpoint().root(), second.checkpoint().root());
    maily_trust::merkle::verify_consistency(1, 2, &path, roots.0, roots.1).unwrap();
}

#[tokio::test]
async fn second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _held = open(folder.path()).unwrap();

    assert_eq!(open(folder.path()).unwrap_err().code(), Code::LedgerLocked);
}

#[tokio::test]
async fn folder_that_is_not_there_is_unreachable() {
    let err = open(Path::new("/nonexistent/folder")).unwrap_err();

    assert_eq!(err.code(), Code::LedgerUnreachable);
}

#[test]
fn file_that_is_no_log_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.log");
    fs::write(&path, b"From: somebody else's file\n").unwrap();

    assert_eq!(open(folder.path()).unwrap_err().code(), Code::LedgerCorrupt);
    assert_eq!(fs::read(&path).unwrap(), b"From: somebody else's file\n");
}

#[test]
fn log_that_is_cut_anywhere_opens_with_what_was_whole() {
    let (folder, path, bytes) = written();
    let mut last = 0;

    for end in (0..=bytes.len()).step_by(13) {
        fs::write(&path, &bytes[..end]).unwrap();
        let log = open(folder.path()).unwrap();
        let entries = block_on(log.read(0, 10)).unwrap();
        assert!(entries.len() >= last, "a longer log has no fewer entries");
        last = entries.len();
        let kept = fs::read(&path).unwrap();
        assert!(bytes.starts_with(&kept));
        // What was cut off is kept beside it.
        let torn = folder.path().join(format!("trust.torn-{}", kept.len()));
        assert!(kept.len() >= end || fs::read(torn).unwrap() == bytes[kept.len()..end]);
    }
    assert_eq!(last, 3);
}

#[test]
fn log_with_a_damaged_middle_is_refused_and_left_as_it_is() {
    let (folder, path, bytes) = written();
    let last_record = bytes.windows(4).rposition(|window| window == b"\xf1REC").unwrap();

    for index in (0..last_record).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[index] ^= 0x20;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(open(folder.path()).unwrap_err().code(), Code::LedgerCorrupt, "byte {index}");
        assert_eq!(fs::read(&path).unwrap(), damaged, "byte {index}");
    }
}

#[test]
fn checkpoint_of_other_entries_is_corrupt() {
    let (folder, path, bytes) = written();
    let records: Vec<_> =
        bytes.windows(4).enumerate().filter(|(_, w)| w == b"\xf1REC").map(|(at, _)| at).collect();
    // The first entry, twice: every record is good by itself, and the second checkpoint is not of these.
    let forged = [&bytes[..records[2]], &bytes[records[0]..records[1]], &bytes[records[3]..]].concat();
    fs::write(&path, forged).unwrap();

    assert_eq!(open(folder.path()).unwrap_err().code(), Code::LedgerCorrupt);
}

/// Not a test of its own: the child that the next test kills. Prints what it was acknowledged.
#[test]
fn child_that_certifies_until_it_is_killed() {
    let Ok(folder) = std::env::var("MAILY_TEST_LOG_FOLDER") else { return };
    block_on(async {
        let trust = trust(Path::new(&folder)).await;
        loop {
            let sent = trust.certify(MAIL).await.unwrap();
            let line = format!("acknowledged {}\n", sent.certificate().id());
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        }
    });
}

#[test]
fn kill_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for count in [1, 7, 20] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_certifies_until_it_is_killed", "--nocapture"])
            .env("MAILY_TEST_LOG_FOLDER", folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // The test runner prints the name of the test in front of the first line.
        let ids = lines.filter_map(|line| line.split_once("acknowledged ").map(|(_, id)| id.to_owned()));
        let mut ids = ids.peekable();
        acknowledged.extend(ids.by_ref().take(count));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(ids);
    }

    block_on(async {
        let trust = trust(folder.path()).await;
        assert!(acknowledged.len() >= 28);
        for id in &acknowledged {
            // A line that the kill cut off names nobody.
            if id.len() == 32 {
                trust.proof(id.parse().unwrap()).await.unwrap().verify().unwrap();
            }
        }
        trust.certify(MAIL).await.unwrap();
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn random_file_never_panics_and_never_changes_unless_it_opens(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trust.log");
        for head in [&b""[..], b"MAILYLOG\x01\0\0\0\0\0\0\0", b"MAILYLOG\x01\0\0\0\0\0\0\0\xf1REC"] {
            let file = [head, &bytes].concat();
            fs::write(&path, &file).unwrap();
            match open(folder.path()) {
                Ok(log) => prop_assert!(block_on(log.append(vec![Bytes::from_static(b"x")])).is_ok()),
                Err(err) => {
                    prop_assert_eq!(err.code(), Code::LedgerCorrupt);
                    prop_assert_eq!(fs::read(&path).unwrap(), file);
                }
            }
        }
    }
}
