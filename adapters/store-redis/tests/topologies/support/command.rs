//! Commands without a store around them.

use std::time::Duration;

use bytes::Bytes;
use maily_redis::{Command, Reply};
use maily_store_redis::RedisTransport;
use tokio::time::Instant;
use tower::ServiceExt as _;

/// Sends a command, of which the second word is the key.
pub(crate) async fn call(transport: &RedisTransport, words: &[&str]) -> Reply {
    transport.clone().oneshot(command(words).with_key(1)).await.unwrap()
}

/// Returns the epoch that the transport writes into commands for a key.
pub(crate) async fn epoch(transport: &RedisTransport, key: &str) -> u64 {
    let command = command(&["EVAL", "return ARGV[1]", "1", key, "?"]).with_key(3).with_epoch(4);
    match transport.clone().oneshot(command).await.unwrap() {
        Reply::Data(epoch) => String::from_utf8_lossy(&epoch).parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn command(words: &[&str]) -> Command {
    let words = words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes()));
    Command::new(words.collect::<Vec<_>>(), Instant::now() + Duration::from_secs(20))
}
