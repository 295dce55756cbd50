use std::collections::BTreeMap;

use futures_util::StreamExt;
use maily_errors::Code;
use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower::{Layer, ServiceExt, service_fn};

use super::instruments::{Instruments, Kind, MOST_MODELS};
use super::{HISTOGRAMS, MeterLayer};
use crate::balance::{Balance, Node, Nodes};
use crate::body::Body;
use crate::memory::{Scripted, Step};
use crate::model::{Completion, Endpoint, Format, Formats, Message, Prompt};
use crate::port::Llm;

/// What was measured: for each series how many values there are, or what was counted.
type Seen = BTreeMap<String, u64>;

fn recorded(work: impl FnOnce()) -> (Seen, BTreeMap<String, Unit>) {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, work);
    let value = |value| match value {
        DebugValue::Counter(count) => count,
        DebugValue::Histogram(values) => values.len() as u64,
        DebugValue::Gauge(_) => unreachable!("there is no gauge"),
    };
    let name = |key: &metrics::Key| {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        format!("{} {}", key.name(), labels.join(" ")).trim_end().to_owned()
    };
    let (mut seen, mut units) = (Seen::new(), BTreeMap::new());
    for (key, unit, _, what) in snapshots.snapshot().into_vec() {
        units.extend(unit.map(|unit| (key.key().name().to_owned(), unit)));
        seen.insert(name(key.key()), value(what));
    }
    (seen, units)
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work);
}

/// Sends one prompt for each step and reads so many chunks.
fn measured(steps: &[Step], prompt: &Prompt, read: usize) -> Seen {
    let work = async {
        let node = MeterLayer::new().layer(Scripted::new(steps.to_vec()));
        for _ in steps {
            if let Ok(answer) = node.clone().oneshot(prompt.clone()).await {
                let _ = answer.body.take(read).collect::<Vec<_>>().await;
            }
        }
    };
    recorded(|| run(work)).0
}

fn text() -> Prompt {
    Prompt::text("m", "Hi").unwrap()
}

fn stream() -> Prompt {
    Prompt::chat("m", &[Message::user("Hi")], true).and_then(Prompt::with_stream).unwrap()
}

const DURATION: &str = "gen_ai_client_operation_duration_seconds gen_ai_operation_name=chat";
const ANSWERED: &str = "gen_ai_operation_name=chat gen_ai_request_model=m gen_ai_provider_name=maily";

#[test]
fn every_outcome_is_counted_and_timed_once() {
    let steps = [
        Step::Answer("a".into()),
        Step::Cut("half".into()),
        Step::Fail(Code::NodeFailed),
        Step::Fail(Code::ModelNotFound),
    ];

    let seen = measured(&steps, &text(), usize::MAX);

    assert_eq!(seen["maily_mesh_requests_total model=m outcome=ok"], 1);
    assert_eq!(seen["maily_mesh_requests_total model=m outcome=stream-cut"], 1);
    assert_eq!(seen["maily_mesh_requests_total model=m outcome=node-failed"], 1);
    assert_eq!(seen["maily_mesh_requests_total model=unknown outcome=model-not-found"], 1);
    assert_eq!(seen["maily_mesh_requests_total model=m outcome=canceled"], 0);
    let duration = |rest: &str| seen[&format!("{DURATION} {rest}")];
    assert_eq!(duration("gen_ai_request_model=m gen_ai_provider_name=maily"), 1);
    assert_eq!(duration("gen_ai_request_model=m gen_ai_provider_name=maily error_type=stream-cut"), 1);
    assert_eq!(duration("gen_ai_request_model=m error_type=node-failed"), 1);
    assert_eq!(duration("gen_ai_request_model=unknown error_type=model-not-found"), 1);
}

#[test]
fn reader_that_leaves_counts_as_canceled() {
    let seen = measured(&[Step::Answer("a".into())], &text(), 0);

    assert_eq!(seen["maily_mesh_requests_total model=m outcome=canceled"], 1);
    assert_eq!(seen["maily_mesh_requests_total model=m outcome=ok"], 0);
    let series = format!("{DURATION} gen_ai_request_model=m gen_ai_provider_name=maily error_type=canceled");
    assert_eq!(seen[&series], 1);
}

#[test]
fn stream_is_timed_to_its_first_chunk_and_between_chunks() {
    let answer = "one two three four";
    let seen = measured(&[Step::Answer(answer.into())], &stream(), usize::MAX);
    let of = |name: &str| seen[&format!("{name} {ANSWERED}")];

    assert_eq!(of("gen_ai_client_operation_time_to_first_chunk_seconds"), 1);
    assert_eq!(of("gen_ai_server_time_to_first_token_seconds"), 1);
    assert_eq!(of("gen_ai_server_time_per_output_token_seconds"), 1);
    assert!(of("gen_ai_client_operation_time_per_output_chunk_seconds") >= 3, "{seen:?}");
}

#[test]
fn answer_in_one_piece_has_no_first_token() {
    let seen = measured(&[Step::Answer("one two".into())], &text(), usize::MAX);

    for (series, values) in &seen {
        assert!(*values == 0 || !series.contains("_time_"), "{series} in {seen:?}");
    }
}

#[test]
fn tokens_are_those_that_the_node_says() {
    let usage = |prompt: &Prompt, step| {
        let seen = measured(&[step], prompt, usize::MAX);
        ["input", "output"]
            .map(|of| seen[&format!("gen_ai_client_token_usage {ANSWERED} gen_ai_token_type={of}")])
    };

    assert_eq!(usage(&text(), Step::Answer("one two".into())), [1, 1]);
    assert_eq!(usage(&stream(), Step::Answer("one two".into())), [1, 1]);
    assert_eq!(usage(&stream(), Step::Cut("one two".into())), [0, 0], "what broke off was not counted");
}

#[test]
fn decoded_stream_counts_as_it_ended() {
    fn read(node: impl Llm<Future: Send>) -> Seen {
        let work = async {
            let answer = MeterLayer::new().layer(node).oneshot(stream()).await.unwrap();
            drop(answer.into_text().await);
        };
        recorded(|| run(work)).0
    }

    let whole = read(Scripted::new([Step::Answer("one two".into())]));
    assert_eq!(whole["maily_mesh_requests_total model=m outcome=ok"], 1);
    assert_eq!(whole["maily_mesh_requests_total model=m outcome=canceled"], 0);
    for of in ["input", "output"] {
        assert_eq!(whole[&format!("gen_ai_client_token_usage {ANSWERED} gen_ai_token_type={of}")], 1);
    }
    let nonsense = || Body::stream(futures_util::stream::iter([Ok("data: nonsense\n\n".into())]));
    let node = service_fn(move |_| std::future::ready(Ok(Completion::new(true, nonsense()))));
    assert_eq!(read(node)["maily_mesh_requests_total model=m outcome=stream-malformed"], 1);
}

#[test]
fn provider_is_that_of_the_node_and_the_operation_that_of_the_format() {
    let work = async {
        let nodes = Nodes::default();
        let answer = Step::Answer("Hello".into());
        let vendor = Endpoint::of("https", Formats::CHAT, "https://api.mistral.ai/v1");
        nodes.insert(Node::new("vendor", Scripted::new([answer])).with_endpoint(vendor));
        let node = MeterLayer::new().layer(Balance::new(nodes));
        let prompt = Prompt::parse_as(Format::Completions, r#"{"model":"m","prompt":"Hi"}"#).unwrap();
        node.oneshot(prompt).await.unwrap().into_text().await.unwrap();
    };

    let (seen, _) = recorded(|| run(work));

    let labels =
        "gen_ai_operation_name=text_completion gen_ai_request_model=m gen_ai_provider_name=mistral_ai";
    assert_eq!(seen[&format!("gen_ai_client_operation_duration_seconds {labels}")], 1, "{seen:?}");
}

#[test]
fn recorder_is_told_every_unit() {
    let work = async {
        let node = MeterLayer::new().layer(Scripted::new([Step::Answer("a".into())]));
        node.oneshot(text()).await.unwrap().into_text().await.unwrap();
    };

    let (_, units) = recorded(|| run(work));

    for of in HISTOGRAMS {
        let expected = if of.name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        assert_eq!(units[of.name], expected, "{}", of.name);
        assert!(of.buckets.is_sorted() && !of.buckets.is_empty());
    }
}

#[test]
fn models_that_clients_make_up_share_their_instruments() {
    let (seen, _) = recorded(|| {
        let instruments = Instruments::default();
        for number in 0..MOST_MODELS + 50 {
            let name = format!("made-up-{number}").as_str().into();
            instruments.of(&name, Kind::new(Format::Chat, None)).ok(std::time::Duration::ZERO);
        }
    });

    let answered =
        |model: &str| seen.get(&format!("maily_mesh_requests_total model={model} outcome=ok")).copied();
    assert_eq!(answered("made-up-0"), Some(1));
    assert_eq!(answered(&format!("made-up-{}", MOST_MODELS - 1)), Some(1));
    assert_eq!(answered(&format!("made-up-{MOST_MODELS}")), None);
    assert_eq!(answered("other"), Some(50));
}
