use maily_errors::{Code, Error, TraceContext};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower::{Layer, ServiceExt, service_fn};

use super::EmbeddingsLayer;
use crate::model::{Embedding, Texts};

/// Calls an embedder that answers so, and returns each series that has a value.
fn measured(answer: Result<(), Code>) -> Vec<String> {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let inner = service_fn(|_: Texts| async move {
                answer.map(|()| vec![Embedding::normalized(vec![1.0])]).map_err(Error::from)
            });
            let embedder = EmbeddingsLayer::new("local", "tiny").layer(inner);
            let _ = embedder.oneshot(Texts::new(["Hi"]).unwrap()).await;
        });
    });
    let series = snapshots.snapshot().into_vec().into_iter().map(|(key, _, _, value)| {
        assert!(matches!(value, DebugValue::Histogram(values) if values.len() == 1));
        let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value()));
        format!("{} {}", key.key().name(), labels.collect::<Vec<_>>().join(" "))
    });
    series.collect()
}

const SERIES: &str = "gen_ai_client_operation_duration_seconds gen_ai_operation_name=embeddings \
                      gen_ai_request_model=tiny gen_ai_provider_name=local";

#[test]
fn call_is_measured_once_with_how_it_ended() {
    assert_eq!(measured(Ok(())), [SERIES]);
    assert_eq!(measured(Err(Code::EmbedderMissing)), [format!("{SERIES} error_type=embedder-missing")]);
}

#[tokio::test]
async fn embedder_works_in_a_step_of_the_trace_that_calls_it() {
    // An error carries the position in which it was made.
    let inner =
        service_fn(|_: Texts| async { Err::<Vec<Embedding>, _>(Error::new(Code::Timeout, "it is slow")) });
    let request = TraceContext::root();
    let embedder = EmbeddingsLayer::new("local", "tiny").layer(inner);

    let err = request.scope(embedder.oneshot(Texts::new(["Hi"]).unwrap())).await.unwrap_err();

    let step = err.trace().unwrap();
    assert_eq!(step.trace_id(), request.trace_id());
    assert_ne!(step.span_id(), request.span_id());
}
