use std::collections::BTreeMap;
use std::future::pending;

use bytes::Bytes;
use maily_errors::{Code, Error, Result};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

use super::MeterLayer;
use crate::layer::Database;
use crate::model::{Command, Reply};

/// Answers by the second word of a command: a value, a refusal, an error, or nothing.
async fn answer(command: Command) -> Result<Reply> {
    match command.arguments[1].as_ref() {
        b"refused" => Ok(Reply::refused("WRONGTYPE", "a text")),
        b"script" => Ok(Reply::refused("secret-word", "a text")),
        b"fails" => Err(Error::from(Code::RedisUnreachable)),
        b"hangs" => pending().await,
        _ => Ok(Reply::Nil),
    }
}

/// Sends the commands and returns how often each set of labels was seen.
fn measured(commands: &[[&'static str; 2]]) -> BTreeMap<String, usize> {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let meter = MeterLayer::new(Database::new("valkey", "cache", 6379)).layer(service_fn(answer));
            for words in commands {
                let command =
                    Command::new(words.map(|word| Bytes::from_static(word.as_bytes())), Instant::now());
                let call = meter.clone().oneshot(command);
                tokio::select! {
                    biased;
                    _ = call => {}
                    () = std::future::ready(()) => {}
                }
            }
        });
    });
    let label = |key: &metrics::Key| {
        let labels: Vec<_> = key.labels().skip(1).map(metrics::Label::value).collect();
        format!("{} {}", key.name(), labels.join(" "))
    };
    let count = |value| match value {
        DebugValue::Histogram(values) => values.len(),
        _ => unreachable!("there is nothing but the histogram"),
    };
    snapshots
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| (label(key.key()), count(value)))
        .collect()
}

#[test]
fn every_command_is_measured_by_name_and_outcome() {
    let seen = measured(&[
        ["GET", "a"],
        ["GET", "b"],
        ["GET", "refused"],
        ["SET", "fails"],
        ["GET", "hangs"],
        ["MADEUP", "a"],
        ["EVALSHA", "script"],
    ]);

    let name = "db_client_operation_duration_seconds";
    let expected = [
        ("GET cache 6379", 2),
        ("GET cache 6379 refused WRONGTYPE", 1),
        ("SET cache 6379 redis-unreachable", 1),
        ("GET cache 6379 canceled", 1),
        ("other cache 6379", 1),
        ("EVALSHA cache 6379 refused other", 1),
    ];
    assert_eq!(seen, expected.map(|(labels, count)| (format!("{name} {labels}"), count)).into());
}
