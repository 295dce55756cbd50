use std::collections::BTreeMap;

use futures_util::StreamExt;
use maily_errors::Code;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower::{Layer, ServiceExt};

use super::MeterLayer;
use crate::memory::{Scripted, Step};
use crate::model::Prompt;

/// Sends one prompt for each step and returns the counters and the sizes of the histograms.
fn measured(steps: &[Step], read: usize) -> BTreeMap<String, u64> {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let node = MeterLayer::new().layer(Scripted::new(steps.to_vec()));
            for _ in steps {
                if let Ok(answer) = node.clone().oneshot(Prompt::text("m", "Hi").unwrap()).await {
                    let _ = answer.body.take(read).collect::<Vec<_>>().await;
                }
            }
        });
    });
    let values = snapshots.snapshot().into_vec();
    let value = |value| match value {
        DebugValue::Counter(count) => count,
        DebugValue::Histogram(values) => values.len() as u64,
        DebugValue::Gauge(_) => unreachable!("there is no gauge"),
    };
    let key = |key: &metrics::Key| {
        let labels: Vec<_> = key.labels().map(metrics::Label::value).collect();
        format!("{} {}", key.name(), labels.join(" "))
    };
    values.into_iter().map(|(name, _, _, seen)| (key(name.key()), value(seen))).collect()
}

#[test]
fn every_outcome_is_counted_once() {
    let steps = [
        Step::Answer("a".into()),
        Step::Cut("half".into()),
        Step::Fail(Code::NodeFailed),
        Step::Fail(Code::ModelNotFound),
    ];

    let seen = measured(&steps, usize::MAX);

    assert_eq!(seen["maily_mesh_requests_total m ok"], 1);
    assert_eq!(seen["maily_mesh_requests_total m stream-cut"], 1);
    assert_eq!(seen["maily_mesh_requests_total m node-failed"], 1);
    assert_eq!(seen["maily_mesh_requests_total unknown model-not-found"], 1);
    assert_eq!(seen["maily_mesh_requests_total m canceled"], 0);
    assert_eq!(seen["gen_ai_server_time_to_first_token_seconds m"], 2);
    assert_eq!(seen["gen_ai_server_request_duration_seconds m"], 2);
}

#[test]
fn reader_that_leaves_counts_as_canceled() {
    let seen = measured(&[Step::Answer("a".into())], 0);

    assert_eq!(seen["maily_mesh_requests_total m canceled"], 1);
    assert_eq!(seen["maily_mesh_requests_total m ok"], 0);
}
