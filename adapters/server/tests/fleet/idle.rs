//! Ten thousand streams that say nothing for a while.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use maily_server::http::raise_file_limit;

use crate::node::{Act, Node};
use crate::support::{Instance, Stream, until};

const WANTED: usize = 10_000;
/// Files that a process needs beside its streams.
const OTHERS: usize = 400;

/// Kilobytes that a process has in memory.
fn resident_kb(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_streams_cost_little_and_all_go_on() {
    // A stream takes two files of the server, and two of this process, which is client and node.
    let files = raise_file_limit();
    let count = WANTED.min((usize::try_from(files).unwrap_or(usize::MAX) - OTHERS) / 2);
    if count < WANTED {
        println!("{count} streams, not {WANTED}: this process may have {files} files open, and no more");
    }
    let node = Node::start(Act::Hold).await;
    let patient = [
        ("MAILY__MESH__DEADLINE__BETWEEN_MS", "600000"),
        ("MAILY__MESH__DEADLINE__FIRST_TOKEN_MS", "600000"),
        ("MAILY__MESH__DEADLINE__HEADERS_MS", "600000"),
        ("MAILY__MESH__HEDGE__ENABLED", "false"),
    ];
    let server = Instance::start(None, &[&node], &patient).await;
    let mut first = Stream::begin(&server.address).await.unwrap();
    assert!(first.has("first").await);
    let before = resident_kb(server.id());

    let start = Instant::now();
    let begin = async |_| {
        let mut stream = Stream::begin(&server.address).await.unwrap();
        assert!(stream.has("first").await, "a stream did not begin");
        stream
    };
    let mut open: Vec<_> = stream::iter(1..count).map(begin).buffer_unordered(200).collect().await;
    open.push(first);
    assert_eq!((open.len(), node.open()), (count, count));
    let opened = start.elapsed();
    let after = resident_kb(server.id());

    let start = Instant::now();
    node.send_word();
    for stream in &mut open {
        assert!(stream.has("word-1").await, "a stream ended");
    }
    let told = start.elapsed();
    drop(open);
    let gone = until("the node is told that all left", async || node.open() == 0).await;

    let each = (after - before) as f64 / (count - 1) as f64;
    println!(
        "{count} idle streams opened in {opened:?}: {each:.1} kB each ({before} kB before, {after} kB after); a word \
         reached all in {told:?}, the node was told that they left in {gone:?}"
    );
    assert!(each < 200.0, "{each} kB");
    assert!(told < Duration::from_secs(60));
}
