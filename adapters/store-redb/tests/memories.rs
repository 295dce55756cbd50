//! Memories over a file: kill -9 in the middle of storing and forgetting, a full disk, and one fsync for many.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::try_join_all;
use maily_errors::{Code, Error};
use maily_mesh::memory::HashEmbedder;
use maily_mesh::recall::{Memories, MemoriesConfig};
use maily_mesh::{Memory, MemoryId, MemoryPage, MemoryQuery, Recall, Tenant};
use maily_store_redb::RedbConfig;

async fn open(path: &Path) -> Result<Memories<HashEmbedder>, Error> {
    let archive = Arc::new(RedbConfig::new(path).memories().await?);
    Memories::open(HashEmbedder, archive, MemoriesConfig::default()).await
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("memories.redb");
    (folder, path)
}

/// Returns the texts of the default tenant, the oldest first.
async fn texts(memories: &impl Recall) -> Vec<String> {
    let mut page = MemoryPage::new(Tenant::default()).with_limit(100);
    let mut texts = Vec::new();
    loop {
        let listed = memories.list(page.clone()).await.unwrap();
        let Some(last) = listed.last() else { return texts };
        page = page.with_after(last.id.clone());
        texts.extend(listed.into_iter().map(|memory| memory.text));
    }
}

#[tokio::test]
async fn acknowledged_memories_survive_kill_9_and_forgotten_ones_stay_forgotten() {
    let (_folder, path) = file();
    for round in 1..=3_u64 {
        let mut child = child("child_stores_and_forgets", &path, &[]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let numbers = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let acknowledged = numbers.take_while(|number| *number < round * 30).last().unwrap();
        // SIGKILL: nothing is flushed, no destructor runs.
        child.kill().unwrap();
        child.wait().unwrap();

        let memories = open(&path).await.unwrap();
        let there = texts(&memories).await;
        for number in 1..=acknowledged {
            let text = format!("note {number}");
            // Every third one was forgotten before the number was said.
            assert_eq!(there.contains(&text), number % 3 != 0, "{text}");
            if number % 3 != 0 {
                let found = memories.search(MemoryQuery::new(&text).with_limit(5)).await.unwrap();
                assert!(found.iter().any(|found| found.text == text), "{text}");
            }
        }
    }
}

/// Not a rule of its own: what the rule above starts and kills.
#[tokio::test]
async fn child_stores_and_forgets() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let memories = open(Path::new(&path)).await.unwrap();
    let newest =
        texts(&memories).await.iter().filter_map(|text| text.strip_prefix("note ")?.parse().ok()).max();
    for number in newest.unwrap_or(0_u64) + 1.. {
        let id: MemoryId = memories.store(Memory::new(format!("note {number}"))).await.unwrap();
        if number % 3 == 0 {
            assert!(memories.forget(&Tenant::default(), &id).await.unwrap());
        }
        println!("acknowledged {number}");
        std::io::stdout().flush().unwrap();
    }
}

/// A file that may not grow, as on a disk that is full. `ulimit` needs no rights.
#[tokio::test]
async fn full_disk_refuses_and_what_was_acknowledged_is_there() {
    let (_folder, path) = file();
    // The signal that the limit sends is ignored, so that the write fails instead.
    let shell = ["-c", "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\""];
    let output = child("child_stores_until_the_disk_is_full", &path, &shell).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = |what: &str| text.lines().filter_map(|line| line.strip_prefix(what)).next_back();
    let acknowledged: usize = said("acknowledged ").expect(&text).parse().unwrap();
    println!("{acknowledged} memories of 20 kB were acknowledged before the disk was full");

    assert_eq!(said("failed "), Some(Code::MemoryStoreFailed.name()), "{text}");
    assert_eq!(said("found "), Some(acknowledged.to_string().as_str()), "a refused memory is found");
    let memories = open(&path).await.unwrap();
    assert!(memories.counts().memories >= acknowledged);
    memories.store(Memory::new("more")).await.unwrap();
}

/// Not a rule of its own: what the rule above starts.
#[tokio::test]
async fn child_stores_until_the_disk_is_full() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let memories = open(Path::new(&path)).await.unwrap();
    for number in 1..=10_000 {
        if let Err(err) = memories.store(Memory::new(format!("note {number} {}", "x".repeat(20_000)))).await {
            println!("failed {}", err.code());
            println!("found {}", texts(&memories).await.len());
            return;
        }
        println!("acknowledged {number}");
    }
}

#[tokio::test]
async fn memories_that_wait_share_one_fsync() {
    let (_folder, path) = file();
    let memories = open(&path).await.unwrap();
    let store = |number: usize| memories.store(Memory::new(format!("note {number}")));

    let start = Instant::now();
    for number in 0..10 {
        store(number).await.unwrap();
    }
    let alone = start.elapsed() / 10;
    let start = Instant::now();
    try_join_all((0..500).map(store)).await.unwrap();
    let together = start.elapsed() / 500;
    let start = Instant::now();
    drop(memories);
    let again = open(&path).await.unwrap();

    println!("one memory alone {alone:?}, of 500 at once {together:?} each, opened in {:?}", start.elapsed());
    assert_eq!(again.counts().memories, 510);
    assert!(together * 2 < alone, "{alone:?} {together:?}");
}

fn child(rule: &str, path: &Path, shell: &[&str]) -> Command {
    let executable = std::env::current_exe().unwrap();
    let mut command = if shell.is_empty() {
        Command::new(executable)
    } else {
        let mut command = Command::new("sh");
        command.args(shell).arg(executable);
        command
    };
    command.args([rule, "--exact", "--nocapture"]).env(CHILD, path);
    command
}

const CHILD: &str = "MAILY_TEST_MEMORIES";
